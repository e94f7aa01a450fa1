import { KeyMaterial } from '@ipsec-kit/crypto';
import { parseAddress } from '@ipsec-kit/ip';
import type { CompiledEap, CompiledRadius } from '../eap/compiled-eap.ts';
import type { EapSecretOptions, RadiusServerOptions, VpnOptions } from '../options.ts';
import { compileEapMethods } from './compile-eap-methods.ts';
import { isObject, type OptionChecks } from './option-checks.ts';

const MAX_PASSWORDS = 100_000;
const MAX_SECRET_BYTES = 1_024;
const MAX_NAME_BYTES = 253;

/** What EAP of all connections shares. */
export type EapStore = Omit<CompiledEap, 'connections'>;

/** Compiles passwords, methods of others and RADIUS servers. No sentence ever holds a secret. */
export function compileEap(checks: OptionChecks, options: VpnOptions): EapStore {
  const { eapPassword } = options;
  if (eapPassword !== undefined && typeof eapPassword !== 'function') {
    checks.problem('invalid-value', 'eapPassword', 'expected a function that finds passwords');
  }
  const radius = compileRadius(checks, options);
  return {
    passwords: compilePasswords(checks, options),
    methods: compileEapMethods(checks, options),
    ...(typeof eapPassword === 'function' ? { passwordSource: eapPassword } : {}),
    ...(radius ? { radius } : {}),
  };
}

function compilePasswords(
  checks: OptionChecks,
  { eapSecrets }: VpnOptions,
): ReadonlyMap<string, KeyMaterial> {
  const passwords = new Map<string, KeyMaterial>();
  if (eapSecrets === undefined) return passwords;
  if (!Array.isArray(eapSecrets) || eapSecrets.length > MAX_PASSWORDS) {
    const sentence = `expected a list of at most ${MAX_PASSWORDS} passwords`;
    checks.problem('invalid-value', 'eapSecrets', sentence);
    return passwords;
  }
  const entries: readonly EapSecretOptions[] = eapSecrets;
  for (const [index, one] of entries.entries()) {
    const path = `eapSecrets[${index}]`;
    if (!isObject(one)) {
      checks.problem('invalid-value', path, 'expected { ids, secret }');
      continue;
    }
    checks.object(path, one, ['ids', 'secret']);
    const ids = checks.strings(`${path}.ids`, one.ids);
    if (ids.length === 0) {
      const sentence =
        'the name of the user is missing: write id = ..., since nobody has all names';
      checks.problem('missing-value', `${path}.ids`, sentence);
    }
    const bytes = secretOf(checks, `${path}.secret`, one.secret);
    if (!bytes) continue;
    for (const id of ids) passwords.set(id, new KeyMaterial(bytes.slice()));
  }
  return passwords;
}

function compileRadius(checks: OptionChecks, { radius }: VpnOptions): CompiledRadius | undefined {
  if (radius === undefined) return undefined;
  checks.object('radius', radius, [
    ...['servers', 'nasIdentifier', 'retransmitTimeoutMs', 'retransmitTries'],
  ]);
  if (!isObject(radius)) return undefined;
  const list: readonly RadiusServerOptions[] = Array.isArray(radius.servers) ? radius.servers : [];
  if (list.length === 0 || list.length > 16) {
    checks.problem('invalid-value', 'radius.servers', 'expected 1 to 16 RADIUS servers');
    return undefined;
  }
  const servers = list.flatMap((one, index) => {
    const path = `radius.servers[${index}]`;
    if (!isObject(one)) {
      checks.problem('invalid-value', path, 'expected { address, secret }');
      return [];
    }
    checks.object(path, one, ['address', 'port', 'secret']);
    const isAddress = typeof one.address === 'string' && parseAddress(one.address) !== undefined;
    if (!isAddress) checks.invalid(`${path}.address`, 'an IP address', one.address);
    const limits = { min: 1, max: 65_535, fallback: 1812 };
    const port = checks.integer(`${path}.port`, one.port, limits);
    const secret = secretOf(checks, `${path}.secret`, one.secret);
    return isAddress && secret
      ? [{ address: one.address, port, secret: new KeyMaterial(secret) }]
      : [];
  });
  const name = new TextEncoder().encode(radius.nasIdentifier ?? 'ipsec-kit');
  if (name.length === 0 || name.length > MAX_NAME_BYTES) {
    const sentence = `expected 1 to ${MAX_NAME_BYTES} bytes`;
    checks.problem('invalid-value', 'radius.nasIdentifier', sentence);
  }
  const first = { min: 10, max: 60_000, fallback: 1_000 };
  const tries = { min: 0, max: 9, fallback: 2 };
  return {
    servers,
    nasIdentifier: name,
    firstTimeoutMs: checks.durationMs(
      'radius.retransmitTimeoutMs',
      radius.retransmitTimeoutMs,
      first,
    ),
    transmissions: 1 + checks.integer('radius.retransmitTries', radius.retransmitTries, tries),
  };
}

function secretOf(checks: OptionChecks, path: string, secret: unknown): Uint8Array | undefined {
  const bytes =
    typeof secret === 'string'
      ? new TextEncoder().encode(secret)
      : secret instanceof Uint8Array
        ? Uint8Array.from(secret)
        : undefined;
  if (bytes && bytes.length > 0 && bytes.length <= MAX_SECRET_BYTES) return bytes;
  checks.problem('invalid-value', path, `expected text or bytes, 1 to ${MAX_SECRET_BYTES}`);
  return undefined;
}
