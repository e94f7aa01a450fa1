import {
  type Endpoint,
  endpointsEqual,
  formatEndpoint,
  PACKED_PATH_BYTES,
  type PacketBatch,
  type Path,
  packPath,
  readPackedPath,
} from '@ipsec-kit/ip';
import { PACKED_ENDPOINT_BYTES, packEndpoint, packedEndpointAt } from './packed-endpoint.ts';
import { createReceiveBatch, type ReceiveBatch } from './receive-batch.ts';
import type { ReceiveBatchOptions, UdpAdapter, UdpCounters } from './udp-adapter.ts';
import { udpBindError } from './udp-bind-error.ts';

const FIRST_EPHEMERAL_PORT = 49152;
const LAST_PORT = 65535;

/** How a memory network carries datagrams. */
export interface MemoryNetworkOptions {
  /** `at-once`: before `send` returns, unless a delivery runs already, then right after it.
   * `next-turn` (the default): in the next turn of the event loop, as a socket would.
   */
  readonly delivery?: 'at-once' | 'next-turn';
  /** Returns true to lose the datagram; `path` is the sender's view. */
  readonly lose?: (datagram: Uint8Array, path: Path) => boolean;
  /** Datagrams that may be under way at once; what goes beyond is lost. Default 4096. */
  readonly queueDatagrams?: number;
  /** The memory in which each adapter hands over what it received. */
  readonly receive?: ReceiveBatchOptions;
}

/** A UDP network in the memory of one process, for tests and demonstrations: every adapter reaches every other one. */
export interface MemoryNetwork {
  /** Makes an adapter on these endpoints. Port 0 is given a free ephemeral port.
   * @throws UdpBindError with code `EADDRINUSE` when an endpoint is taken.
   */
  bind(endpoints: readonly Endpoint[]): UdpAdapter;
  readonly counters: {
    readonly delivered: number;
    /** Lost by the hook or the full queue. */
    readonly lost: number;
    /** Sent to an endpoint where nobody listens. */
    readonly unreachable: number;
  };
}

interface Underway {
  readonly datagram: Uint8Array;
  readonly packed: Uint8Array;
}

interface Binding {
  readonly packed: Uint8Array;
  readonly receiver: Receiver;
}

interface Receiver {
  readonly batch: ReceiveBatch;
  readonly counters: { -readonly [Name in keyof UdpCounters]: number };
  handler: ((batch: PacketBatch) => void) | undefined;
}

/** Makes an empty network. */
export function createMemoryNetwork(options: MemoryNetworkOptions = {}): MemoryNetwork {
  const { delivery = 'next-turn', lose, queueDatagrams = 4096 } = options;
  const bound: { endpoint: Endpoint; binding: Binding }[] = [];
  const counters = { delivered: 0, lost: 0, unreachable: 0 };
  let underway: Underway[] = [];
  let isDelivering = false;

  function carry(datagram: Uint8Array, packed: Uint8Array): void {
    if (underway.length >= queueDatagrams || lose?.(datagram, readPackedPath(packed, 0))) {
      counters.lost += 1;
      return;
    }
    underway.push({ datagram, packed });
    if (isDelivering) return;
    isDelivering = true;
    if (delivery === 'at-once') deliver();
    else setImmediate(deliver);
  }

  /** Hands over everything under way, in the order of sending; what handlers send meanwhile comes after it. */
  function deliver(): void {
    try {
      while (underway.length > 0) {
        const now = underway;
        underway = [];
        deliverAll(now);
        if (delivery === 'next-turn') break;
      }
    } finally {
      isDelivering = false;
      if (underway.length > 0) {
        isDelivering = true;
        setImmediate(deliver);
      }
    }
  }

  function deliverAll(datagrams: readonly Underway[]): void {
    let previous: Receiver | undefined;
    for (const { datagram, packed } of datagrams) {
      const receiver = bound.find(({ binding }) =>
        packedEndpointAt(packed, PACKED_ENDPOINT_BYTES, binding.packed),
      )?.binding.receiver;
      if (!receiver) {
        counters.unreachable += 1;
        continue;
      }
      if (previous && previous !== receiver) handOver(previous);
      previous = receiver;
      receive(receiver, datagram, packed);
    }
    if (previous) handOver(previous);
  }

  function receive(receiver: Receiver, datagram: Uint8Array, packed: Uint8Array): void {
    if (receiver.batch.isFull) handOver(receiver);
    const local = packed.subarray(PACKED_ENDPOINT_BYTES);
    const remote = packed.subarray(0, PACKED_ENDPOINT_BYTES);
    if (receiver.handler && receiver.batch.add(datagram, local, remote)) {
      receiver.counters.received += 1;
      counters.delivered += 1;
    } else {
      receiver.counters.receiveDrops += 1;
    }
  }

  function claim(endpoint: Endpoint): Endpoint {
    const isTaken = (wanted: Endpoint): boolean =>
      bound.some((other) => endpointsEqual(other.endpoint, wanted));
    if (endpoint.port !== 0) {
      if (isTaken(endpoint)) {
        throw udpBindError(Object.assign(new Error('in use'), { code: 'EADDRINUSE' }), endpoint);
      }
      return endpoint;
    }
    for (let port = FIRST_EPHEMERAL_PORT; port <= LAST_PORT; port += 1) {
      const candidate = { address: endpoint.address, port };
      if (!isTaken(candidate)) return candidate;
    }
    throw new Error(`no free port is left for ${formatEndpoint(endpoint)}`);
  }

  return {
    counters,
    bind(endpoints: readonly Endpoint[]): UdpAdapter {
      const receiver: Receiver = {
        batch: createReceiveBatch(options.receive),
        counters: { received: 0, receiveDrops: 0, sent: 0, sendDrops: 0 },
        handler: undefined,
      };
      const own: Endpoint[] = [];
      const release = (): void => {
        for (let i = bound.length - 1; i >= 0; i -= 1) {
          if (bound[i]?.binding.receiver === receiver) bound.splice(i, 1);
        }
      };
      try {
        for (const wanted of endpoints) {
          const endpoint = claim(wanted);
          bound.push({ endpoint, binding: { packed: packEndpoint(endpoint), receiver } });
          own.push(endpoint);
        }
      } catch (error) {
        release();
        throw error;
      }
      return memoryAdapter(own, receiver, carry, release);
    },
  };
}

function handOver(receiver: Receiver): void {
  const { handler, batch } = receiver;
  if (handler && !batch.isEmpty) batch.handOver(handler);
}

function memoryAdapter(
  endpoints: readonly Endpoint[],
  receiver: Receiver,
  carry: (datagram: Uint8Array, packed: Uint8Array) => void,
  release: () => void,
): UdpAdapter {
  const locals = endpoints.map(packEndpoint);
  const { counters } = receiver;
  let isOpen = true;

  function sendPacked(datagram: Uint8Array, packed: Uint8Array): boolean {
    if (!isOpen || !locals.some((local) => packedEndpointAt(packed, 0, local))) {
      counters.sendDrops += 1;
      return false;
    }
    counters.sent += 1;
    carry(datagram, packed);
    return true;
  }

  return {
    endpoints,
    counters,
    onDatagrams(handler: (batch: PacketBatch) => void): void {
      receiver.handler = handler;
    },
    // Nothing here can fail after bind.
    onError(): void {},
    send(batch: PacketBatch): number {
      // Copied as a whole first: a delivery at once may reuse the batch while it is being sent.
      const copies = Array.from({ length: batch.count }, (_, i) => {
        const offset = batch.offsets[i] ?? 0;
        return {
          datagram: batch.memory.slice(offset, offset + (batch.lengths[i] ?? 0)),
          packed: batch.paths.slice(i * PACKED_PATH_BYTES, (i + 1) * PACKED_PATH_BYTES),
        };
      });
      return copies.filter(({ datagram, packed }) => sendPacked(datagram, packed)).length;
    },
    sendOne(datagram: Uint8Array, local: Endpoint, remote: Endpoint): void {
      sendPacked(datagram.slice(), packPath({ local, remote }));
    },
    async close(): Promise<void> {
      isOpen = false;
      receiver.handler = undefined;
      release();
    },
  };
}
