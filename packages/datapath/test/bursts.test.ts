import { commitPacket, type PacketBatch, parseAddress, writePackedPath } from '@ipsec-kit/ip';
import type { PacketEngine } from '@ipsec-kit/ipsec';
import type { SystemCalls } from '@ipsec-kit/posix';
import type { TunQueue } from '@ipsec-kit/tun-adapter';
import type { BatchSocket } from '@ipsec-kit/udp-adapter';
import { expect, it } from 'vitest';
import type { MainThread } from '../src/worker/main-thread.ts';
import { PacketCarrier } from '../src/worker/packet-carrier.ts';
import type { WorkerPairs } from '../src/worker/worker-pairs.ts';
import type { WorkerSockets } from '../src/worker/worker-sockets.ts';

const ESP_BYTES = 16;
const address = parseAddress('127.0.0.1');
if (!address) throw new Error('not an address');
const end = { address, port: 4500 };

/** A socket at which so many ESP packets wait. */
function waiting(packets: number): BatchSocket {
  let left = packets;
  const receive = (into: PacketBatch, enough = into.capacity): boolean => {
    into.count = 0;
    for (; left > 0 && into.count < enough; left -= 1) {
      const at = into.count * ESP_BYTES;
      into.memory.fill(1, at, at + ESP_BYTES);
      writePackedPath(into.paths, into.count, { local: end, remote: end });
      commitPacket(into, at, ESP_BYTES);
    }
    return left > 0;
  };
  return { receive } as Partial<BatchSocket> as BatchSocket;
}

it('gives the host what came together in bursts that the buffer of a socket takes', () => {
  const bursts: number[] = [];
  const carrier = new PacketCarrier({
    calls: {
      mapMemory: (bytes: number) => ({ bytes: new Uint8Array(bytes) }),
    } as Partial<SystemCalls> as SystemCalls,
    queue: {
      write: (batch: PacketBatch) => bursts.push(batch.count),
    } as Partial<TunQueue> as TunQueue,
    engine: { inbound: () => undefined } as Partial<PacketEngine> as PacketEngine,
    sockets: {} as WorkerSockets,
    pairs: { hasTransport: () => false } as Partial<WorkerPairs> as WorkerPairs,
    mainThread: {} as MainThread,
  });
  const socket = {
    socket: waiting(1000),
    packed: new Uint8Array(),
    isMarkedPort: () => true,
    isReady: true,
  };
  let came = 0;
  for (let now = -1; now !== 0; came += now) now = carrier.receive(socket);
  expect(came).toBe(1000);
  expect(bursts.reduce((sum, packets) => sum + packets)).toBe(1000);
  expect(Math.max(...bursts)).toBeLessThanOrEqual(64);
});
