import type { PacketEngine } from '@ipsec-kit/ipsec';
import { errnoName, POLLERR, POLLHUP, POLLIN, POLLNVAL, type SystemCalls } from '@ipsec-kit/posix';
import type { TunQueue } from '@ipsec-kit/tun-adapter';
import { LOOK_MS, lookIntervalMs } from '../activity-watch.ts';
import { type PathFact, passingClock, sendFailedFacts } from '../pair-activity.ts';
import type { Handover } from '../workers/handover.ts';
import { commandPerformer } from './command-performer.ts';
import { LookTimes } from './look-times.ts';
import { createMainThread, type MainThread } from './main-thread.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { PacketCarrier } from './packet-carrier.ts';
import { createPollTable } from './poll-table.ts';
import { sentenceOf } from './sentence-of.ts';
import type { SharedCounters } from './shared-counters.ts';
import { createWorkerPairs, type WorkerPairs } from './worker-pairs.ts';
import { createWorkerSockets, type WorkerSocket, type WorkerSockets } from './worker-sockets.ts';

/** Turns of both directions before commands are looked for again. */
const ROUNDS = 16;
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
  /** Absent: there are no other workers. */
  readonly handover?: Handover;
  /** How often the numbers are told; default {@link LOOK_MS}. */
  readonly lookMs?: number;
}

/** Carries packets in this thread until it is told to stop; blocks in poll while there are none. */
export class PacketLoop {
  // Each for itself: `options` may have been made in many ways, and code that is compiled for one of them knows no other.
  readonly #calls: SystemCalls;
  readonly #queue: TunQueue;
  readonly #engine: PacketEngine;
  readonly #counters: SharedCounters;
  readonly #wakeFd: number;
  readonly #nextCommand: () => ToWorker | undefined;
  readonly #tell: PacketLoopOptions['tell'];
  readonly #handover: Handover | undefined;
  readonly #sockets: WorkerSockets;
  readonly #poll: ReturnType<typeof createPollTable>;
  readonly #pairs: WorkerPairs;
  readonly #carrier: PacketCarrier;
  readonly #mainThread: MainThread;
  readonly #perform: (command: ToWorker) => void;
  readonly #drainFacts: () => readonly PathFact[];
  readonly #times: LookTimes = new LookTimes(passingClock());
  readonly #scratch: { readonly address: number };
  readonly #isAlone: boolean;
  readonly #lookMs: number;
  #isStopped = false;
  #isDeviceGone = false;
  #hasCarried = false;

  constructor(options: PacketLoopOptions) {
    const { calls, engine, queue, backlog, tell, handover } = options;
    this.#calls = calls;
    this.#queue = queue;
    this.#engine = engine;
    this.#counters = options.counters;
    this.#wakeFd = options.wakeFd;
    this.#nextCommand = options.nextCommand;
    this.#tell = tell;
    this.#handover = handover;
    this.#isAlone = handover === undefined;
    this.#lookMs = options.lookMs ?? LOOK_MS;
    this.#drainFacts = () => engine.drainFacts();
    this.#mainThread = createMainThread(backlog, tell);
    this.#sockets = createWorkerSockets(calls);
    this.#poll = createPollTable(calls);
    this.#pairs = createWorkerPairs(engine);
    this.#scratch = calls.mapMemory(8);
    this.#carrier = new PacketCarrier({
      calls,
      queue,
      engine,
      sockets: this.#sockets,
      pairs: this.#pairs,
      mainThread: this.#mainThread,
      ...(handover ? { handover } : {}),
    });
    this.#perform = commandPerformer({
      engine,
      pairs: this.#pairs,
      sockets: this.#sockets,
      carrier: this.#carrier,
      mainThread: this.#mainThread,
      tell,
      onSockets: () => this.#watch(),
      onStop: () => {
        this.#isStopped = true;
      },
    });
  }

  /** Returns when it was told to stop; sockets and pairs are closed then. */
  run(): void {
    this.#watch();
    let mayHaveMore = false;
    while (!this.#isStopped) {
      const events: number = this.#wait(mayHaveMore ? 0 : this.#times.waitMs);
      // Nothing came until the numbers were to be told: then there is nothing to look for either.
      const isQuiet: boolean = events === 0 && !mayHaveMore;
      this.#hasCarried = false;
      mayHaveMore = !(isQuiet && this.#isAlone) && this.#turn(events);
      this.#publish(isQuiet && !this.#hasCarried);
    }
    this.#pairs.removeAll();
    this.#sockets.closeAll();
    this.#queue.close();
  }

  /** Obeys what was commanded, and carries what there is. @returns whether there may be more. */
  #turn(events: number): boolean {
    this.#markReady(events > 0);
    // Whoever sends a command wakes the loop behind it: without that nothing waits.
    if (events > 0 && this.#look()) this.#hasCarried = this.#obey();
    let mayHaveMore = false;
    for (let round = 0; round < ROUNDS && !this.#isStopped; round += 1) {
      mayHaveMore = this.#carry();
      if (!mayHaveMore) break;
      this.#hasCarried = true;
    }
    this.#tellFacts();
    return mayHaveMore;
  }

  /** Waits in poll, unless another worker hands something over first. */
  #wait(timeoutMs: number): number {
    const handover = this.#handover;
    if (!handover || timeoutMs === 0) return this.#poll.poll(timeoutMs);
    const mayWait = handover.fallAsleep();
    const events = this.#poll.poll(mayWait ? timeoutMs : 0);
    handover.wakeUp();
    return events;
  }

  #watch(): void {
    const sockets = this.#sockets.all().map(({ socket }) => socket.fd);
    const device = this.#isDeviceGone ? [] : [this.#queue.fd];
    this.#poll.watch([this.#wakeFd, ...device, ...sockets].map((fd) => ({ fd, events: POLLIN })));
  }

  /** Chooses the sockets of this turn: those that have something. */
  #markReady(hasEvents: boolean): void {
    const before = this.#isDeviceGone ? 1 : 2;
    const all = this.#sockets.all();
    for (let i = 0; i < all.length; i += 1) {
      const one = all[i];
      if (!one) continue;
      const events = hasEvents ? this.#poll.eventsOf(before + i) : 0;
      if ((events & POLLERR) !== 0) this.#guard(() => this.#carrier.hintTooBig(one));
      one.isReady = events !== 0;
    }
  }

  /** Takes back the wake-up, and notices a device that has gone. @returns whether there was a wake-up. */
  #look(): boolean {
    const isWoken = this.#poll.eventsOf(0) !== 0;
    if (isWoken) this.#calls.read(this.#wakeFd, this.#scratch.address, 8);
    if (!this.#isDeviceGone && (this.#poll.eventsOf(1) & BROKEN) !== 0) this.#loseDevice(EBADFD);
    return isWoken;
  }

  #loseDevice(errno: number): void {
    this.#isDeviceGone = true;
    this.#watch();
    this.#tell({ kind: 'device-failed', errno });
  }

  /** Both directions once. @returns whether there may be more. */
  #carry(): boolean {
    let came = 0;
    for (const socket of this.#sockets.all()) if (socket.isReady) came += this.#receive(socket);
    came += this.#takeOver();
    if (this.#isDeviceGone) return came > 0;
    const left = this.#read(came);
    if (left === 0 && this.#queue.lastErrno === EBADFD) this.#loseDevice(EBADFD);
    return came + left > 0;
  }

  // Each part of a turn fails alone: a defect in it costs the packets at hand, and not the tunnel.

  #receive(socket: WorkerSocket): number {
    try {
      return this.#carrier.receive(socket);
    } catch (error) {
      return this.#noteDefect(error);
    }
  }

  #takeOver(): number {
    try {
      return this.#carrier.takeOver();
    } catch (error) {
      return this.#noteDefect(error);
    }
  }

  /** As many leave as came, while there are any: if a worker sent less the more it received, the peer that sends most would get all
   * of the tunnel.
   */
  #read(came: number): number {
    try {
      return this.#carrier.read(came);
    } catch (error) {
      return this.#noteDefect(error);
    }
  }

  #tellFacts(): void {
    try {
      this.#mainThread.tellFacts(this.#drainFacts);
    } catch (error) {
      this.#noteDefect(error);
    }
  }

  /** Tells the numbers, when it is time. */
  #publish(isQuiet: boolean): void {
    const intervalMs = lookIntervalMs(this.#pairs.count(), this.#lookMs);
    if (!this.#times.isDue(this.#hasCarried, isQuiet, intervalMs)) return;
    const udp = this.#sockets.counters();
    const engine = this.#engine.counters();
    this.#counters.write({ datapath: this.#carrier.counted, udp, engine });
    const refused = this.#sockets
      .takeRefused()
      .flatMap(({ path, errno }) => sendFailedFacts(path, errnoName(errno)));
    const facts = [...this.#pairs.publish(this.#times.carriedAtMs), ...refused];
    if (facts.length > 0) this.#mainThread.hint(facts);
  }

  /** @returns whether there was anything to obey. */
  #obey(): boolean {
    let hasObeyed = false;
    for (let next = this.#nextCommand(); next; next = this.#nextCommand()) {
      const command = next;
      hasObeyed = true;
      this.#guard(() => this.#perform(command));
    }
    if (hasObeyed) this.#guard(() => this.#carrier.sendHeld());
    return hasObeyed;
  }

  /** Runs what is seldom done. */
  #guard(part: () => void): void {
    try {
      part();
    } catch (error) {
      this.#noteDefect(error);
    }
  }

  /** @returns 0: what was carried. */
  #noteDefect(error: unknown): 0 {
    this.#carrier.discard();
    this.#carrier.counted.defects += 1;
    this.#times.fallBehind();
    this.#mainThread.tellDefect(sentenceOf(error));
    return 0;
  }
}
