import type { Clock, Machine, WakeClass } from '@ipsec-kit/clock';
import type { PairActivity, PathFact } from '@ipsec-kit/datapath';
import type {
  AddressPools,
  Command,
  EndpointDeadline,
  EndpointInput,
  EndpointOutput,
  RequestHandler,
  SessionEvent,
} from '@ipsec-kit/ikev2';
import type { Endpoint, Path } from '@ipsec-kit/ip';
import type { SaPairCounters } from '@ipsec-kit/ipsec';
import type { Scheduler } from '@ipsec-kit/scheduler';
import type { ChildInstaller } from './child-installer.ts';
import type { HostNews } from './host-follower.ts';

/** The IKE machine, as the driver sees it. */
export interface EndpointMachine extends Machine<EndpointInput, EndpointOutput> {
  nextDeadline(wake?: WakeClass): EndpointDeadline | undefined;
}

/** How IKE messages leave, and what is known of the traffic of Child SAs. */
export interface ControlPath {
  sendIke(message: Uint8Array, path: Path, marker: boolean): void;
  sendKeepalive(path: Path): void;
  /** Sends an ESP packet that holds nothing; nothing when the pair is gone. @see RFC 4303 §2.6 */
  sendEspKeepalive(pairId: number): void;
  pairCounters(pairId: number): SaPairCounters | undefined;
  pairActivity(pairId: number): PairActivity | undefined;
  /** Opens a port of its own towards a peer. @returns nothing when none is to be had. Absent: none ever is. */
  openScratchPort?(remote: Endpoint): Promise<Endpoint | undefined>;
  closeScratchPort?(local: Endpoint): void;
}

export interface DriverOptions {
  readonly endpoint: EndpointMachine;
  readonly clock: Pick<Clock, 'now'>;
  /** Carries the deadlines of the endpoint under the keys `ike-device` and `ike-process`. */
  readonly scheduler: Pick<Scheduler, 'schedule' | 'cancel'>;
  readonly control: ControlPath;
  readonly installer: ChildInstaller;
  /** Does the slow and foreign work: keys, secrets, leases. */
  readonly requests: RequestHandler;
  /** Takes back what `requests` leased. */
  readonly pools: Pick<AddressPools, 'release'>;
  /** Lets go of an EAP conversation that goes on no more. */
  readonly endEap?: (conversation: bigint) => void;
  readonly onEvent: (event: SessionEvent) => void;
}

/** Runs the IKE machine: hands it datagrams, time and answers, and performs what it puts out. */
export interface Driver {
  /** A datagram from the IKE header on, in memory that is not reused. */
  receive(message: Uint8Array, path: Path, marker: boolean): void;
  /** The host slept, or its network changed. */
  tell(news: HostNews): void;
  /** What the packet path noticed. */
  noteFacts(facts: readonly PathFact[]): void;
  command(command: Command): void;
  /** Performs what the machine put out when it was asked for something beside its inputs. */
  perform(outputs: readonly EndpointOutput[]): void;
  /** Takes back the timer; whatever comes afterwards is ignored. */
  stop(): void;
}
