import { type Endpoint, type IpAddress, isMappedAt, type Path } from './address.ts';
import { readUint16, writeUint16 } from './byte-order.ts';
import { PACKED_PATH_BYTES } from './packet-batch.ts';

const ENDPOINT_BYTES = PACKED_PATH_BYTES / 2;
const PATH_WORDS = PACKED_PATH_BYTES / 4;

/** Reads the path at `index` of packed paths (see {@link PACKED_PATH_BYTES}); allocates, so not for every packet.
 * IPv4-mapped addresses come back as IPv4.
 */
export function readPackedPath(paths: Uint8Array, index: number): Path {
  const at = index * PACKED_PATH_BYTES;
  return { local: readEndpoint(paths, at), remote: readEndpoint(paths, at + ENDPOINT_BYTES) };
}

/** Writes `path` at `index` of packed paths. */
export function writePackedPath(paths: Uint8Array, index: number, path: Path): void {
  const at = index * PACKED_PATH_BYTES;
  writeEndpoint(paths, at, path.local);
  writeEndpoint(paths, at + ENDPOINT_BYTES, path.remote);
}

/** A path packed into bytes of its own, to be copied or compared per packet. */
export function packPath(path: Path): Uint8Array {
  const packed = new Uint8Array(PACKED_PATH_BYTES);
  writePackedPath(packed, 0, path);
  return packed;
}

/** Copies one packed path, seen four bytes at a time as in `PacketBatch.pathWords`; allocates nothing. */
export function copyPathWords(
  from: Uint32Array,
  fromIndex: number,
  to: Uint32Array,
  toIndex: number,
): void {
  const source = fromIndex * PATH_WORDS;
  const target = toIndex * PATH_WORDS;
  for (let i = 0; i < PATH_WORDS; i += 1) to[target + i] = from[source + i] ?? 0;
}

/** Whether two packed paths are the same, seen four bytes at a time; allocates nothing. */
export function pathWordsEqual(
  a: Uint32Array,
  aIndex: number,
  b: Uint32Array,
  bIndex: number,
): boolean {
  const aAt = aIndex * PATH_WORDS;
  const bAt = bIndex * PATH_WORDS;
  // The last ones, of the remote end, differ most often.
  for (let i = PATH_WORDS - 1; i >= 0; i -= 1) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** Whether the remote ends of two packed paths are the same; allocates nothing. */
export function packedRemotesEqual(
  a: Uint8Array,
  aIndex: number,
  b: Uint8Array,
  bIndex: number,
): boolean {
  const aAt = aIndex * PACKED_PATH_BYTES + ENDPOINT_BYTES;
  const bAt = bIndex * PACKED_PATH_BYTES + ENDPOINT_BYTES;
  for (let i = 0; i < ENDPOINT_BYTES; i += 1) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** Whether the local address of a packed path is known: adapters that cannot tell leave 0.0.0.0 or :: there. */
export function packedLocalIsKnown(paths: Uint8Array, index: number): boolean {
  const at = index * PACKED_PATH_BYTES;
  for (let i = isMappedAt(paths, at) ? 12 : 0; i < 16; i += 1) {
    if (paths[at + i] !== 0) return true;
  }
  return false;
}

function readEndpoint(memory: Uint8Array, at: number): Endpoint {
  const address: IpAddress = isMappedAt(memory, at)
    ? { version: 4, bytes: memory.slice(at + 12, at + 16) }
    : { version: 6, bytes: memory.slice(at, at + 16) };
  return { address, port: readUint16(memory, at + 16) };
}

function writeEndpoint(memory: Uint8Array, at: number, endpoint: Endpoint): void {
  const { version, bytes } = endpoint.address;
  if (version === 4) {
    memory.fill(0, at, at + 10);
    memory.fill(0xff, at + 10, at + 12);
    memory.set(bytes, at + 12);
  } else {
    memory.set(bytes, at);
  }
  writeUint16(memory, at + 16, endpoint.port);
}
