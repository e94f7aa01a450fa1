import type { Clock, SleepAwareClock } from '@ipsec-kit/clock';
import type { CryptoProvider } from '@ipsec-kit/crypto';
import type {
  Answer,
  ConnectionConfig,
  EndpointSettings,
  Lease,
  LocalRequest,
  Request,
  SessionEvent,
} from '@ipsec-kit/ikev2';
import type { IpAddress } from '@ipsec-kit/ip';
import type { WakeSource } from '@ipsec-kit/scheduler';
import type { Middlebox } from '../network/middlebox.ts';
import type { NetworkSegment } from '../network/network-segment.ts';
import type { VirtualNetwork } from '../network/virtual-network.ts';
import type { HostNetworks } from './host-networks.ts';
import type { HostObserver } from './host-observer.ts';

/** Does the foreign work of an endpoint, at once: a simulation cannot wait for a promise. */
export interface SimulatedWorker {
  handle(request: LocalRequest): Answer | Promise<Answer>;
  release(lease: Lease): void;
}

/** UDP ports of a host. @see RFC 7296 §2.23 */
export interface HostPorts {
  readonly ike: number;
  readonly natT: number;
}

/** How long answers to requests take in virtual time: a number is for key exchanges alone. */
export type AnswerDelay = number | ((request: Request) => number);

/** Where a host is attached: to a network for good, or to what moves it between several and tells what it sees there. */
export type HostPlace = Pick<VirtualNetwork, 'attach'> &
  Partial<Pick<HostNetworks, 'view' | 'onChange'>>;

export interface SimulatedHostOptions {
  /** For traces; unique in the network. */
  readonly name: string;
  readonly addresses: readonly IpAddress[];
  /** What stands between the host and its segment of the network, nearest first. */
  readonly middleboxes?: readonly Middlebox[];
  /** A network, or what moves the host between several, in which case those have its addresses. */
  readonly network: HostPlace;
  /** Default: the core of the network. */
  readonly segment?: NetworkSegment;
  /** The world's, or that of a device: one that is aware of sleep tells the endpoint of it. */
  readonly clock: Clock | SleepAwareClock;
  /** False for a program that never learns that it has slept; default true. */
  readonly tellsOfSleep?: boolean;
  /** The alarm of a device, for deadlines that may wake it. */
  readonly alarm?: WakeSource;
  readonly seed: number | string;
  readonly crypto: CryptoProvider;
  readonly connections: readonly ConnectionConfig[];
  readonly settings: EndpointSettings;
  readonly worker: SimulatedWorker;
  /** Default 500 and 4500. */
  readonly ports?: HostPorts;
  /** Default 0: answers come in the same turn. */
  readonly answerDelayMs?: AnswerDelay;
  /** How long what the packet engine has seen is on its way to the IKE endpoint: they are two threads, or two processes. Default 0. */
  readonly reportDelayMs?: number;
  readonly observer?: HostObserver;
  /** Told of each event, after the host has noted it. */
  readonly onEvent?: (event: SessionEvent) => void;
}
