import { addMs, type Instant, msBetween, type VirtualClock } from '@ipsec-kit/clock';
import type { SessionEvent, SessionFailure } from '@ipsec-kit/ikev2';
import type { IpAddress } from '@ipsec-kit/ip';
import type { DozingDevice } from '../device/dozing-device.ts';
import type { SimulatedHost } from '../host/simulated-host.ts';
import type { Nat } from '../nat/nat-place.ts';
import { formatTrace } from '../network/format-trace.ts';
import type { VirtualNetwork } from '../network/virtual-network.ts';
import { CONNECTION_NAME, SERVER_INNER_ADDRESS } from './default-connection.ts';

/** An event of a session, when and where it happened. */
export interface SimulatedEvent {
  readonly at: Instant;
  readonly host: string;
  readonly event: SessionEvent;
}

/** How an attempt to open a session ended. */
export type OpenResult =
  | { readonly opened: true; readonly sessionId: number; readonly afterMs: number }
  /** `failure` is absent when the time limit came first. */
  | {
      readonly opened: false;
      readonly sessionId: number;
      readonly failure: SessionFailure | undefined;
    };

/** The hosts of a simulation and the world that they live in. */
export interface SimulationParts {
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly server: SimulatedHost;
  readonly clients: readonly SimulatedHost[];
  readonly events: SimulatedEvent[];
  readonly devices: ReadonlyMap<string, DozingDevice>;
  readonly nat?: Nat;
}

/** How to ping. */
export interface PingOptions {
  /** The other end of the tunnel; default the first client. */
  readonly client?: SimulatedHost;
  /** Default 1. */
  readonly tries?: number;
  /** How long to wait for each reply; default 5000. */
  readonly timeoutMs?: number;
}

/** Longest time that {@link Simulation.open} waits: longer than all retransmissions of two exchanges. */
const OPEN_LIMIT_MS = 600_000;
const PING_TIMEOUT_MS = 5_000;
const MAX_STEPS = 10_000_000;

/** A server and its clients in virtual time. Nothing happens but in its methods, and the same calls give the same trace. */
export class Simulation {
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly server: SimulatedHost;
  readonly clients: readonly SimulatedHost[];
  /** The first client: the only one, unless more were asked for. */
  readonly client: SimulatedHost;
  /** Devices that hosts live on, by the name of the host. */
  readonly devices: ReadonlyMap<string, DozingDevice>;
  /** The NAT that the clients are behind, if any. */
  readonly nat: Nat | undefined;
  readonly #events: SimulatedEvent[];
  readonly #serverAddress: IpAddress;
  #nextSessionId = 1;
  #nextSequence = 1;

  constructor(parts: SimulationParts) {
    const [client] = parts.clients;
    const [address] = parts.server.addresses;
    if (!client || !address) throw new RangeError('"clients" expected at least one');
    this.clock = parts.clock;
    this.network = parts.network;
    this.server = parts.server;
    this.clients = parts.clients;
    this.client = client;
    this.devices = parts.devices;
    this.nat = parts.nat;
    this.#events = parts.events;
    this.#serverAddress = address;
  }

  /** What happened in the sessions of all hosts, in order; the last entries. */
  get events(): readonly SimulatedEvent[] {
    return this.#events;
  }

  get now(): Instant {
    return this.clock.now();
  }

  /** Goes on to the next thing that happens, and lets everything of that instant happen.
   * @returns false when nothing waits.
   */
  step(): boolean {
    const next = this.clock.nextWake();
    if (next === undefined) return false;
    this.clock.advanceTo(next);
    return true;
  }

  /** Steps until `condition` holds. @returns false when `limitMs` of virtual time, or everything to do, ended first. */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    const limit = addMs(this.now, limitMs);
    for (let steps = 0; steps < MAX_STEPS; steps += 1) {
      if (condition()) return true;
      const next = this.clock.nextWake();
      if (next === undefined || next > limit) {
        this.clock.advanceTo(limit);
        return condition();
      }
      this.step();
    }
    throw new Error(`the simulation does not come to rest: ${MAX_STEPS} steps in ${limitMs} ms`);
  }

  /** Lets virtual time pass. */
  runFor(ms: number): void {
    this.clock.advanceBy(ms);
  }

  /** An id for a session that a host is to open, not used before in this simulation. */
  nextSessionId(): number {
    const sessionId = this.#nextSessionId;
    this.#nextSessionId += 1;
    return sessionId;
  }

  /** Starts a session from a client to the server, without waiting. @returns its id at the client. */
  initiate(client: SimulatedHost = this.client): number {
    const sessionId = this.nextSessionId();
    client.initiate(sessionId, CONNECTION_NAME, this.#serverAddress);
    return sessionId;
  }

  /** Opens a session from a client to the server, and waits until it stands at the client or has failed. */
  open(client: SimulatedHost = this.client, limitMs: number = OPEN_LIMIT_MS): OpenResult {
    const startedAt = this.now;
    const sessionId = this.initiate(client);
    const ending = (): SessionFailure | undefined =>
      client.ended.find((session) => session.sessionId === sessionId)?.failure;
    const isOpen = (): boolean => client.sessions.get(sessionId)?.isOpen === true;
    this.runUntil(() => isOpen() || ending() !== undefined, limitMs);
    return isOpen()
      ? { opened: true, sessionId, afterMs: msBetween(startedAt, this.now) }
      : { opened: false, sessionId, failure: ending() };
  }

  /** Closes a client's session with DELETE, and waits until it is gone there. */
  close(sessionId: number, client: SimulatedHost = this.client): boolean {
    client.command({ kind: 'close', sessionId });
    return this.runUntil(() => !client.sessions.has(sessionId), OPEN_LIMIT_MS);
  }

  /** Pings through the tunnel until a reply comes: from a client to the server's inner address, or back.
   * @returns the round trip time in milliseconds, or `undefined` when none of `tries` was answered.
   */
  ping(
    direction: 'to-server' | 'to-client' = 'to-server',
    options: PingOptions = {},
  ): number | undefined {
    const { client = this.client, tries = 1, timeoutMs = PING_TIMEOUT_MS } = options;
    const address = innerAddressOf(client);
    if (!address) return undefined;
    const [host, source, destination] =
      direction === 'to-server'
        ? [client, address, SERVER_INNER_ADDRESS]
        : [this.server, SERVER_INNER_ADDRESS, address];
    for (let attempt = 0; attempt < tries; attempt += 1) {
      const sequence = this.#nextSequence & 0xffff;
      this.#nextSequence += 1;
      const sentAt = this.now;
      if (!host.sendEcho(source, destination, sequence)) return undefined;
      const isAnswered = (): boolean => host.echoReplyAt(sequence) !== undefined;
      if (this.runUntil(isAnswered, timeoutMs)) return msBetween(sentAt, this.now);
    }
    return undefined;
  }

  /** What passed on the network, as text. */
  story(): string {
    const { forgottenEntries, trace } = this.network;
    const gap = forgottenEntries === 0 ? '' : `(${forgottenEntries} earlier entries are gone)\n`;
    return gap + formatTrace(trace);
  }
}

/** The address of a client inside its tunnel: what its Child SA protects. */
export function innerAddressOf(client: SimulatedHost): IpAddress | undefined {
  for (const session of client.sessions.values()) {
    const [address] = session.virtualAddresses;
    if (session.isOpen && address) return address;
  }
  const [child] = client.children.values();
  return child?.localSelectors[0]?.start;
}
