/** How much may be held. */
export interface HoldingLimits {
  readonly packets: number;
  readonly bytes: number;
}

/** ESP held for one reserved SPI: what arrives in half a second at 1,000 packets a second. The first ones are kept. */
export const HELD_PER_SPI: HoldingLimits = { packets: 512, bytes: 1024 * 1024 };

/** ESP held for all reserved SPIs together. */
export const HELD_FOR_ALL_SPIS: HoldingLimits = { packets: 4096, bytes: 8 * 1024 * 1024 };

/** Inner packets held for one trap. The last ones are kept. */
export const HELD_PER_TRAP: HoldingLimits = { packets: 256, bytes: 512 * 1024 };

/** Inner packets held for all traps together, those included that wait to be taken. */
export const HELD_FOR_ALL_TRAPS: HoldingLimits = { packets: 4096, bytes: 8 * 1024 * 1024 };

/** A packet in memory of its own. */
export interface HeldPacket {
  readonly data: Uint8Array;
  /** Packed; where a datagram came from. Empty for inner packets. */
  readonly path: Uint8Array;
  /** Of the outer header of a datagram; 0 for inner packets. */
  readonly trafficClass: number;
}

/** What several queues hold together. */
export class HoldingTotal {
  readonly limits: HoldingLimits;
  packets = 0;
  bytes = 0;

  constructor(limits: HoldingLimits) {
    this.limits = limits;
  }
}

/** Packets that wait, first in, first out: bounded on its own, and by what it shares with other queues. */
export class HeldQueue {
  readonly #limits: HoldingLimits;
  readonly #total: HoldingTotal;
  #packets: HeldPacket[] = [];
  #bytes = 0;

  constructor(limits: HoldingLimits, total: HoldingTotal) {
    this.#limits = limits;
    this.#total = total;
  }

  /** Packets that wait now. */
  get count(): number {
    return this.#packets.length;
  }

  /** Whether a packet of this length may be added. */
  hasRoomFor(lengthBytes: number): boolean {
    const { limits, packets, bytes } = this.#total;
    return (
      this.#packets.length < this.#limits.packets &&
      this.#bytes + lengthBytes <= this.#limits.bytes &&
      packets < limits.packets &&
      bytes + lengthBytes <= limits.bytes
    );
  }

  /** Adds a packet behind the others. @returns false, and adds nothing, when there is no room. */
  push(packet: HeldPacket): boolean {
    const lengthBytes = packet.data.length;
    if (!this.hasRoomFor(lengthBytes)) return false;
    this.#packets.push(packet);
    this.#bytes += lengthBytes;
    this.#total.packets += 1;
    this.#total.bytes += lengthBytes;
    return true;
  }

  /** Takes out the packet that waited longest. */
  shift(): HeldPacket | undefined {
    const packet = this.#packets.shift();
    if (packet) this.#forget(1, packet.data.length);
    return packet;
  }

  /** Takes out, in order, every packet that `matches` names. */
  take(matches: (packet: HeldPacket) => boolean): readonly HeldPacket[] {
    const taken: HeldPacket[] = [];
    const left: HeldPacket[] = [];
    for (const packet of this.#packets) (matches(packet) ? taken : left).push(packet);
    this.#packets = left;
    for (const packet of taken) this.#forget(1, packet.data.length);
    return taken;
  }

  /** The packet that waited longest. */
  get first(): HeldPacket | undefined {
    return this.#packets[0];
  }

  /** Gives up everything. @returns how many packets that were. */
  clear(): number {
    const count = this.#packets.length;
    this.#forget(count, this.#bytes);
    this.#packets = [];
    return count;
  }

  #forget(packets: number, bytes: number): void {
    this.#bytes -= bytes;
    this.#total.packets -= packets;
    this.#total.bytes -= bytes;
  }
}
