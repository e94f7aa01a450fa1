import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { Identity } from './identity.ts';
import { IdentityMatch, type IdentityPattern, matchIdentity } from './identity-pattern.ts';

/** A pre-shared key and whom it is for. */
export interface SecretEntry {
  /** Identities of either end; none: everyone. */
  readonly ids: readonly IdentityPattern[];
  readonly secret: KeyMaterial;
}

/** Finds pre-shared keys by the identities of both ends. */
export interface SecretStore {
  /** The secret that fits best: by the remote identity first, by the local one among equals, then the one that was listed first.
   * An entry that fits one of the two only is still a candidate, as in strongSwan; so name the remote identity in an entry
   * that must serve that peer alone.
   * @returns `undefined` when no entry fits either end.
   */
  find(local: Identity, remote: Identity): KeyMaterial | undefined;
}

/** Makes a store of pre-shared keys; the list is copied.
 * @throws Error on an empty secret, with which anyone could authenticate.
 */
export function createSecretStore(entries: readonly SecretEntry[]): SecretStore {
  const list = [...entries];
  for (const [index, { secret }] of list.entries()) {
    if (secret.length === 0) {
      throw new RangeError(`"entries[${index}].secret" expected at least one byte, got none`);
    }
  }
  return {
    find(local, remote) {
      let best: { remote: number; local: number; secret?: KeyMaterial } = { remote: 0, local: 0 };
      for (const { ids, secret } of list) {
        const match = { remote: bestMatch(ids, remote), local: bestMatch(ids, local), secret };
        const isBetter =
          match.remote > best.remote || (match.remote === best.remote && match.local > best.local);
        if (isBetter) best = match;
      }
      return best.secret;
    },
  };
}

function bestMatch(ids: readonly IdentityPattern[], identity: Identity): number {
  if (ids.length === 0) return IdentityMatch.ANY;
  return ids.reduce((best, pattern) => Math.max(best, matchIdentity(pattern, identity)), 0);
}
