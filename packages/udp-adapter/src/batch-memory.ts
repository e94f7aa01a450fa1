import type { PacketBatch } from '@ipsec-kit/ip';
import type { SystemCalls } from '@ipsec-kit/posix';

/** What system calls need to know about a batch. */
export interface BatchMemory {
  /** Where `memory[0]` lies. */
  readonly address: number;
  /** The paths, four bytes at a time. */
  readonly pathWords: Uint32Array;
}

/** Remembers it for the batch that was used last; another one costs a call. */
export function createBatchMemories(calls: SystemCalls): (batch: PacketBatch) => BatchMemory {
  let known: PacketBatch | undefined;
  let memory: BatchMemory = { address: 0, pathWords: new Uint32Array(0) };
  return (batch) => {
    if (batch !== known) {
      const { paths } = batch;
      memory = {
        address: calls.addressOf(batch.memory),
        pathWords: new Uint32Array(paths.buffer, paths.byteOffset, paths.length >>> 2),
      };
      known = batch;
    }
    return memory;
  };
}
