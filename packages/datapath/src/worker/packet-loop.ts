import {
  appendPacket,
  copyPackedPath,
  createPacketBatch,
  type PacketBatch,
  packetBatchIn,
} from '@ipsec-kit/ip';
import type { PacketEngine } from '@ipsec-kit/ipsec';
import { POLLERR, POLLHUP, POLLIN, POLLNVAL, type SystemCalls } from '@ipsec-kit/posix';
import type { TunQueue } from '@ipsec-kit/tun-adapter';
import { receiveBatchShape } from '@ipsec-kit/udp-adapter';
import { lookIntervalMs } from '../activity-watch.ts';
import type { DatapathCounters } from '../datapath.ts';
import { keepaliveFacts, type PathFact, passingClock, writePairNumbers } from '../pair-activity.ts';
import { createHeldSender } from '../send-held.ts';
import { type TakenDatagrams, takeEsp } from '../take-esp.ts';
import { obeyInEngine } from './engine-command.ts';
import { createMainThread, type MainThread } from './main-thread.ts';
import type { FromWorker, ToWorker, TransferredPair } from './messages.ts';
import { createPollTable } from './poll-table.ts';
import type { SharedCounters } from './shared-counters.ts';
import { pairOf } from './transferred-pair.ts';
import { createWorkerSockets, type WorkerSocket } from './worker-sockets.ts';

/** Messages of one receive: each is one datagram, or up to 64 KiB of them. */
const RECEIVE_MESSAGES = 16;
/** Turns of both directions before commands are looked for again. */
const ROUNDS = 16;
const MOST_ERRORS_PER_BATCH = 64;
const ERROR_SLOT_BYTES = 1536;
/** Slots with room on both sides, for what cannot be worked on where it was received. */
const COPY_SLOT_BYTES: number = 64 + 16384 + 128;
const COPY_PACKETS = 64;
const BROKEN: number = POLLERR | POLLHUP | POLLNVAL;
const EBADFD = 77;

/** What a loop works with. */
export interface PacketLoopOptions {
  readonly calls: SystemCalls;
  readonly queue: TunQueue;
  readonly engine: PacketEngine;
  readonly counters: SharedCounters;
  readonly wakeFd: number;
  /** See `PacketWorkerStart.backlog`. */
  readonly backlog: Int32Array;
  /** The next command that waits. */
  readonly nextCommand: () => ToWorker | undefined;
  readonly tell: (message: FromWorker, moved?: readonly ArrayBuffer[]) => void;
}

/** Carries packets in this thread until it is told to stop; blocks in poll while there are none. */
export class PacketLoop {
  readonly #options: PacketLoopOptions;
  readonly #sockets: ReturnType<typeof createWorkerSockets>;
  readonly #poll: ReturnType<typeof createPollTable>;
  readonly #pairCounters = new Map<number, Float64Array>();
  /** Pairs whose packets get an IP header when they come, which needs room in front of each. */
  readonly #transportPairs = new Set<number>();
  readonly #taken: TakenDatagrams = { ike: [], keepalives: [] };
  readonly #incoming: PacketBatch;
  readonly #copies: PacketBatch;
  readonly #toHost: PacketBatch;
  readonly #mainThread: MainThread;
  readonly #sendHeld: () => boolean;
  readonly #scratch: { readonly address: number };
  readonly #counted: { -readonly [Name in keyof DatapathCounters]: number } = {
    ikeReceived: 0,
    ikeSent: 0,
    espReceived: 0,
    keepalivesReceived: 0,
    keepalivesSent: 0,
    malformed: 0,
    releasedToHost: 0,
    releasedToPeers: 0,
    errorsToHost: 0,
    defects: 0,
  };
  #isStopped = false;
  #isDeviceGone = false;
  #mustPublish = true;
  #publishedAtMs = 0;
  #carriedAtMs = 0;
  readonly #nowMs: () => number = passingClock();
  #commands = 0;

  constructor(options: PacketLoopOptions) {
    const { calls, engine, queue, backlog, tell } = options;
    this.#options = options;
    this.#mainThread = createMainThread(backlog, tell);
    this.#sockets = createWorkerSockets(calls);
    this.#poll = createPollTable(calls);
    this.#scratch = calls.mapMemory(8);
    const shape = receiveBatchShape(RECEIVE_MESSAGES);
    const memory = calls.mapMemory(shape.capacity * shape.slotBytes).bytes;
    this.#incoming = packetBatchIn(memory, shape);
    const slots = { capacity: COPY_PACKETS, slotBytes: COPY_SLOT_BYTES, headroom: 64 };
    this.#copies = packetBatchIn(calls.mapMemory(COPY_PACKETS * COPY_SLOT_BYTES).bytes, slots);
    this.#toHost = createPacketBatch({
      capacity: MOST_ERRORS_PER_BATCH,
      slotBytes: ERROR_SLOT_BYTES,
      headroom: 64,
    });
    this.#sendHeld = createHeldSender({
      engine,
      counters: this.#counted,
      toHost: (batch) => queue.write(batch),
      toPeers: (batch) => this.#sealAndSend(batch),
    });
  }

  /** Returns when it was told to stop; sockets and pairs are closed then. */
  run(): void {
    this.#watch();
    let mayHaveMore = false;
    while (!this.#isStopped) {
      const events = this.#poll.poll(this.#timeoutMs(mayHaveMore));
      this.#markReady(events > 0);
      if (events > 0) this.#look();
      let hasCarried = this.#guard(() => this.#obey()) ?? false;
      mayHaveMore = false;
      for (let round = 0; round < ROUNDS && !this.#isStopped; round += 1) {
        mayHaveMore = this.#carry();
        if (!mayHaveMore) break;
        hasCarried = true;
      }
      // Once a turn: no packet pays for a look at the clock.
      if (hasCarried) this.#carriedAtMs = this.#nowMs();
      this.#mustPublish ||= hasCarried;
      this.#guard(() => this.#mainThread.tellFacts(() => this.#options.engine.drainFacts()));
      this.#publish();
    }
    for (const pairId of this.#pairCounters.keys()) this.#options.engine.remove(pairId);
    this.#sockets.closeAll();
    this.#options.queue.close();
  }

  #timeoutMs(mayHaveMore: boolean): number {
    if (mayHaveMore) return 0;
    return this.#mustPublish ? this.#publishMs : -1;
  }

  get #publishMs(): number {
    return lookIntervalMs(this.#pairCounters.size);
  }

  #watch(): void {
    const { wakeFd, queue } = this.#options;
    const sockets = this.#sockets.all.map(({ socket }) => socket.fd);
    const device = this.#isDeviceGone ? [] : [queue.fd];
    this.#poll.watch([wakeFd, ...device, ...sockets].map((fd) => ({ fd, events: POLLIN })));
  }

  /** Chooses the sockets of this turn: those that have something, and those that had in the last one. */
  #markReady(hasEvents: boolean): void {
    const before = this.#isDeviceGone ? 1 : 2;
    const { all } = this.#sockets;
    for (let i = 0; i < all.length; i += 1) {
      const one = all[i];
      if (!one) continue;
      one.isReady = one.hasDelivered || (hasEvents && this.#poll.eventsOf(before + i) !== 0);
      one.hasDelivered = false;
    }
  }

  /** Takes back the wake-up, and notices a device that has gone. */
  #look(): void {
    const { calls, wakeFd } = this.#options;
    if (this.#poll.eventsOf(0) !== 0) calls.read(wakeFd, this.#scratch.address, 8);
    if (!this.#isDeviceGone && (this.#poll.eventsOf(1) & BROKEN) !== 0) this.#loseDevice(EBADFD);
  }

  #loseDevice(errno: number): void {
    this.#isDeviceGone = true;
    this.#watch();
    this.#options.tell({ kind: 'device-failed', errno });
  }

  /** Both directions once. @returns whether there may be more. */
  #carry(): boolean {
    let mayHaveMore = false;
    for (const socket of this.#sockets.all) {
      if (!socket.isReady) continue;
      if (this.#guard(() => this.#receive(socket))) mayHaveMore = true;
    }
    if (!this.#isDeviceGone && this.#guard(() => this.#read())) mayHaveMore = true;
    return mayHaveMore;
  }

  #receive(from: WorkerSocket): boolean {
    const { socket, isMarked } = from;
    const incoming = this.#incoming;
    const isFull = socket.receive(incoming);
    const came = incoming.count;
    if (came === 0) return isFull;
    from.hasDelivered = true;
    const { ike, keepalives } = this.#taken;
    takeEsp(incoming, () => isMarked, this.#taken, this.#counted);
    if (ike.length > 0) this.#tellIke();
    if (keepalives.length > 0) this.#mainThread.hint(keepaliveFacts(keepalives));
    if (incoming.count > 0) {
      this.#counted.espReceived += incoming.count;
      if (this.#transportPairs.size > 0) this.#openCopies(incoming);
      else this.#open(incoming);
    }
    return true;
  }

  #open(batch: PacketBatch): void {
    const { engine, queue } = this.#options;
    engine.inbound(batch);
    if (batch.count > 0) queue.write(batch);
  }

  /** Datagrams that the kernel put together lie one behind the other, without room for a header in front. */
  #openCopies(from: PacketBatch): void {
    const copies = this.#copies;
    for (let at = 0; at < from.count; ) {
      copies.count = 0;
      for (; at < from.count && copies.count < copies.capacity; at += 1) {
        const index = copies.count;
        const isTaken = appendPacket(copies, from.memory, from.offsets[at], from.lengths[at]);
        if (!isTaken) this.#counted.malformed += 1;
        else copyOuter(from, at, copies, index);
      }
      this.#open(copies);
    }
  }

  #read(): boolean {
    const { queue } = this.#options;
    const isFull = queue.read();
    const { packets } = queue;
    if (packets.count === 0) {
      if (queue.lastErrno === EBADFD) this.#loseDevice(EBADFD);
      return isFull;
    }
    this.#sealAndSend(packets);
    return true;
  }

  #sealAndSend(batch: PacketBatch): void {
    const { engine, queue } = this.#options;
    const toHost = this.#toHost;
    toHost.count = 0;
    engine.outbound(batch, toHost);
    if (batch.count > 0) this.#sockets.send(batch);
    if (toHost.count > 0) {
      this.#counted.errorsToHost += toHost.count;
      queue.write(toHost);
    }
  }

  #tellIke(): void {
    const datagrams = this.#taken.ike.splice(0);
    const taken = this.#mainThread.tellIke(datagrams);
    this.#counted.ikeReceived += taken;
    this.#counted.malformed += datagrams.length - taken;
  }

  #publish(): void {
    if (!this.#mustPublish) return;
    const nowMs = performance.now();
    if (nowMs - this.#publishedAtMs < this.#publishMs) return;
    this.#publishedAtMs = nowMs;
    this.#mustPublish = false;
    const { engine, counters } = this.#options;
    const udp = this.#sockets.counters();
    counters.write({ datapath: this.#counted, udp, engine: engine.counters() });
    const resumed: PathFact[] = [];
    for (const [pairId, numbers] of this.#pairCounters) {
      const pair = engine.pairCounters(pairId);
      if (pair && writePairNumbers(numbers, pair, this.#carriedAtMs)) {
        resumed.push({ kind: 'outbound-resumed', pairId });
      }
    }
    if (resumed.length > 0) this.#mainThread.hint(resumed);
  }

  /** @returns whether there was anything to obey. */
  #obey(): boolean {
    const before = this.#commands;
    for (let next = this.#options.nextCommand(); next; next = this.#options.nextCommand()) {
      const command = next;
      this.#commands += 1;
      this.#guard(() => this.#perform(command));
    }
    if (this.#commands === before) return false;
    this.#sendHeld();
    return true;
  }

  #perform(command: ToWorker): void {
    const { engine, tell } = this.#options;
    switch (command.kind) {
      case 'install':
        this.#install(command.id, command.pair, command.counters);
        return;
      case 'activate':
        engine.activateOutbound(command.pairId);
        // What waited goes before anything newer, and before the message that may follow.
        this.#sendHeld();
        return;
      case 'remove':
        this.#pairCounters.delete(command.pairId);
        this.#transportPairs.delete(command.pairId);
        engine.remove(command.pairId);
        return;
      case 'dummy':
        this.#sendOwn((batch) => engine.sealDummy(command.pairId, command.bytes, batch));
        return;
      case 'probe':
        this.#sendOwn((batch) => engine.sealProbe(command.pairId, command.probe, batch));
        return;
      case 'send':
        if (command.datagram.length === 1) this.#counted.keepalivesSent += 1;
        else this.#counted.ikeSent += 1;
        this.#sockets.sendOne(command.datagram, command.path);
        return;
      case 'add-socket':
        this.#sockets.add(command.descriptor, command.isMarked);
        this.#watch();
        return;
      case 'remove-socket':
        this.#sockets.remove(command.fd);
        this.#watch();
        tell({ kind: 'done', id: command.id });
        return;
      case 'stop':
        this.#isStopped = true;
        return;
      default:
        obeyInEngine(engine, command);
    }
  }

  /** Sends what the engine makes itself. */
  #sendOwn(seal: (batch: PacketBatch) => boolean): void {
    const copies = this.#copies;
    copies.count = 0;
    if (seal(copies)) this.#sockets.send(copies);
  }

  #install(id: number, transferred: TransferredPair, counters: SharedArrayBuffer): void {
    const { engine, tell } = this.#options;
    const pair = pairOf(transferred);
    try {
      engine.install(pair);
      this.#pairCounters.set(pair.id, new Float64Array(counters));
      if (pair.mode === 'transport') this.#transportPairs.add(pair.id);
      tell({ kind: 'done', id });
    } catch (error) {
      tell({ kind: 'done', id, failure: messageOf(error) });
    } finally {
      // The ciphers have what they need by now.
      for (const { encryptionKey, integrityKey } of [pair.inbound, pair.outbound]) {
        encryptionKey.erase();
        integrityKey.erase();
      }
    }
  }

  /** Runs a part of a turn: a defect in it costs the packets at hand, and not the tunnel. */
  #guard<Result>(part: () => Result): Result | undefined {
    try {
      return part();
    } catch (error) {
      this.#taken.ike.length = 0;
      this.#taken.keepalives.length = 0;
      this.#counted.defects += 1;
      this.#mustPublish = true;
      this.#mainThread.tellDefect(messageOf(error));
      return undefined;
    }
  }
}

/** Copies what is known of the outer header of a datagram. */
function copyOuter(from: PacketBatch, at: number, to: PacketBatch, index: number): void {
  copyPackedPath(from.paths, at, to.paths, index);
  if (to.trafficClasses) to.trafficClasses[index] = from.trafficClasses?.[at] ?? 0;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
