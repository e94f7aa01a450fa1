import { createPacketBatch, type PacketBatch } from '@ipsec-kit/ip';
import type { PacketEngine } from '@ipsec-kit/ipsec';

/** What the engine held goes through memory of its own: slots for the largest datagram or packet of an adapter,
 * with room for what sealing adds on both sides.
 */
const BATCH_PACKETS = 32;
const HEADROOM_BYTES = 64;
const SLOT_BYTES: number = HEADROOM_BYTES + 16384 + 128;

/** Where held packets go on to. */
export interface HeldTargets {
  readonly engine: PacketEngine;
  /** Counts what went, in packets. */
  readonly counters: { releasedToHost: number; releasedToPeers: number };
  /** Inner packets for the host. */
  readonly toHost: (batch: PacketBatch) => void;
  /** Inner packets to be sealed and sent. */
  readonly toPeers: (batch: PacketBatch) => void;
}

/** A function that sends on everything that the engine held and that may go by now, in order.
 * While it is at it, another call, made by an adapter that hands something over, returns at once.
 * @returns whether anything went.
 */
export function createHeldSender(targets: HeldTargets): () => boolean {
  const { engine, counters, toHost, toPeers } = targets;
  const batch = createPacketBatch({
    capacity: BATCH_PACKETS,
    slotBytes: SLOT_BYTES,
    headroom: HEADROOM_BYTES,
  });
  let isBusy = false;

  function sendAll(): number {
    let sent = 0;
    for (let n = engine.takeReleased(batch); n > 0; n = engine.takeReleased(batch)) {
      sent += n;
      counters.releasedToHost += n;
      toHost(batch);
    }
    for (let n = engine.takeHeld(batch); n > 0; n = engine.takeHeld(batch)) {
      sent += n;
      counters.releasedToPeers += n;
      toPeers(batch);
    }
    return sent;
  }

  return () => {
    if (isBusy) return false;
    isBusy = true;
    try {
      return sendAll() > 0;
    } finally {
      isBusy = false;
    }
  };
}
