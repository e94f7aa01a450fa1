import type { SecretEntry } from '@ipsec-kit/auth';
import { KeyMaterial } from '@ipsec-kit/crypto';
import type { SecretOptions } from '../options.ts';
import { compileIdentityPattern } from './compile-identity.ts';
import { isObject, type OptionChecks } from './option-checks.ts';

const MAX_SECRETS = 100_000;
const MAX_SECRET_BYTES = 4096;
const MAX_IDENTITIES = 1000;

/** Compiles the pre-shared keys. No sentence ever holds one. */
export function compileSecrets(
  checks: OptionChecks,
  options: readonly SecretOptions[] | undefined,
): readonly SecretEntry[] {
  if (options === undefined) return [];
  if (!Array.isArray(options)) {
    checks.problem('invalid-value', 'secrets', 'expected a list of secrets');
    return [];
  }
  if (options.length > MAX_SECRETS) {
    checks.problem('invalid-value', 'secrets', `at most ${MAX_SECRETS} secrets are kept`);
    return [];
  }
  return options.flatMap((option, index) => compileSecret(checks, `secrets[${index}]`, option));
}

function compileSecret(
  checks: OptionChecks,
  path: string,
  option: SecretOptions,
): readonly SecretEntry[] {
  if (!isObject(option)) {
    checks.problem('invalid-value', path, 'expected { secret, ids }');
    return [];
  }
  checks.object(path, option, ['ids', 'secret']);
  const secret = compileSecretBytes(checks, `${path}.secret`, option.secret);
  const ids = checks.strings(`${path}.ids`, option.ids);
  if (secret === undefined) return [];
  if (ids.length > MAX_IDENTITIES) {
    checks.problem('invalid-value', `${path}.ids`, `at most ${MAX_IDENTITIES} identities`);
    return [];
  }
  const patterns = ids.map((id, at) => compileIdentityPattern(checks, `${path}.ids[${at}]`, id));
  return [{ ids: patterns, secret }];
}

/** Compiles one secret. @returns `undefined` after a mistake. */
export function compileSecretBytes(
  checks: OptionChecks,
  path: string,
  secret: unknown,
): KeyMaterial | undefined {
  const bytes = secretBytes(secret);
  if (bytes === undefined) {
    checks.problem('invalid-value', path, 'expected text or bytes');
    return undefined;
  }
  if (bytes.length === 0 || bytes.length > MAX_SECRET_BYTES) {
    const sentence = `expected 1 to ${MAX_SECRET_BYTES} bytes, got ${bytes.length}`;
    checks.problem('invalid-value', path, sentence);
    return undefined;
  }
  return new KeyMaterial(bytes);
}

/** A copy, since key material takes its bytes over. */
function secretBytes(secret: unknown): Uint8Array | undefined {
  if (typeof secret === 'string') return new TextEncoder().encode(secret);
  return secret instanceof Uint8Array ? Uint8Array.from(secret) : undefined;
}
