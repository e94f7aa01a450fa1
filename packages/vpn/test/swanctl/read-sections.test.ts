import { readSections, type SettingsFiles } from '@ipsec-kit/vpn/swanctl';
import { describe, expect, it } from 'vitest';

const only = (text: string): SettingsFiles => ({
  read: (path) => (path === 'x.conf' ? { ok: true, text } : { ok: false, reason: 'gone' }),
  match: () => [],
});
const read = (text: string) => readSections({ configFile: 'x.conf', files: only(text) });

describe('reading what is written', () => {
  it('keeps keys that a tunnel would not take, and what sections inherit', () => {
    const result = read(`
base { local { certs = a.pem } }
connections { home : base { local { auth = pubkey } } }`);
    const home = result.ok
      ? result.root.sections.get('connections')?.sections.get('home')
      : undefined;
    const local = home?.sections.get('local')?.values ?? new Map<string, string>();
    expect(Object.fromEntries(local)).toEqual({ auth: 'pubkey', certs: 'a.pem' });
  });

  it('says where the text is no configuration, and what file is not there', () => {
    const broken = read('connections {');
    expect(broken.ok ? [] : broken.errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('x.conf:'),
    ]);
    const gone = readSections({ configFile: 'y.conf', files: only('') });
    expect(gone).toMatchObject({ ok: false, errors: [{ code: 'file-unreadable' }] });
  });
});
