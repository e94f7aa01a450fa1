import type { PacketBatch } from '@ipsec-kit/ip';
import type { SystemCalls } from '@ipsec-kit/posix';

/** Tells where the memory of a batch lies; asked for the batch that was used last it costs no call. */
export function createBatchAddresses(calls: SystemCalls): (batch: PacketBatch) => number {
  let known: PacketBatch | undefined;
  let address = 0;
  return (batch) => {
    if (batch !== known) {
      address = calls.addressOf(batch.memory);
      known = batch;
    }
    return address;
  };
}
