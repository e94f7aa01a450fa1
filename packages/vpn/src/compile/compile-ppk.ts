import type { ConnectionConfig, Ppk } from '@ipsec-kit/ikev2';
import type { ConnectionOptions, PpkOptions } from '../options.ts';
import { compileIdentity } from './compile-identity.ts';
import { compileSecretBytes } from './compile-secrets.ts';
import { quoted } from './config-problem.ts';
import { isObject, join, type OptionChecks } from './option-checks.ts';

const MAX_PPKS = 10_000;
const MAX_ID_BYTES = 1_023;

/** Compiles the post-quantum pre-shared keys. No sentence ever holds one. @see RFC 8784 §2 */
export function compilePpks(
  checks: OptionChecks,
  options: readonly PpkOptions[] | undefined,
): readonly Ppk[] {
  if (options === undefined) return [];
  if (!Array.isArray(options)) {
    checks.problem('invalid-value', 'ppks', 'expected a list of post-quantum pre-shared keys');
    return [];
  }
  const ppks = new Map<string, Ppk>();
  const given: readonly PpkOptions[] = options;
  for (const [index, option] of given.entries()) {
    addPpk(checks, `ppks[${index}]`, option, ppks);
    if (ppks.size <= MAX_PPKS) continue;
    const sentence = `at most ${MAX_PPKS} names of post-quantum pre-shared keys are kept`;
    checks.problem('invalid-value', `ppks[${index}]`, sentence);
    return [];
  }
  return [...ppks.values()];
}

function addPpk(
  checks: OptionChecks,
  path: string,
  option: PpkOptions,
  ppks: Map<string, Ppk>,
): void {
  if (!isObject(option)) {
    checks.problem('invalid-value', path, 'expected { secret, ids }');
    return;
  }
  checks.object(path, option, ['ids', 'secret']);
  const key = compileSecretBytes(checks, `${path}.secret`, option.secret);
  const ids = checks.strings(`${path}.ids`, option.ids);
  if (ids.length === 0) {
    const sentence =
      'a post-quantum pre-shared key needs the name that its peers have for it: add id = ...';
    checks.problem('missing-value', `${path}.ids`, sentence);
  }
  for (const [at, text] of ids.slice(0, MAX_PPKS).entries()) {
    const id = ppkId(checks, `${path}.ids[${at}]`, text);
    if (!id || !key) continue;
    if (ppks.has(id.join())) {
      const sentence = `there are two post-quantum pre-shared keys with the name ${quoted(text)}`;
      checks.problem('invalid-value', `${path}.ids[${at}]`, sentence);
    } else ppks.set(id.join(), { id, key });
  }
}

/** Which of them a connection uses: as initiator the one that it names, as responder that one alone, or any. @see RFC 8784 §3 */
export function compilePpkUse(
  checks: OptionChecks,
  path: string,
  { ppkId: text, ppkIdType, ppkRequired }: ConnectionOptions,
  keys: readonly Ppk[],
): Pick<ConnectionConfig, 'ppk'> {
  const required = checks.boolean(join(path, 'ppkRequired'), ppkRequired, false);
  const type = join(path, 'ppkIdType');
  const idType = checks.choice(type, ppkIdType, ['fixed', 'opaque'], 'fixed');
  if (text === undefined) {
    if (required && keys.length === 0) {
      const sentence =
        'a post-quantum pre-shared key is required, and there is none: add one to the secrets, as ppk { id = ... secret = ... }';
      checks.problem('missing-value', join(path, 'ppkRequired'), sentence);
    }
    return keys.length === 0 ? {} : { ppk: { required, keys } };
  }
  const at = join(path, 'ppkId');
  const id = ppkId(checks, at, text);
  if (!id) return {};
  const own = keys.find((one) => one.id.join() === id.join());
  if (!own) {
    const sentence = `there is no post-quantum pre-shared key with the name ${quoted(text)}: add it to the secrets, as ppk { id = ... secret = ... }`;
    checks.problem('missing-value', at, sentence);
    return {};
  }
  return { ppk: { required, own: { ...own, idType }, keys } };
}

/** A name is written as identities are, and goes over the wire as their content does, without the kind of identity. */
function ppkId(checks: OptionChecks, path: string, text: unknown): Uint8Array | undefined {
  const identity = typeof text === 'string' ? compileIdentity(checks, path, text) : undefined;
  const bytes = identity?.data.length ?? 0;
  if (identity && bytes > 0 && bytes <= MAX_ID_BYTES) return identity.data;
  checks.problem('invalid-value', path, `expected a name of 1 to ${MAX_ID_BYTES} bytes`);
  return undefined;
}
