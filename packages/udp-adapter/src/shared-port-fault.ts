import {
  createPacketBatch,
  loopbackAddress,
  type PacketBatch,
  packetBatchIn,
  writePackedPath,
} from '@ipsec-kit/ip';
import type { SystemCalls } from '@ipsec-kit/posix';
import { type BatchSocket, receiveBatchShape } from './batch-socket.ts';
import { batchSocketOn, openBatchSocket } from './open-batch-socket.ts';
import { openSharedDescriptors } from './open-shared-descriptors.ts';

/** First words of datagrams: the non-ESP marker, and SPIs of either remainder. */
const FIRST_WORDS: readonly number[] = [0, 0x100, 0x101, 0xfffffffe, 0xffffffff];
const SLOT_BYTES = 16;

/** Opens two sockets on one port of the loopback interface of this network namespace, and looks which datagrams the kernel gives to
 * which: whether several workers can share a port.
 * @returns one sentence why not; `undefined` when they can, or there is no loopback interface to try it on.
 */
export function sharedPortFault(calls: SystemCalls): string | undefined {
  const bind = { address: loopbackAddress(4), port: 0 };
  const from = openBatchSocket(calls, { bind, offloads: false });
  if (!from.ok) return undefined;
  const opened = openSharedDescriptors(calls, { bind, offloads: false }, 2);
  if (!opened.ok) {
    from.socket.close();
    return `the kernel has no sockets that share a port by SPI (${opened.error.code})`;
  }
  const sockets = opened.descriptors.map((descriptor) => batchSocketOn(calls, descriptor));
  try {
    return compare(from.socket, sockets);
  } finally {
    for (const socket of [from.socket, ...sockets]) socket.close();
  }
}

function compare(from: BatchSocket, sockets: readonly BatchSocket[]): string | undefined {
  const [first] = sockets;
  if (!first) return undefined;
  const sent = outgoing(from, first);
  from.send(sent, 0, sent.count);
  if (from.counters.sent < sent.count) return undefined;
  for (const [index, socket] of sockets.entries()) {
    const expected = FIRST_WORDS.filter((word) => word % sockets.length === index);
    const came = firstWordsOf(socket);
    if (came.join() !== expected.join()) {
      return `the kernel gave socket ${index} of a shared port ${came.length} datagrams, and not the ${expected.length} that are its own`;
    }
  }
  return undefined;
}

function outgoing(from: BatchSocket, to: BatchSocket): PacketBatch {
  const batch = createPacketBatch({
    capacity: FIRST_WORDS.length,
    slotBytes: SLOT_BYTES,
    headroom: 0,
  });
  const view = new DataView(batch.memory.buffer);
  for (const [i, word] of FIRST_WORDS.entries()) {
    view.setUint32(i * SLOT_BYTES, word);
    batch.offsets[i] = i * SLOT_BYTES;
    batch.lengths[i] = SLOT_BYTES;
    writePackedPath(batch.paths, i, { local: from.endpoint, remote: to.endpoint });
  }
  batch.count = FIRST_WORDS.length;
  return batch;
}

function firstWordsOf(socket: BatchSocket): number[] {
  const shape = receiveBatchShape(FIRST_WORDS.length);
  const came = packetBatchIn(new Uint8Array(shape.capacity * shape.slotBytes), shape);
  socket.receive(came);
  const view = new DataView(came.memory.buffer);
  return Array.from({ length: came.count }, (_, i) => view.getUint32(came.offsets[i] ?? 0));
}
