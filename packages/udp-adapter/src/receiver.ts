import type { RemoteInfo } from 'node:dgram';
import type { PacketBatch } from '@ipsec-kit/ip';
import type { AddressTextCache } from './address-text-cache.ts';
import { PACKED_ENDPOINT_BYTES } from './packed-endpoint.ts';
import { createReceiveBatch } from './receive-batch.ts';
import type { ReceiveBatchOptions, UdpCounters } from './udp-adapter.ts';
import type { UdpSocket } from './udp-socket.ts';

const PORT_OFFSET = 16;

/** Counters that the adapter itself writes. */
export type WritableCounters = { -readonly [Name in keyof UdpCounters]: number };

/** Gathers the datagrams of one turn of the event loop from all sockets, and hands them over together. */
export interface Receiver {
  /** Absent: datagrams are dropped and counted. */
  handler: ((batch: PacketBatch) => void) | undefined;
  received(socket: UdpSocket, datagram: Uint8Array, from: RemoteInfo): void;
}

/** Allocates the memory for what is received, once. */
export function createReceiver(
  options: ReceiveBatchOptions | undefined,
  texts: AddressTextCache,
  counters: WritableCounters,
): Receiver {
  const batch = createReceiveBatch(options);
  const remote = new Uint8Array(PACKED_ENDPOINT_BYTES);
  let isHandOverDue = false;

  function handOver(): void {
    if (self.handler && !batch.isEmpty) batch.handOver(self.handler);
  }

  function handOverWhenDue(): void {
    isHandOverDue = false;
    handOver();
  }

  const self: Receiver = {
    handler: undefined,
    received(socket: UdpSocket, datagram: Uint8Array, from: RemoteInfo): void {
      const bytes = texts.bytesOf(from.address);
      if (!self.handler || !bytes) {
        counters.receiveDrops += 1;
        return;
      }
      if (batch.isFull) handOver();
      remote.set(bytes);
      remote[PORT_OFFSET] = from.port >>> 8;
      remote[PORT_OFFSET + 1] = from.port;
      if (!batch.add(datagram, socket.packed, remote)) {
        counters.receiveDrops += 1;
        return;
      }
      counters.received += 1;
      if (isHandOverDue) return;
      // Runs after all datagrams that are readable in this turn have come.
      isHandOverDue = true;
      setImmediate(handOverWhenDue);
    },
  };
  return self;
}
