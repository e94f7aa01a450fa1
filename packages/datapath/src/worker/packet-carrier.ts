import {
  appendPacket,
  copyPathWords,
  createPacketBatch,
  type PacketBatch,
  packetBatchIn,
  vectorMemory,
} from '@ipsec-kit/ip';
import type { PacketEngine, PathProbe } from '@ipsec-kit/ipsec';
import type { SystemCalls } from '@ipsec-kit/posix';
import type { TunQueue } from '@ipsec-kit/tun-adapter';
import { receiveBatchShape } from '@ipsec-kit/udp-adapter';
import { nothingCounted } from '../datapath-counters.ts';
import { keepaliveFacts, type TooBigFact } from '../pair-activity.ts';
import { createHeldSender } from '../send-held.ts';
import { nothingTaken, type TakenDatagrams, takeEsp } from '../take-esp.ts';
import type { Handover } from '../workers/handover.ts';
import { HandedOver } from '../workers/handover-ring.ts';
import type { MainThread } from './main-thread.ts';
import type { WorkerPairs } from './worker-pairs.ts';
import type { WorkerSocket, WorkerSockets } from './worker-sockets.ts';

/** Messages of one receive: each is one datagram, or up to 64 KiB of them. */
const RECEIVE_MESSAGES = 16;
/** Datagrams that are opened before their packets go to the host. The socket that they are for is read while the next are opened:
 * its buffer, as Linux makes it, takes some hundred small datagrams or fewer large ones, and what else comes at once is lost.
 */
const ENOUGH_DATAGRAMS = 64;
const MOST_ERRORS_PER_BATCH = 64;
const ERROR_SLOT_BYTES = 1536;
/** Slots with room on both sides, for what cannot be worked on where it was received. */
const COPY_SLOT_BYTES: number = 64 + 16384 + 128;
const COPY_PACKETS = 64;
/** Packets of the host that another worker has read, in slots as they come from a queue. */
const HANDED_SLOT_BYTES: number = 64 + 1504 + 128;
const HANDED_PACKETS = 128;
const TAILROOM_BYTES = 128;

/** What a carrier works with. */
export interface PacketCarrierOptions {
  readonly calls: SystemCalls;
  readonly queue: TunQueue;
  readonly engine: PacketEngine;
  readonly sockets: WorkerSockets;
  readonly pairs: WorkerPairs;
  readonly mainThread: MainThread;
  /** What there is with other workers; absent: there are none. */
  readonly handover?: Handover;
}

/** Takes packets through the engine, from the sockets to the device and back: a batch at each call, nothing allocated for a
 * packet.
 */
export class PacketCarrier {
  readonly #engine: PacketEngine;
  readonly #queue: TunQueue;
  readonly #sockets: WorkerSockets;
  readonly #pairs: WorkerPairs;
  readonly #mainThread: MainThread;
  readonly #handover: Handover | undefined;
  readonly #handed: PacketBatch | undefined;
  readonly #taken: TakenDatagrams = nothingTaken();
  readonly #incoming: PacketBatch;
  readonly #copies: PacketBatch;
  readonly #toHost: PacketBatch;
  #probedPair: number | undefined;
  /** What passed, for whoever publishes it, and adds what it does itself. */
  readonly counted: ReturnType<typeof nothingCounted> = nothingCounted();
  /** Sends on what the engine held until an SA stood; see `createHeldSender`. */
  readonly sendHeld: () => boolean;

  constructor(options: PacketCarrierOptions) {
    const { calls, engine, queue } = options;
    this.#engine = engine;
    this.#queue = queue;
    this.#sockets = options.sockets;
    this.#pairs = options.pairs;
    this.#mainThread = options.mainThread;
    this.#handover = options.handover;
    this.#handed = options.handover && handedBatch(calls);
    const shape = receiveBatchShape(RECEIVE_MESSAGES);
    const sizeBytes = shape.capacity * shape.slotBytes;
    // What comes in is checked before it is merged.
    const memory = calls.mapMemory(sizeBytes, vectorMemory(sizeBytes)).bytes;
    this.#incoming = packetBatchIn(memory, shape);
    const slots = { capacity: COPY_PACKETS, slotBytes: COPY_SLOT_BYTES, headroom: 64 };
    this.#copies = packetBatchIn(calls.mapMemory(COPY_PACKETS * COPY_SLOT_BYTES).bytes, slots);
    this.#toHost = createPacketBatch({
      capacity: MOST_ERRORS_PER_BATCH,
      slotBytes: ERROR_SLOT_BYTES,
      headroom: 64,
    });
    this.sendHeld = createHeldSender({
      engine,
      counters: this.counted,
      toHost: (batch) => queue.write(batch),
      toPeers: (batch) => this.#sealAndSend(batch),
    });
  }

  /** One batch from a socket to the device. @returns how many datagrams came. */
  receive(from: WorkerSocket): number {
    const incoming = this.#incoming;
    from.socket.receive(incoming, ENOUGH_DATAGRAMS);
    const came = incoming.count;
    if (came === 0) return 0;
    const { ike, keepalives } = this.#taken;
    takeEsp(incoming, from.isMarkedPort, this.#taken, this.counted);
    if (ike.length > 0) this.#tellIke();
    if (keepalives.length > 0) this.#mainThread.hint(keepaliveFacts(keepalives));
    if (incoming.count > 0) {
      this.counted.espReceived += incoming.count;
      this.#handover?.passOn(incoming);
      if (this.#pairs.hasTransport()) this.#openCopies(incoming);
      else this.#open(incoming);
    }
    return came;
  }

  /** Batches from the device to the sockets, until nothing is left or `enough` packets have come, the last batch whole.
   * @returns how many packets there were.
   */
  read(enough: number): number {
    const { packets } = this.#queue;
    let came = 0;
    let isFull = true;
    while (isFull) {
      isFull = this.#queue.read();
      came += packets.count;
      if (packets.count > 0) this.#sealAndSend(packets);
      if (came >= enough) break;
    }
    return came;
  }

  /** Opens and seals what other workers have handed over. @returns how many packets there were. */
  takeOver(): number {
    const handover = this.#handover;
    const outbound = this.#handed;
    if (!handover || !outbound) return 0;
    return handover.take({
      batches: { inbound: this.#copies, outbound },
      tailroom: TAILROOM_BYTES,
      onPackets: (batch, kind) => {
        if (kind === HandedOver.inbound) this.#open(batch);
        else this.#sealAndSend(batch);
      },
      onTooLarge: (packets) => {
        this.counted.malformed += packets;
      },
    });
  }

  /** Sends a dummy packet; see `PacketEngine.sealDummy`. */
  sendDummy(pairId: number, bytes: number): void {
    const own = this.#copies;
    own.count = 0;
    if (this.#engine.sealDummy(pairId, bytes, own)) this.#sockets.send(own);
  }

  /** Probes the path of a pair, with a packet that nobody fragments. */
  sendProbe(pairId: number, probe: PathProbe): void {
    const own = this.#copies;
    own.count = 0;
    if (!this.#engine.sealProbe(pairId, probe, own)) return;
    this.#probedPair = pairId;
    this.#sockets.sendWhole(own);
  }

  /** Tells what routers and links say about packets that were too big for them, where it is about a pair that stands. */
  hintTooBig({ socket }: WorkerSocket): void {
    const facts = new Map<number, TooBigFact>();
    for (const { mtu, by, firstWord } of socket.takeTooBig()) {
      // Only a probe is refused for the link's sake: all else may be fragmented.
      const pairId = by === 'link' ? this.#probedPair : this.#pairs.sendingWith(firstWord ?? 0);
      if (pairId !== undefined) facts.set(pairId, { kind: 'too-big-outside', pairId, mtu, by });
    }
    if (facts.size > 0) this.#mainThread.hint([...facts.values()]);
  }

  /** Forgets what a defect has left half done. */
  discard(): void {
    this.#taken.ike.length = 0;
    this.#taken.keepalives.length = 0;
  }

  #open(batch: PacketBatch): void {
    this.#engine.inbound(batch);
    if (batch.count > 0) this.#queue.write(batch);
  }

  /** Datagrams that the kernel put together lie one behind the other, without room for a header in front. */
  #openCopies(from: PacketBatch): void {
    const copies = this.#copies;
    for (let at = 0; at < from.count; ) {
      copies.count = 0;
      for (; at < from.count && copies.count < copies.capacity; at += 1) {
        const index = copies.count;
        const isTaken = appendPacket(copies, from.memory, from.offsets[at], from.lengths[at]);
        if (!isTaken) this.counted.malformed += 1;
        else copyOuter(from, at, copies, index);
      }
      this.#open(copies);
    }
  }

  #sealAndSend(batch: PacketBatch): void {
    const toHost = this.#toHost;
    toHost.count = 0;
    this.#engine.outbound(batch, toHost);
    this.#handover?.flush();
    if (batch.count > 0) this.#sockets.send(batch);
    if (toHost.count > 0) {
      this.counted.errorsToHost += toHost.count;
      this.#queue.write(toHost);
    }
  }

  #tellIke(): void {
    const datagrams = this.#taken.ike.splice(0);
    const taken = this.#mainThread.tellIke(datagrams);
    this.counted.ikeReceived += taken;
    this.counted.malformed += datagrams.length - taken;
  }
}

function handedBatch(calls: SystemCalls): PacketBatch {
  const shape = { capacity: HANDED_PACKETS, slotBytes: HANDED_SLOT_BYTES, headroom: 64 };
  return packetBatchIn(calls.mapMemory(shape.capacity * shape.slotBytes).bytes, shape);
}

/** Copies what is known of the outer header of a datagram. */
function copyOuter(from: PacketBatch, at: number, to: PacketBatch, index: number): void {
  copyPathWords(from.pathWords, at, to.pathWords, index);
  if (to.trafficClasses) to.trafficClasses[index] = from.trafficClasses?.[at] ?? 0;
}
