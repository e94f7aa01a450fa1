import { type IpAddress, isIpv4Mapped } from './address.ts';

/** Reads an IPv4 address in dotted decimal or an IPv6 address in any form of RFC 4291 §2.2.
 * Leading zeros in IPv4 (octal to some), zones (`%eth0`) and white space are refused.
 * @returns the address, or `undefined` when `text` is not one.
 */
export function parseAddress(text: string): IpAddress | undefined {
  if (text.includes(':')) {
    const bytes = parseIpv6(text);
    return bytes && { version: 6, bytes };
  }
  const bytes = parseIpv4(text);
  return bytes && { version: 4, bytes };
}

/** The canonical text of an address. @see RFC 5952 §4 and §5 (dotted decimal only for IPv4-mapped addresses) */
export function formatAddress(address: IpAddress): string {
  if (address.version === 4) return address.bytes.join('.');
  if (isIpv4Mapped(address)) return `::ffff:${address.bytes.subarray(12).join('.')}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) {
    groups.push(((address.bytes[i] ?? 0) << 8) | (address.bytes[i + 1] ?? 0));
  }
  const { start, length } = longestZeroRun(groups);
  const hex = (part: readonly number[]): string =>
    part.map((group) => group.toString(16)).join(':');
  // RFC 5952 §4.2.2: "::" must not shorten just one group.
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/** The first of the longest runs of zero groups. @see RFC 5952 §4.2.3 */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let runStart = 0;
  for (let i = 0; i <= groups.length; i += 1) {
    if (groups[i] === 0) continue;
    if (i - runStart > best.length) best = { start: runStart, length: i - runStart };
    runStart = i + 1;
  }
  return best;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < 4; i += 1) {
    const part = match[i + 1] ?? '';
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  // 45 characters is the longest form, with an IPv4 tail.
  if (text.length > 45) return undefined;
  const halves = text.split('::');
  const [left, right] = halves;
  if (left === undefined || halves.length > 2) return undefined;
  if (right === undefined) {
    const whole = parseGroups(left, true);
    return whole?.length === 16 ? Uint8Array.from(whole) : undefined;
  }
  const head = parseGroups(left, false);
  const tail = parseGroups(right, true);
  // "::" stands for at least one group.
  if (!head || !tail || head.length + tail.length > 14) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  const bytes: number[] = [];
  if (text === '') return bytes;
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (group.includes('.')) {
      const ipv4 = mayEndInIpv4 && index === groups.length - 1 ? parseIpv4(group) : undefined;
      if (!ipv4) return undefined;
      bytes.push(...ipv4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}
