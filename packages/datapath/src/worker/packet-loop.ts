import type { Path } from '@ipsec-kit/ip';
import type { PacketEngine } from '@ipsec-kit/ipsec';
import { errnoName, POLLERR, POLLHUP, POLLIN, POLLNVAL, type SystemCalls } from '@ipsec-kit/posix';
import type { TunQueue } from '@ipsec-kit/tun-adapter';
import { lookIntervalMs } from '../activity-watch.ts';
import { passingClock, sendFailedFacts } from '../pair-activity.ts';
import type { Handover } from '../workers/handover.ts';
import { obeyInEngine } from './engine-command.ts';
import { createMainThread, type MainThread } from './main-thread.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { PacketCarrier } from './packet-carrier.ts';
import { createPollTable } from './poll-table.ts';
import type { SharedCounters } from './shared-counters.ts';
import { createWorkerPairs, type WorkerPairs } from './worker-pairs.ts';
import { createWorkerSockets, type WorkerSockets } from './worker-sockets.ts';

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
}

/** Carries packets in this thread until it is told to stop; blocks in poll while there are none. */
export class PacketLoop {
  readonly #options: PacketLoopOptions;
  readonly #sockets: WorkerSockets;
  readonly #poll: ReturnType<typeof createPollTable>;
  readonly #pairs: WorkerPairs;
  readonly #carrier: PacketCarrier;
  readonly #mainThread: MainThread;
  readonly #scratch: { readonly address: number };
  #isStopped = false;
  #isDeviceGone = false;
  #mustPublish = true;
  #publishedAtMs = 0;
  #carriedAtMs = 0;
  readonly #nowMs: () => number = passingClock();
  #commands = 0;

  constructor(options: PacketLoopOptions) {
    const { calls, engine, queue, backlog, tell, handover } = options;
    this.#options = options;
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
  }

  /** Returns when it was told to stop; sockets and pairs are closed then. */
  run(): void {
    this.#watch();
    let mayHaveMore = false;
    while (!this.#isStopped) {
      const events = this.#wait(this.#timeoutMs(mayHaveMore));
      this.#markReady(events > 0);
      // Whoever sends a command wakes the loop behind it: without that nothing waits.
      const isWoken = events > 0 && this.#look();
      let hasCarried = (isWoken && this.#guard(() => this.#obey())) || false;
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
    this.#pairs.removeAll();
    this.#sockets.closeAll();
    this.#options.queue.close();
  }

  /** Waits in poll, unless another worker hands something over first. */
  #wait(timeoutMs: number): number {
    const { handover } = this.#options;
    if (!handover || timeoutMs === 0) return this.#poll.poll(timeoutMs);
    const mayWait = handover.fallAsleep();
    const events = this.#poll.poll(mayWait ? timeoutMs : 0);
    handover.wakeUp();
    return events;
  }

  #timeoutMs(mayHaveMore: boolean): number {
    if (mayHaveMore) return 0;
    return this.#mustPublish ? this.#publishMs : -1;
  }

  get #publishMs(): number {
    return lookIntervalMs(this.#pairs.count);
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
      const events = hasEvents ? this.#poll.eventsOf(before + i) : 0;
      if ((events & POLLERR) !== 0) this.#guard(() => this.#carrier.hintTooBig(one));
      one.isReady = one.hasDelivered || events !== 0;
      one.hasDelivered = false;
    }
  }

  /** Takes back the wake-up, and notices a device that has gone. @returns whether there was a wake-up. */
  #look(): boolean {
    const { calls, wakeFd } = this.#options;
    const isWoken = this.#poll.eventsOf(0) !== 0;
    if (isWoken) calls.read(wakeFd, this.#scratch.address, 8);
    if (!this.#isDeviceGone && (this.#poll.eventsOf(1) & BROKEN) !== 0) this.#loseDevice(EBADFD);
    return isWoken;
  }

  #loseDevice(errno: number): void {
    this.#isDeviceGone = true;
    this.#watch();
    this.#options.tell({ kind: 'device-failed', errno });
  }

  /** Both directions once. @returns whether there may be more. */
  #carry(): boolean {
    let came = 0;
    for (const socket of this.#sockets.all) {
      if (socket.isReady) came += this.#guard(() => this.#carrier.receive(socket)) ?? 0;
    }
    const handed = this.#guard(() => this.#carrier.takeOver()) ?? 0;
    if (this.#isDeviceGone) return came + handed > 0;
    // As many leave as came, while there are any: if a worker sent less the more it received, the peer that sends most
    // would get all of the tunnel.
    const left = this.#guard(() => this.#carrier.read(came)) ?? 0;
    if (left === 0 && this.#options.queue.lastErrno === EBADFD) this.#loseDevice(EBADFD);
    return came + handed + left > 0;
  }

  #publish(): void {
    if (!this.#mustPublish) return;
    const nowMs = performance.now();
    if (nowMs - this.#publishedAtMs < this.#publishMs) return;
    this.#publishedAtMs = nowMs;
    this.#mustPublish = false;
    const { engine, counters } = this.#options;
    const udp = this.#sockets.counters();
    counters.write({ datapath: this.#carrier.counted, udp, engine: engine.counters() });
    const refused = this.#sockets
      .takeRefused()
      .flatMap(({ path, errno }) => sendFailedFacts(path, errnoName(errno)));
    const facts = [...this.#pairs.publish(this.#carriedAtMs), ...refused];
    if (facts.length > 0) this.#mainThread.hint(facts);
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
    this.#carrier.sendHeld();
    return true;
  }

  #perform(command: ToWorker): void {
    const { engine, tell } = this.#options;
    const { counted } = this.#carrier;
    switch (command.kind) {
      case 'install':
        this.#answer(command.id, () => this.#pairs.install(command.pair, command.counters));
        return;
      case 'install-elsewhere':
        this.#answer(command.id, () =>
          this.#pairs.installElsewhere(command.pair, command.outboundSpi),
        );
        return;
      case 'sync':
        tell({ kind: 'done', id: command.id });
        return;
      case 'activate':
        engine.activateOutbound(command.pairId);
        // What waited goes before anything newer, and before the message that may follow.
        this.#carrier.sendHeld();
        return;
      case 'remove':
        this.#pairs.remove(command.pairId);
        return;
      case 'dummy':
        this.#carrier.sendDummy(command.pairId, command.bytes);
        return;
      case 'probe':
        this.#carrier.sendProbe(command.pairId, command.probe);
        return;
      case 'send':
        if (command.datagram.length === 1) counted.keepalivesSent += 1;
        else counted.ikeSent += 1;
        this.#sendOne(command.datagram, command.path);
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

  #answer(id: number, install: () => void): void {
    const { tell } = this.#options;
    try {
      install();
      tell({ kind: 'done', id });
    } catch (error) {
      tell({ kind: 'done', id, failure: messageOf(error) });
    }
  }

  #sendOne(datagram: Uint8Array, path: Path): void {
    const errno = this.#sockets.sendOne(datagram, path);
    const facts = errno === 0 ? [] : sendFailedFacts(path, errnoName(errno));
    if (facts.length > 0) this.#mainThread.hint(facts);
  }

  /** Runs a part of a turn: a defect in it costs the packets at hand, and not the tunnel. */
  #guard<Result>(part: () => Result): Result | undefined {
    try {
      return part();
    } catch (error) {
      this.#carrier.discard();
      this.#carrier.counted.defects += 1;
      this.#mustPublish = true;
      this.#mainThread.tellDefect(messageOf(error));
      return undefined;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
