import { closeSync, readvSync, writeSync, writevSync } from 'node:fs';
import { IOVEC, type MappedMemory, type SystemCalls } from '@ipsec-kit/posix';

/** The calls that a queue of a TUN device is made with. */
export type TunCalls = Pick<
  SystemCalls,
  'readv' | 'write' | 'writev' | 'close' | 'mapMemory' | 'addressOf'
>;

/** Bytes between the addresses of two memories: an address is the number of a memory and an offset into its buffer. */
const MEMORY_SPACING = 0x1_0000_0000;
/** The memory that {@link TunCalls.addressOf} was asked for last. */
const FOREIGN = 1;

/** The same calls through node:fs, for a Node without FFI. Addresses are names of places in known memories, which the calls
 * turn back into views.
 *
 * A read in vain costs an exception, and each piece a view: it pays where a call brings or takes many packets. What
 * `addressOf` returns serves until it is called again.
 */
export function fileCalls(): TunCalls {
  const memories: (Uint8Array | undefined)[] = [undefined, undefined];

  /** @param address - that of a memory, and an offset into its buffer. */
  function viewAt(address: number, length: number): Uint8Array {
    const memory = memories[Math.floor(address / MEMORY_SPACING)];
    if (!memory) throw new RangeError(`"address" expected a place in a known memory: ${address}`);
    return new Uint8Array(memory.buffer, address % MEMORY_SPACING, length);
  }

  function viewsOf(vectors: number, count: number): Uint8Array[] {
    const table = viewAt(vectors, count * IOVEC.sizeBytes);
    const words = new Uint32Array(table.buffer, table.byteOffset, table.length >>> 2);
    const views: Uint8Array[] = [];
    for (let at = 0; at < words.length; at += IOVEC.sizeBytes >>> 2) {
      const [low = 0, high = 0, length = 0] = [words[at], words[at + 1], words[at + 2]];
      views.push(viewAt(high * MEMORY_SPACING + low, length));
    }
    return views;
  }

  return {
    readv: (fd, vectors, count) => resultOf(() => readvSync(fd, viewsOf(vectors, count))),
    write: (fd, address, length) => resultOf(() => writeSync(fd, viewAt(address, length))),
    writev: (fd, vectors, count) => resultOf(() => writevSync(fd, viewsOf(vectors, count))),
    close: (fd) =>
      resultOf(() => {
        closeSync(fd);
        return 0;
      }),
    mapMemory(sizeBytes, memory): MappedMemory {
      const bytes = memory ?? new Uint8Array(sizeBytes);
      const address = memories.push(bytes) * MEMORY_SPACING - MEMORY_SPACING;
      const release = (): void => {
        bytes.fill(0);
      };
      return { bytes, address, release };
    },
    addressOf(memory): number {
      memories[FOREIGN] = memory;
      return FOREIGN * MEMORY_SPACING + memory.byteOffset;
    },
  };
}

/** What a call returned, or the negated errno of what it threw. */
function resultOf(call: () => number): number {
  try {
    return call();
  } catch (error) {
    const isSystems = error instanceof Error && 'errno' in error;
    if (isSystems && typeof error.errno === 'number') return error.errno;
    throw error;
  }
}
