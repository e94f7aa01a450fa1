import { type MappedMemory, POLLFD, rawMemory, type SystemCalls } from '@ipsec-kit/posix';

const { fields, sizeBytes } = POLLFD;

/** Descriptors that a thread waits for, in memory that is made anew only when they change. */
export interface PollTable {
  /** Waits for these from now on. */
  watch(entries: readonly { readonly fd: number; readonly events: number }[]): void;
  /** poll(2). @param timeoutMs - -1 waits without end. @returns its result. */
  poll(timeoutMs: number): number;
  /** What came for the entry at `index`. */
  eventsOf(index: number): number;
}

/** Makes a table without entries. */
export function createPollTable(calls: SystemCalls): PollTable {
  let mapped: MappedMemory = calls.mapMemory(sizeBytes);
  let raw = rawMemory(mapped);
  let count = 0;
  return {
    watch(entries): void {
      if (entries.length * sizeBytes > mapped.bytes.length) {
        mapped.release();
        mapped = calls.mapMemory(entries.length * sizeBytes);
        raw = rawMemory(mapped);
      }
      count = entries.length;
      for (const [i, { fd, events }] of entries.entries()) {
        raw.words32[(i * sizeBytes) >>> 2] = fd;
        raw.words16[(i * sizeBytes + fields.events.offset) >>> 1] = events;
        raw.words16[(i * sizeBytes + fields.revents.offset) >>> 1] = 0;
      }
    },
    poll: (timeoutMs) => calls.poll(mapped.address, count, timeoutMs),
    eventsOf: (index) => raw.words16[(index * sizeBytes + fields.revents.offset) >>> 1] ?? 0,
  };
}
