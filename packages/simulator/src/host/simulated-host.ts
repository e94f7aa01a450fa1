import type { Deadline, Instant } from '@ipsec-kit/clock';
import { createSeededRandom } from '@ipsec-kit/crypto';
import {
  type Answer,
  type Command,
  createIkeEndpoint,
  type IkeEndpoint,
  type Request,
  type SessionEvent,
} from '@ipsec-kit/ikev2';
import { buildIcmpEcho, type IpAddress, type Path } from '@ipsec-kit/ip';
import type { EngineCounters } from '@ipsec-kit/ipsec';
import {
  classifyDatagram,
  NON_ESP_MARKER_BYTES,
  natKeepalive,
  prependMarker,
} from '@ipsec-kit/nat-t';
import { createScheduler, type WakeSource } from '@ipsec-kit/scheduler';
import type { Datagram } from '../network/datagram.ts';
import { RandomStream } from '../network/random-stream.ts';
import type { Attachment, AttachmentCounters } from '../network/virtual-network-contract.ts';
import { EndpointDriver, type PlainOutput } from './endpoint-driver.ts';
import { HostClock } from './host-clock.ts';
import { tellHostNews } from './host-news.ts';
import type { HostObserver } from './host-observer.ts';
import type { ReceivedPacket } from './inner-inbox.ts';
import { InnerTraffic } from './inner-traffic.ts';
import { PacketPath, type StandingChild } from './packet-path.ts';
import { ScratchPorts } from './scratch-ports.ts';
import { type EndedSession, SessionBook, type SimulatedSession } from './session-book.ts';
import type {
  AnswerDelay,
  HostPorts,
  SimulatedHostOptions,
  SimulatedWorker,
} from './simulated-host-options.ts';

/** Stands for the network of a host that is in the core. */
const CORE = 'core';
const DEFAULT_PORTS: HostPorts = { ike: 500, natT: 4500 };

/** A host of the virtual network with a whole VPN: IKE endpoint, packet engine, and in place of a TUN device
 * {@link SimulatedHost.sendInner} and {@link SimulatedHost.received}. It answers pings that come through a tunnel.
 */
export class SimulatedHost {
  readonly name: string;
  readonly ports: HostPorts;
  readonly #clock: HostClock;
  readonly #observer: HostObserver;
  readonly #endpoint: IkeEndpoint;
  readonly #driver: EndpointDriver;
  readonly #packets: PacketPath;
  readonly #inner: InnerTraffic;
  readonly #book = new SessionBook();
  readonly #attachment: Attachment;
  readonly #worker: SimulatedWorker;
  readonly #onEvent: (event: SessionEvent) => void;
  readonly #scratchPorts = new ScratchPorts();
  #rejectedDatagrams = 0;

  constructor(options: SimulatedHostOptions) {
    const { name, addresses, crypto, seed, answerDelayMs = 0 } = options;
    const clock = new HostClock(options.clock);
    this.name = name;
    this.ports = options.ports ?? DEFAULT_PORTS;
    this.#clock = clock;
    this.#observer = options.observer ?? {};
    this.#worker = options.worker;
    this.#onEvent = options.onEvent ?? (() => undefined);
    this.#packets = new PacketPath(crypto, createSeededRandom(`${seed}/${name}/packets`), () =>
      clock.now(),
    );
    this.#inner = new InnerTraffic({
      packets: this.#packets,
      clock,
      observer: this.#observer,
      send: (path, data) => this.#send(path, data),
      feed: (input) => this.#driver.feed(input),
      onSpeaksAgain: () => this.#driver.feedTraffic(),
    });
    const jitter = new RandomStream(`${seed}/${name}/jitter`);
    this.#endpoint = createIkeEndpoint({
      connections: options.connections,
      settings: options.settings,
      crypto,
      random: createSeededRandom(`${seed}/${name}/ike`),
      jitter: () => jitter.fraction(),
    });
    this.#driver = new EndpointDriver({
      endpoint: this.#endpoint,
      clock,
      scheduler: createScheduler({
        clock,
        ...(options.alarm ? { alarm: noticingSleep(options.alarm, clock) } : {}),
      }),
      answer: (request) => this.#answer(request),
      answered: ({ kind }) => {
        if (kind === 'install-child') this.#inner.release();
      },
      answerDelayMs: (request) => delayOf(answerDelayMs, request),
      perform: (output) => this.#perform(output),
      sampleTraffic: () => this.#packets.sampleTraffic(),
    });
    this.#attachment = options.network.attach({
      name,
      addresses,
      ...(options.segment ? { segment: options.segment } : {}),
      ...(options.middleboxes ? { middleboxes: options.middleboxes } : {}),
      receive: (datagram) => this.#receive(datagram),
    });
    const { network, segment, tellsOfSleep = true } = options;
    const preferredAddresses = this.addresses;
    tellHostNews({
      clock,
      tellsOfSleep,
      network: network.view ?? { preferredAddresses, networkKey: segment?.name ?? CORE },
      ...(network.onChange ? { onNetworkChange: (told) => network.onChange?.(told) } : {}),
      feed: (...inputs) => this.#driver.feed(...inputs),
    });
  }

  /** Outer addresses that it has now, the preferred first. */
  get addresses(): readonly IpAddress[] {
    return this.#attachment.addresses;
  }

  /** IKE SAs that have keys, by session id. */
  get sessions(): ReadonlyMap<number, SimulatedSession> {
    return this.#book.sessions;
  }

  /** The last sessions that ended, oldest first. */
  get ended(): readonly EndedSession[] {
    return this.#book.ended;
  }

  /** Child SAs that stand in the packet engine, by id. */
  get children(): ReadonlyMap<number, StandingChild> {
    return this.#packets.children;
  }

  /** Inner packets that came, oldest first; only the last are kept. */
  get received(): readonly ReceivedPacket[] {
    return this.#inner.received;
  }

  /** When the IKE machine wants to be called next, and why; `undefined` when it waits for nothing. */
  get nextDeadline(): Deadline | undefined {
    return this.#endpoint.nextDeadline();
  }

  /** What the packet engine counted. */
  get packetCounters(): EngineCounters {
    return this.#packets.counters;
  }

  /** What the network counted at this host. */
  get networkCounters(): Readonly<AttachmentCounters> {
    return this.#attachment.counters;
  }

  /** IKE messages that were dropped, and datagrams that were neither IKE nor ESP. */
  get rejectedDatagrams(): number {
    return this.#endpoint.rejectedMessages + this.#rejectedDatagrams;
  }

  get isAsleep(): boolean {
    return this.#clock.isAsleep;
  }

  /** Falls asleep: what comes is lost, and no deadline is noticed, until {@link SimulatedHost.wake}. */
  sleep(): void {
    this.#clock.sleep();
  }

  /** Wakes up: all deadlines that were slept through are due. */
  wake(): void {
    this.#clock.wake();
  }

  command(command: Command): void {
    this.#driver.feed({ kind: 'command', command });
  }

  /** Opens a session to a peer on its standard ports: from port 500, and on to 4500 when IKE_SA_INIT is done. */
  initiate(sessionId: number, connection: string, peer: IpAddress): void {
    const local = this.addresses.find(({ version }) => version === peer.version);
    if (!local) throw new Error(`${this.name} has no IPv${peer.version} address to reach its peer`);
    const path = (from: number, to: number): Path => ({
      local: { address: local, port: from },
      remote: { address: peer, port: to },
    });
    this.command({
      kind: 'initiate',
      sessionId,
      connection,
      path: path(this.ports.ike, DEFAULT_PORTS.ike),
      marker: false,
      floatTo: path(this.ports.natT, DEFAULT_PORTS.natT),
    });
  }

  /** Sends an inner packet into whatever tunnel takes it.
   * @returns false when the packet engine dropped it.
   * @throws RangeError when it is larger than a simulated device carries.
   */
  sendInner(packet: Uint8Array): boolean {
    return this.#inner.send(packet);
  }

  /** Sends one echo request through the tunnel; the reply is among {@link SimulatedHost.received}. */
  sendEcho(source: IpAddress, destination: IpAddress, sequence: number): boolean {
    const echo = { kind: 'request', identifier: 1, data: new Uint8Array(56) } as const;
    return this.sendInner(buildIcmpEcho({ ...echo, source, destination, sequence }));
  }

  /** When the reply with this sequence number came, or `undefined`. */
  echoReplyAt(sequence: number): Instant | undefined {
    return this.#inner.echoReplyAt(sequence);
  }

  #answer(request: Request): Answer {
    if (request.kind === 'install-child') {
      this.#observer.installing?.(request.child);
      return this.#packets.install(request.child);
    }
    if (request.kind === 'open-scratch-port') {
      const local = this.#scratchPorts.open(this.addresses, request.remote);
      return { kind: 'open-scratch-port', local };
    }
    const answer = this.#worker.handle(request);
    if (answer instanceof Promise) {
      throw new Error(
        `a simulation cannot wait for a promise: ${request.kind} needs a provider that answers at once`,
      );
    }
    return answer;
  }

  #perform(output: PlainOutput): void {
    switch (output.kind) {
      case 'send':
        this.#sendIke(output.path, output.marker ? prependMarker(output.data) : output.data);
        return;
      case 'send-keepalive':
        this.#sendIke(output.path, natKeepalive());
        return;
      case 'send-esp-keepalive':
        this.#inner.sendSealed(this.#packets.sealKeepalive(output.childId));
        return;
      case 'close-scratch-port':
        this.#scratchPorts.close(output.local);
        return;
      case 'remove-child':
        this.#observer.removed?.(output.childId, this.children.has(output.childId));
        this.#packets.remove(output.childId);
        return;
      case 'move-child':
        this.#packets.move(output.childId, output.path);
        return;
      case 'activate-child':
        this.#packets.activate(output.childId);
        this.#inner.sendSealed(this.#packets.sealHeld());
        return;
      case 'deactivate-child':
        this.#packets.deactivate(output.childId);
        return;
      case 'reserve-spi':
        this.#observer.reserved?.(output.spi);
        this.#packets.reserveSpi(output.spi);
        return;
      case 'release-spi':
        this.#observer.released?.(output.spi);
        this.#packets.releaseSpi(output.spi);
        return;
      case 'release-lease':
        this.#worker.release(output.lease);
        return;
      case 'end-eap':
        return;
      case 'event':
        this.#book.note(output.event);
        this.#observer.event?.(output.event);
        this.#onEvent(output.event);
        return;
      default:
        unreachable(output);
    }
  }

  /** What cannot leave is counted by the network, and told of, as the system of a real host does. */
  #sendIke(path: Path, data: Uint8Array): void {
    const canSend = this.#attachment.canSend?.(path.local, path.remote) ?? true;
    this.#send(path, data);
    if (!canSend) this.#driver.feed({ kind: 'send-failed', path });
  }

  #send({ local, remote }: Path, data: Uint8Array): void {
    this.#attachment.send(local, remote, data);
  }

  #receive({ from, to, data }: Datagram): void {
    if (this.isAsleep) return;
    this.#clock.checkSleep();
    const path = { local: to, remote: from };
    if (to.port === this.ports.ike) {
      this.#driver.feed({ kind: 'datagram', path, data, marker: false });
    } else if (to.port === this.ports.natT || this.#scratchPorts.has(to.port)) {
      this.#receiveMarked(path, data);
    } else {
      this.#rejectedDatagrams += 1;
    }
  }

  #receiveMarked(path: Path, data: Uint8Array): void {
    switch (classifyDatagram(data, 0, data.length)) {
      case 'ike': {
        const message = data.subarray(NON_ESP_MARKER_BYTES);
        this.#driver.feed({ kind: 'datagram', path, data: message, marker: true });
        return;
      }
      case 'esp':
        this.#inner.receive(path, data);
        return;
      case 'keepalive':
        this.#driver.feed({ kind: 'keepalive-received', path });
        return;
      case 'malformed':
        this.#rejectedDatagrams += 1;
    }
  }
}

/** The alarm wakes a program that has to hear first that it slept. */
function noticingSleep(alarm: WakeSource, clock: HostClock): WakeSource {
  return {
    name: alarm.name,
    arm: (at, fire) =>
      alarm.arm(at, () => {
        clock.checkSleep();
        return fire();
      }),
  };
}

const KEY_EXCHANGE: ReadonlySet<Request['kind']> = new Set([
  'generate-key',
  'agree-key',
  'respond-key',
]);

function delayOf(delay: AnswerDelay, request: Request): number {
  if (typeof delay === 'function') return delay(request);
  return KEY_EXCHANGE.has(request.kind) ? delay : 0;
}

function unreachable(output: never): never {
  throw new Error(`unhandled output ${JSON.stringify(output)}`);
}
