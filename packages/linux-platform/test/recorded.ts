import { readFileSync } from 'node:fs';
import { decodeNetlink } from '../src/netlink-message.ts';
import { decodeRouteRecord, type RouteRecordKind } from '../src/route-message.ts';

/** Dumps of a network namespace of Linux 6.18: lo, and wlan0 with both families, default routes and a known gateway. */
export const captures: Readonly<Record<string, readonly string[]>> = JSON.parse(
  readFileSync(new URL('captures/rtnetlink.json', import.meta.url), 'utf8'),
);

/** The datagrams of one dump. */
export function datagrams(name: string): readonly Uint8Array[] {
  return (captures[name] ?? []).map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));
}

/** The records of dumps. */
export function records(...names: readonly string[]): RouteRecordKind[] {
  return names
    .flatMap(datagrams)
    .flatMap((datagram) => decodeNetlink(datagram).messages)
    .map(decodeRouteRecord)
    .filter((record) => record !== undefined);
}
