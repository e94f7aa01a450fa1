import { commitPacket, createPacketBatch, type PacketBatch } from '@ipsec-kit/ip';
import type { TunAdapter, TunCounters, TunSettings } from './tun-adapter.ts';

/** How a memory TUN is made. */
export interface MemoryTunOptions {
  /** Default `memory0`. */
  readonly name?: string;
  /** Default 1400; {@link TunAdapter.configure} changes it. */
  readonly mtu?: number;
  /** Free bytes in front of each packet; default 64. */
  readonly headroomBytes?: number;
  /** Most packets handed over at once; default 64. */
  readonly batchPackets?: number;
}

/** A TUN device in the memory of one process: the test, or the program that embeds a tunnel, is the host behind it. */
export interface MemoryTun extends TunAdapter {
  /** Gives a packet to the tunnel, as if the host had sent it; it is copied.
   * @returns false when it was dropped: longer than the MTU, nobody listens, or closed.
   */
  inject(packet: Uint8Array): boolean;
  /** Like {@link inject}, for several packets in one batch. @returns how many were taken. */
  injectAll(packets: readonly Uint8Array[]): number;
  /** Called with a copy of each packet that the tunnel gives to the host. */
  onWritten(handler: (packet: Uint8Array) => void): void;
  /** What was last asked for; `undefined` before the first {@link TunAdapter.configure} and after `close`. */
  readonly settings: TunSettings | undefined;
  readonly isClosed: boolean;
}

const TAILROOM_BYTES = 128;
const MOST_WAITING = 1024;

/** Makes a TUN device that exists in memory only and needs no privilege. */
export function createMemoryTun(options: MemoryTunOptions = {}): MemoryTun {
  const { name = 'memory0', headroomBytes = 64, batchPackets = 64 } = options;
  const counters: { -readonly [Name in keyof TunCounters]: number } = {
    read: 0,
    readDrops: 0,
    written: 0,
    writeDrops: 0,
  };
  let mtu = options.mtu ?? 1400;
  let batch = allocate();
  const waiting: Uint8Array[] = [];
  let settings: TunSettings | undefined;
  let isClosed = false;
  let isHandingOver = false;
  let packetsHandler: ((batch: PacketBatch) => void) | undefined;
  let writtenHandler: ((packet: Uint8Array) => void) | undefined;

  function allocate(): PacketBatch {
    const slotBytes = headroomBytes + mtu + TAILROOM_BYTES;
    // The other half is left free: a packet that has to be fragmented becomes several.
    const capacity = 2 * batchPackets;
    return createPacketBatch({ capacity, slotBytes, headroom: headroomBytes });
  }

  /** Hands over what waits; packets injected by a handler come after those before them. */
  function handOver(handler: (batch: PacketBatch) => void): void {
    if (isHandingOver) return;
    isHandingOver = true;
    try {
      while (waiting.length > 0) {
        for (const packet of waiting.splice(0, batchPackets)) {
          // A handler may have lowered the MTU meanwhile.
          if (packet.length <= mtu) addTo(batch, packet);
        }
        handler(batch);
        batch.count = 0;
      }
    } finally {
      isHandingOver = false;
      batch.count = 0;
    }
  }

  function injectAll(packets: readonly Uint8Array[]): number {
    const handler = packetsHandler;
    let taken = 0;
    for (const packet of packets) {
      const fits = packet.length > 0 && packet.length <= mtu && waiting.length < MOST_WAITING;
      if (handler && fits) {
        waiting.push(packet.slice());
        counters.read += 1;
        taken += 1;
      } else {
        counters.readDrops += 1;
      }
    }
    if (handler) handOver(handler);
    return taken;
  }

  return {
    name,
    counters,
    get settings(): TunSettings | undefined {
      return settings;
    },
    get isClosed(): boolean {
      return isClosed;
    },
    inject: (packet) => injectAll([packet]) === 1,
    injectAll,
    onPackets(handler: (batch: PacketBatch) => void): void {
      packetsHandler = handler;
    },
    onWritten(handler: (packet: Uint8Array) => void): void {
      writtenHandler = handler;
    },
    // Nothing here can fail.
    onError(): void {},
    write({ memory, offsets, lengths, count }: PacketBatch): number {
      if (isClosed) {
        counters.writeDrops += count;
        return 0;
      }
      counters.written += count;
      const packets = Array.from({ length: count }, (_, i) => {
        const offset = offsets[i] ?? 0;
        return memory.slice(offset, offset + (lengths[i] ?? 0));
      });
      for (const packet of packets) writtenHandler?.(packet);
      return count;
    },
    async configure(wanted: TunSettings): Promise<void> {
      if (isClosed) throw new Error(`the TUN device ${name} is closed and cannot be configured`);
      settings = wanted;
      if (wanted.mtu === mtu) return;
      mtu = wanted.mtu;
      batch = allocate();
    },
    async close(): Promise<void> {
      isClosed = true;
      settings = undefined;
      packetsHandler = undefined;
      waiting.length = 0;
    },
  };
}

function addTo(batch: PacketBatch, packet: Uint8Array): void {
  const offset = batch.count * batch.slotBytes + batch.headroom;
  batch.memory.set(packet, offset);
  commitPacket(batch, offset, packet.length);
}
