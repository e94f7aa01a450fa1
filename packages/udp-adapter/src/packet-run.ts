import {
  isMappedAt,
  PACKED_PATH_BYTES,
  type PacketBatch,
  pathWordsEqual,
  readUint16,
} from '@ipsec-kit/ip';
import { PACKED_ENDPOINT_BYTES } from './packed-endpoint.ts';

const MOST_BYTES = 65000;

/** Whether both ends are of the socket's family, and the remote port is one. */
export function isPossible(paths: Uint8Array, index: number, version: 4 | 6): boolean {
  const at = index * PACKED_PATH_BYTES;
  const remote = at + PACKED_ENDPOINT_BYTES;
  const isIpv4 = version === 4;
  return (
    isMappedAt(paths, at) === isIpv4 &&
    isMappedAt(paths, remote) === isIpv4 &&
    readUint16(paths, remote + 16) !== 0
  );
}

/** How many packets from `from` on can leave in one piece: one path, one traffic class, one length but for the last. */
export function runLength(
  batch: PacketBatch,
  pathWords: Uint32Array,
  from: number,
  to: number,
  most: number,
): number {
  const { lengths, trafficClasses } = batch;
  const length = lengths[from] ?? 0;
  if (length === 0) return 1;
  let total = length;
  let count = 1;
  while (count < most && from + count < to) {
    const next = lengths[from + count] ?? 0;
    total += next;
    if (next === 0 || next > length || total > MOST_BYTES) break;
    if (trafficClasses && trafficClasses[from] !== trafficClasses[from + count]) break;
    if (!pathWordsEqual(pathWords, from, pathWords, from + count)) break;
    count += 1;
    if (next < length) break;
  }
  return count;
}
