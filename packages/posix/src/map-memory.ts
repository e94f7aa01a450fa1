import type { Koffi } from './libc.ts';
import { PosixError } from './posix-error.ts';
import type { MappedMemory, SystemCalls } from './system-calls.ts';

// Linux, include/uapi/asm-generic/mman-common.h
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MADV_DONTNEED = 4;
const MADV_DONTDUMP = 16;
const MOST_BYTES = 2 ** 31;

/** The function behind `SystemCalls.mapMemory`. */
export function mapMemory(koffi: Koffi): SystemCalls['mapMemory'] {
  const library = koffi.load(null);
  const mmap = library.func(
    'uintptr_t mmap(uintptr_t wish, uintptr_t length, int protection, int flags, int fd, int64_t offset)',
  );
  const munmap = library.func('int munmap(uintptr_t address, uintptr_t length)');
  const madvise = library.func('int madvise(uintptr_t address, uintptr_t length, int advice)');
  const collected = new FinalizationRegistry<{ address: number; sizeBytes: number }>((range) =>
    munmap(range.address, range.sizeBytes),
  );

  /** @returns pages at `address`, which are left out of core dumps and can be given back. */
  function mapped(bytes: Uint8Array, address: number): MappedMemory {
    madvise(address, bytes.length, MADV_DONTDUMP);
    return {
      bytes,
      address,
      release(): void {
        bytes.fill(0);
        madvise(address, bytes.length, MADV_DONTNEED);
      },
    };
  }

  return (sizeBytes, memory): MappedMemory => {
    if (memory) return mapped(memory, Number(koffi.address(memory)));
    if (!Number.isInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > MOST_BYTES) {
      throw new RangeError(`"sizeBytes" expected 1 to ${MOST_BYTES}, got ${sizeBytes}`);
    }
    const address = Number(mmap(0, sizeBytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0));
    // MAP_FAILED is the highest address, which no exact number reaches.
    if (address > Number.MAX_SAFE_INTEGER) throw new PosixError('mmap', koffi.errno());
    const buffer = koffi.view(address, sizeBytes);
    collected.register(buffer, { address, sizeBytes });
    return mapped(new Uint8Array(buffer), address);
  };
}
