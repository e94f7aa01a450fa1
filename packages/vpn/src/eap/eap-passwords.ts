import { constantTimeEqual, KeyMaterial } from '@ipsec-kit/crypto';
import type { EapPasswordQuestion } from '../options.ts';
import type { CompiledEap } from './compiled-eap.ts';

/** Longest password that is taken from whoever is asked. */
const MAX_PASSWORD_BYTES = 1_024;

/** Finds passwords: those of the configuration first, then whoever is asked. */
export interface EapPasswords {
  /** A copy, for whoever erases it; `undefined` when there is none. Never rejects. */
  find(question: EapPasswordQuestion): Promise<KeyMaterial | undefined>;
  /** Whether a password is the user's; in constant time. */
  isRight(question: EapPasswordQuestion, password: KeyMaterial): Promise<boolean>;
}

/** Makes the passwords of one configuration. */
export function createEapPasswords({
  passwords,
  passwordSource,
}: Pick<CompiledEap, 'passwords' | 'passwordSource'>): EapPasswords {
  async function find(question: EapPasswordQuestion): Promise<KeyMaterial | undefined> {
    const known = passwords.get(question.user);
    if (known) return new KeyMaterial(known.reveal().slice());
    if (!passwordSource) return undefined;
    try {
      return materialOf(await passwordSource(question));
    } catch {
      // What it says may hold what it was asked for.
      return undefined;
    }
  }
  return {
    find,
    async isRight(question, password) {
      const expected = await find(question);
      const isRight =
        expected !== undefined && constantTimeEqual(expected.reveal(), password.reveal());
      expected?.erase();
      return isRight;
    },
  };
}

function materialOf(password: string | Uint8Array | undefined): KeyMaterial | undefined {
  if (password === undefined) return undefined;
  const bytes =
    typeof password === 'string' ? new TextEncoder().encode(password) : Uint8Array.from(password);
  const isUsable = bytes.length > 0 && bytes.length <= MAX_PASSWORD_BYTES;
  return isUsable ? new KeyMaterial(bytes) : undefined;
}
