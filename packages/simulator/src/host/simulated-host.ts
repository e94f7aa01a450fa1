import type { Deadline, Instant } from '@ipsec-kit/clock';
import { createSeededRandom } from '@ipsec-kit/crypto';
import { type Command, createIkeEndpoint, type IkeEndpoint } from '@ipsec-kit/ikev2';
import { buildIcmpEcho, type IpAddress, type Path } from '@ipsec-kit/ip';
import type { EngineCounters } from '@ipsec-kit/ipsec';
import { classifyDatagram, NON_ESP_MARKER_BYTES } from '@ipsec-kit/nat-t';
import { createScheduler, type Scheduler, type WakeSource } from '@ipsec-kit/scheduler';
import type { Datagram } from '../network/datagram.ts';
import { RandomStream } from '../network/random-stream.ts';
import type { Attachment, AttachmentCounters } from '../network/virtual-network-contract.ts';
import { answerDelayMs } from './answer-delay.ts';
import { EndpointDriver } from './endpoint-driver.ts';
import { HostClock } from './host-clock.ts';
import { tellHostNews } from './host-news.ts';
import type { ReceivedPacket } from './inner-inbox.ts';
import { InnerTraffic } from './inner-traffic.ts';
import { OutputPerformer } from './output-performer.ts';
import { PacketPath, type StandingChild } from './packet-path.ts';
import { ScratchPorts } from './scratch-ports.ts';
import { type EndedSession, SessionBook, type SimulatedSession } from './session-book.ts';
import type { HostPorts, SimulatedHostOptions } from './simulated-host-options.ts';

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
  readonly #endpoint: IkeEndpoint;
  readonly #driver: EndpointDriver;
  readonly #packets: PacketPath;
  readonly #inner: InnerTraffic;
  readonly #book = new SessionBook();
  readonly #attachment: Attachment;
  readonly #scratchPorts = new ScratchPorts();
  #rejectedDatagrams = 0;

  constructor(options: SimulatedHostOptions) {
    const { name, addresses, crypto, worker, network, segment, observer = {} } = options;
    const clock = new HostClock(options.clock);
    this.name = name;
    this.ports = options.ports ?? DEFAULT_PORTS;
    this.#clock = clock;
    const random = createSeededRandom(`${options.seed}/${name}/packets`);
    this.#packets = new PacketPath(crypto, random, () => clock.now());
    this.#inner = new InnerTraffic({
      packets: this.#packets,
      clock,
      observer,
      send: (path, data) => this.#send(path, data),
      feed: (...inputs) => this.#driver.feed(...inputs),
      reportDelayMs: options.reportDelayMs ?? 0,
      onSpeaksAgain: () => this.#driver.feedTraffic(),
    });
    this.#endpoint = hostEndpoint(options);
    const performer = new OutputPerformer({
      packets: this.#packets,
      inner: this.#inner,
      worker,
      scratchPorts: this.#scratchPorts,
      observer,
      addresses: () => this.addresses,
      sendIke: (path, data) => this.#send(path, data),
      onEvent: (event) => {
        this.#book.note(event);
        observer.event?.(event);
        options.onEvent?.(event);
      },
    });
    this.#driver = new EndpointDriver({
      endpoint: this.#endpoint,
      clock,
      scheduler: hostScheduler(clock, options.alarm),
      answer: (request) => performer.answer(request),
      answered: ({ kind }) => {
        if (kind === 'install-child') this.#inner.release();
      },
      answerDelayMs: (request) => answerDelayMs(options.answerDelayMs ?? 0, request),
      perform: (output) => performer.perform(output),
      sampleTraffic: () => this.#packets.sampleTraffic(),
    });
    this.#attachment = network.attach({
      name,
      addresses,
      ...(segment ? { segment } : {}),
      ...(options.middleboxes ? { middleboxes: options.middleboxes } : {}),
      receive: (datagram) => this.#receive(datagram),
    });
    const preferredAddresses = this.addresses;
    tellHostNews({
      clock,
      tellsOfSleep: options.tellsOfSleep ?? true,
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

  /** What cannot leave is counted by the network, and told of, as the system of a real host does. */
  #send(path: Path, data: Uint8Array): void {
    const { local, remote } = path;
    const canSend = this.#attachment.canSend?.(local, remote) ?? true;
    this.#attachment.send(local, remote, data);
    if (!canSend) this.#driver.feed({ kind: 'send-failed', path });
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

function hostEndpoint({
  name,
  seed,
  crypto,
  connections,
  settings,
}: SimulatedHostOptions): IkeEndpoint {
  const jitter = new RandomStream(`${seed}/${name}/jitter`);
  return createIkeEndpoint({
    connections,
    settings,
    crypto,
    random: createSeededRandom(`${seed}/${name}/ike`),
    jitter: () => jitter.fraction(),
  });
}

function hostScheduler(clock: HostClock, alarm: WakeSource | undefined): Scheduler {
  return createScheduler({ clock, ...(alarm ? { alarm: noticingSleep(alarm, clock) } : {}) });
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
