import type { Clock, SleepAwareClock } from '@ipsec-kit/clock';
import type { CryptoProvider } from '@ipsec-kit/crypto';
import type { ChildConfig, ConnectionConfig, EndpointSettings } from '@ipsec-kit/ikev2';
import type { IpAddress } from '@ipsec-kit/ip';
import type { DeviceSettings } from '../device/device-settings.ts';
import type { HostNetworks } from '../host/host-networks.ts';
import type { HostObserver } from '../host/host-observer.ts';
import type { AnswerDelay } from '../host/simulated-host-options.ts';
import type { NatSettings } from '../nat/nat-settings.ts';
import type { LinkSettings } from '../network/link.ts';
import type { Middlebox } from '../network/middlebox.ts';
import type { VirtualNetwork } from '../network/virtual-network.ts';

/** One side of a simulation; what is absent gets the defaults of {@link clientConnection} and {@link serverConnection}. */
export interface SideOptions {
  readonly connection?: Partial<ConnectionConfig>;
  /** Of the only child. */
  readonly child?: Partial<ChildConfig>;
  readonly settings?: Partial<EndpointSettings>;
  /** The pre-shared key; equal on both sides unless one is given. */
  readonly secret?: string;
  /** How long answers to requests take: a number models a slow key exchange. Default 0. */
  readonly answerDelayMs?: AnswerDelay;
  /** How long what the packet engine has seen is on its way to the IKE endpoint. Default 0. */
  readonly reportDelayMs?: number;
  /** Told what passes between the machines of a host. */
  readonly observer?: (hostName: string) => HostObserver;
  /** Between the host's link and the core of the network, nearest first; one chain for each client. */
  readonly middleboxes?: (hostName: string) => readonly Middlebox[];
  /** Lets each host live on a device that sleeps; settings replace those of {@link dozingPhone}. */
  readonly device?: Partial<DeviceSettings>;
  /** False for a program that never learns that it has slept; default true. */
  readonly tellsOfSleep?: boolean;
  /** The clock of each host that has no device: what it shows while the world's goes on. */
  readonly clock?: (world: Clock) => Clock | SleepAwareClock;
  /** Networks that the host moves between, in place of its link and address. */
  readonly networks?: (world: HostWorld) => HostNetworks;
}

/** What the networks of a host are made in. */
export interface HostWorld {
  readonly hostName: string;
  readonly network: VirtualNetwork;
  /** The clock of the host. */
  readonly clock: Clock;
}

/** What a simulation is made of. */
export interface SimulationOptions {
  /** Everything random follows from it. */
  readonly seed: number | string;
  /** The provider of algorithms; default is noble, which runs everywhere and slowly. It must answer at once. */
  readonly crypto?: CryptoProvider;
  /** The link of each client to the core of the network; the server is in the core. Default `lan()`. */
  readonly link?: LinkSettings;
  /** How many clients there are; default 1, at most 60,000. */
  readonly clients?: number;
  readonly client?: SideOptions;
  /** Puts all clients behind one NAT; settings replace those of `behavingNat`. */
  readonly nat?: Partial<NatSettings>;
  readonly server?: SideOptions;
  /** Family of the outer addresses; default 4. */
  readonly outerVersion?: 4 | 6;
  /** Entries that the trace of the network keeps; default 4096. */
  readonly traceEntries?: number;
}

/** The server's outer address in a simulation. @see RFC 5737, RFC 3849 (documentation) */
export function serverAddress(version: 4 | 6): IpAddress {
  return version === 4 ? ipv4(203, 0, 113, 1) : ipv6(0xffff, 1);
}

/** The external address of the NAT that clients may be behind. @see RFC 5737, RFC 3849 */
export function natAddress(version: 4 | 6): IpAddress {
  return version === 4 ? ipv4(198, 51, 100, 1) : ipv6(0xfffe, 1);
}

/** The outer address of client `index`, from 0. @see RFC 2544 §C.2.2 (198.18.0.0/15), RFC 3849 */
export function clientAddress(version: 4 | 6, index: number): IpAddress {
  const number = index + 1;
  // A /64 each in IPv6, since limits count peers by it.
  return version === 4 ? ipv4(198, 18, number >> 8, number & 0xff) : ipv6(number, 1);
}

function ipv4(...bytes: readonly number[]): IpAddress {
  return { version: 4, bytes: Uint8Array.from(bytes) };
}

/** 2001:db8:0:<network>::<host> */
function ipv6(network: number, host: number): IpAddress {
  const bytes = new Uint8Array(16);
  bytes.set([0x20, 0x01, 0x0d, 0xb8]);
  bytes.set([network >> 8, network & 0xff], 6);
  bytes[15] = host;
  return { version: 6, bytes };
}
