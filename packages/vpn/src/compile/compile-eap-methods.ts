import { EapType } from '@ipsec-kit/eap';
import { EAP_METHODS } from '../eap/eap-setting.ts';
import type { EapMethodOptions } from '../eap-options.ts';
import type { VpnOptions } from '../options.ts';
import { isObject, type OptionChecks } from './option-checks.ts';

const MAX_METHODS = 16;
const NAME = /^eap-[a-z0-9][a-z0-9-]{0,30}$/;
/** Words of `auth` that are no method, and the methods. */
const TAKEN_NAMES: ReadonlySet<string> = new Set([...EAP_METHODS, 'eap-radius', 'eap-dynamic']);
const TAKEN_TYPES: ReadonlySet<number> = new Set([
  ...[EapType.MD5_CHALLENGE, EapType.GTC, EapType.TLS, EapType.TTLS, EapType.MSCHAPV2],
]);

/** Checks methods of EAP that somebody else has written; by their names in `auth`. */
export function compileEapMethods(
  checks: OptionChecks,
  { eapMethods }: VpnOptions,
): ReadonlyMap<string, EapMethodOptions> {
  const methods = new Map<string, EapMethodOptions>();
  if (eapMethods === undefined) return methods;
  if (!Array.isArray(eapMethods) || eapMethods.length > MAX_METHODS) {
    const sentence = `expected a list of at most ${MAX_METHODS} methods`;
    checks.problem('invalid-value', 'eapMethods', sentence);
    return methods;
  }
  const entries: readonly EapMethodOptions[] = eapMethods;
  for (const [index, one] of entries.entries()) {
    const path = `eapMethods[${index}]`;
    if (!isObject(one)) {
      checks.problem('invalid-value', path, 'expected { name, method, perform }');
      continue;
    }
    checks.object(path, one, ['name', 'method', 'perform']);
    const fault = faultOf(one, [...methods.values()]);
    if (fault) checks.problem('invalid-value', `${path}.${fault.key}`, fault.sentence);
    else methods.set(one.name, one);
  }
  return methods;
}

interface Fault {
  readonly key: 'name' | 'method' | 'perform';
  readonly sentence: string;
}

function faultOf(
  { name, method, perform }: EapMethodOptions,
  others: readonly EapMethodOptions[],
): Fault | undefined {
  if (typeof name !== 'string' || !NAME.test(name)) {
    const sentence = 'expected eap- and small letters, digits and hyphens, as in eap-aka';
    return { key: 'name', sentence };
  }
  if (TAKEN_NAMES.has(name) || others.some((other) => other.name === name)) {
    return { key: 'name', sentence: `${name} is the name of another method: choose a free one` };
  }
  const isMethod =
    isObject(method) &&
    typeof method.createPeer === 'function' &&
    typeof method.createAuthenticator === 'function' &&
    typeof method.isMutual === 'boolean' &&
    typeof method.name === 'string';
  if (!isMethod) {
    const sentence =
      'expected an EapMethod: { type, name, isMutual, createPeer, createAuthenticator }';
    return { key: 'method', sentence };
  }
  // RFC 3748 §5: 1 to 3 are no methods, and what comes behind 253 has another form.
  const { type } = method;
  if (!Number.isInteger(type) || type < 4 || type > 253) {
    return { key: 'method', sentence: `expected a type of 4 to 253, got ${String(type)}` };
  }
  if (TAKEN_TYPES.has(type) || others.some((other) => other.method.type === type)) {
    return { key: 'method', sentence: `there is a method of the type ${type} already` };
  }
  return perform === undefined || typeof perform === 'function'
    ? undefined
    : { key: 'perform', sentence: 'expected a function that does the work of the method' };
}
