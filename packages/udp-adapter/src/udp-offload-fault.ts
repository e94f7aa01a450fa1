import {
  createPacketBatch,
  type Endpoint,
  loopbackAddress,
  type PacketBatch,
  packetBatchIn,
  pathsEqual,
  readPackedPath,
  writePackedPath,
} from '@ipsec-kit/ip';
import type { SystemCalls } from '@ipsec-kit/posix';
import { type BatchSocket, receiveBatchShape } from './batch-socket.ts';
import { openBatchSocket } from './open-batch-socket.ts';

const LENGTHS: readonly number[] = [700, 700, 300];
/** ECT(0). @see RFC 3168 §5 */
const TRAFFIC_CLASS = 2;

/** Sends datagrams in one piece over the loopback interface of this network namespace, and compares lengths, contents,
 * paths and traffic classes of what comes: whether the numbers of options and control data mean here what they should.
 * @returns one sentence about the first difference, after which sockets are to be opened with `offloads: false`;
 * `undefined` when there is none, or no loopback interface to try it on.
 */
export function udpOffloadFault(calls: SystemCalls): string | undefined {
  const bind = { address: loopbackAddress(4), port: 0 };
  const from = openBatchSocket(calls, { bind });
  const to = openBatchSocket(calls, { bind });
  try {
    return from.ok && to.ok ? compare(from.socket, to.socket) : undefined;
  } finally {
    if (from.ok) from.socket.close();
    if (to.ok) to.socket.close();
  }
}

function compare(from: BatchSocket, to: BatchSocket): string | undefined {
  const sent = outgoing(from.endpoint, to.endpoint);
  from.send(sent, 0, sent.count);
  if (from.counters.sent < sent.count) return undefined;
  const shape = receiveBatchShape(LENGTHS.length);
  const came = packetBatchIn(new Uint8Array(shape.capacity * shape.slotBytes), shape);
  to.receive(came);
  const path = { local: to.endpoint, remote: from.endpoint };
  if (came.count !== sent.count) {
    return `the kernel delivered ${came.count} datagrams of ${sent.count} that were sent in one piece`;
  }
  for (let i = 0; i < came.count; i += 1) {
    if (!isSame(sent, came, i))
      return 'the kernel delivered other datagrams than were sent in one piece';
    if (!pathsEqual(readPackedPath(came.paths, i), path))
      return 'the kernel names other ends of a datagram';
    if (came.trafficClasses?.[i] !== TRAFFIC_CLASS) return 'the kernel names another traffic class';
  }
  return undefined;
}

function outgoing(local: Endpoint, remote: Endpoint): PacketBatch {
  const slotBytes = 1024;
  const batch = createPacketBatch({ capacity: LENGTHS.length, slotBytes, headroom: 0 });
  for (const [i, length] of LENGTHS.entries()) {
    const offset = i * slotBytes;
    batch.memory.fill(i + 1, offset, offset + length);
    batch.offsets[i] = offset;
    batch.lengths[i] = length;
    writePackedPath(batch.paths, i, { local, remote });
    if (batch.trafficClasses) batch.trafficClasses[i] = TRAFFIC_CLASS;
  }
  batch.count = LENGTHS.length;
  return batch;
}

function isSame(sent: PacketBatch, came: PacketBatch, index: number): boolean {
  const length = sent.lengths[index] ?? 0;
  const from = sent.offsets[index] ?? 0;
  const to = came.offsets[index] ?? 0;
  if (came.lengths[index] !== length) return false;
  for (let i = 0; i < length; i += 1) {
    if (sent.memory[from + i] !== came.memory[to + i]) return false;
  }
  return true;
}
