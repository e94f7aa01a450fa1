import {
  addressBits,
  type IpAddress,
  networkPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
  parseRange,
  rangeToPrefixes,
} from '@ipsec-kit/ip';
import type { OptionChecks } from './option-checks.ts';

/** What `local_addrs` or `remote_addrs` says. */
export interface CompiledAddresses {
  /** Addresses that match; empty is any. Those of {@link CompiledAddresses.targets} that are names are not in it. */
  readonly prefixes: readonly Prefix[];
  /** Addresses and host names, in order: where an initiator sends from, or to. Prefixes and ranges are no targets. */
  readonly targets: readonly AddressTarget[];
}

/** One concrete peer or own address, perhaps still to be resolved. */
export type AddressTarget =
  | { readonly kind: 'address'; readonly address: IpAddress }
  | { readonly kind: 'name'; readonly name: string };

const MAX_ADDRESSES = 256;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** Compiles a list of addresses, prefixes, ranges, host names and `%any`; none given is any. */
export function compileAddresses(
  checks: OptionChecks,
  path: string,
  texts: readonly string[],
): CompiledAddresses {
  const prefixes: Prefix[] = [];
  const targets: AddressTarget[] = [];
  let any = texts.length === 0;
  if (texts.length > MAX_ADDRESSES) {
    checks.problem('invalid-value', path, `at most ${MAX_ADDRESSES} addresses are accepted`);
    return { prefixes, targets };
  }
  for (const [index, raw] of texts.entries()) {
    const text = raw.trim();
    const range = anyRange(text) ?? parseRangeOf(text);
    const address = parseAddress(text);
    if (text === '%any' || text === '0.0.0.0' || text === '::') any = true;
    else if (address) targets.push({ kind: 'address', address });
    else if (!range && isHostName(text)) targets.push({ kind: 'name', name: text });
    else if (!range) {
      const expected = 'an address, a prefix, a range, a host name or %any';
      checks.invalid(`${path}[${index}]`, expected, raw);
    }
    prefixes.push(...(range ?? []));
  }
  return { prefixes: any ? [] : prefixes, targets };
}

/** Whether the text may be a host name; nothing is looked up. Digits alone would be a mistyped address.
 * @see RFC 1123 §2.1
 */
export function isHostName(text: string): boolean {
  if (text.length > 254 || /^[\d.]*$/.test(text)) return false;
  const labels = (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  return labels.every((label) => LABEL.test(label));
}

function parseRangeOf(text: string): readonly Prefix[] | undefined {
  const prefix = parsePrefix(text);
  if (prefix) return [networkPrefix(prefix)];
  const range = parseRange(text);
  return range && rangeToPrefixes(range.start, range.end);
}

function anyRange(text: string): readonly Prefix[] | undefined {
  if (text !== '%any4' && text !== '%any6') return undefined;
  const version = text === '%any4' ? 4 : 6;
  const address: IpAddress = { version, bytes: new Uint8Array(addressBits(version) / 8) };
  return [{ address, length: 0 }];
}
