import {
  createSecretStore,
  type Identity,
  parseIdentity,
  parseIdentityPattern,
  type SecretEntry,
} from '@ipsec-kit/auth';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';

function identity(text: string): Identity {
  const result = parseIdentity(text);
  if (!result.ok) throw new Error(result.sentence);
  return result.identity;
}

function entry(secret: string, ...ids: string[]): SecretEntry {
  const patterns = ids.map((id) => {
    const result = parseIdentityPattern(id);
    if (!result.ok) throw new Error(result.sentence);
    return result.pattern;
  });
  return { ids: patterns, secret: new KeyMaterial(Uint8Array.from(Buffer.from(secret))) };
}

/** The secret that a store of these entries has for `local` and `remote`. */
function find(entries: SecretEntry[], local: string, remote: string): string | undefined {
  const found = createSecretStore(entries).find(identity(local), identity(remote));
  return found && Buffer.from(found.reveal()).toString();
}

describe('createSecretStore', () => {
  it('gives the secret of an entry without identities to everyone', () => {
    expect(find([entry('all')], 'gw', 'carol@example.org')).toBe('all');
  });

  it('prefers exact identities to wildcards, and wildcards to anyone', () => {
    const entries = [
      entry('any'),
      entry('wild', '*@example.org'),
      entry('carol', 'carol@example.org'),
      entry('explicit any', '%any'),
    ];
    expect(find(entries, 'gw', 'carol@example.org')).toBe('carol');
    expect(find(entries, 'gw', 'dave@example.org')).toBe('wild');
    expect(find(entries, 'gw', 'dave@example.com')).toBe('any');
  });

  it('looks at the remote identity first, then at the local one', () => {
    const entries = [
      entry('local only', 'gw'),
      entry('remote only', 'carol@example.org'),
      entry('both', 'gw', 'carol@example.org'),
      entry('both again', 'gw', 'carol@example.org'),
    ];
    expect(find(entries, 'gw', 'carol@example.org')).toBe('both');
    expect(find(entries, 'other', 'carol@example.org')).toBe('remote only');
    expect(find(entries, 'gw', 'dave@example.org')).toBe('local only');
  });

  it('has nothing for a pair that no entry names', () => {
    expect(find([entry('carol', 'carol@example.org')], 'gw', 'dave@example.org')).toBeUndefined();
    expect(find([], 'gw', 'dave@example.org')).toBeUndefined();
  });

  it('takes the best of several identities in one entry', () => {
    const entries = [entry('one', 'dave@example.org', '%any'), entry('two', '*@example.org')];
    expect(find(entries, 'gw', 'dave@example.org')).toBe('one');
    expect(find(entries, 'gw', 'carol@example.org')).toBe('two');
    expect(find(entries, 'gw', '10.0.0.1')).toBe('one');
  });

  it('does not change when the list that it was made of does', () => {
    const entries = [entry('all')];
    const store = createSecretStore(entries);
    entries.pop();
    expect(store.find(identity('a'), identity('b'))?.length).toBe(3);
  });

  it('refuses an empty secret, with which anyone could authenticate', () => {
    expect(() => createSecretStore([entry('x'), entry('')])).toThrow(
      '"entries[1].secret" expected at least one byte, got none',
    );
  });
});
