import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { Clock } from '@ipsec-kit/clock';
import { createSystemClock } from '@ipsec-kit/clock/system';
import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import {
  type PacketWorkerOptions,
  type PacketWorkerResult,
  startPacketWorker,
} from '@ipsec-kit/datapath';
import {
  type Endpoint,
  type IpAddress,
  isLinkLocal,
  isLoopback,
  parseAddress,
} from '@ipsec-kit/ip';
import {
  createBoottimeClock,
  createTimerfdAlarm,
  type NetworkMonitor,
  type NetworkMonitorOptions,
  type NetworkSnapshot,
  startNetworkMonitor,
} from '@ipsec-kit/linux-platform';
import type { WakeSource } from '@ipsec-kit/scheduler';
import { createTun, type TunAdapter, type TunOptions } from '@ipsec-kit/tun-adapter';
import {
  createUdpAdapter,
  localAddressFor,
  type SocketUdpAdapter,
  type UdpAdapter,
  type UdpAdapterOptions,
} from '@ipsec-kit/udp-adapter';

/** Exact addresses and ports (port 0 takes a free one), or these ports on every address of the host. */
export type UdpBinding = UdpAdapterOptions['bind'];

/** Sockets, and the ports that were opened, in the order in which they were asked for. */
export type BoundUdp = UdpAdapter &
  Pick<SocketUdpAdapter, 'ports'> &
  Partial<
    Pick<
      SocketUdpAdapter,
      'refresh' | 'suspend' | 'resume' | 'openScratchPort' | 'closeScratchPort'
    >
  >;

/** The network of a host, as far as a tunnel follows it. */
export interface HostNetwork extends Pick<NetworkSnapshot, 'preferredAddresses' | 'networkKey'> {
  /** Absent where they are not known. */
  readonly defaultRoutes?: readonly Pick<NetworkSnapshot['defaultRoutes'][number], 'version'>[];
}

/** How a network is watched: interfaces that are left out, and who is told. */
export interface NetworkWatchOptions
  extends Pick<NetworkMonitorOptions, 'ignoredInterfaces' | 'onWarning'> {
  /** Told of the network once at the start, and after every change that matters. */
  readonly onChange: (network: HostNetwork) => void;
}

/** A watch that runs. */
export type NetworkWatch = Pick<NetworkMonitor, 'refresh' | 'stop'>;

/** What wakes the device for deadlines that deserve it. */
export interface HostAlarm {
  readonly source: WakeSource;
  /** One sentence when it does not wake a sleeping device. */
  readonly limit?: string;
  close(): void;
}

/** How many workers carry packets, and of what device. */
export type PacketWorkerNumber = Pick<PacketWorkerOptions, 'workers' | 'fd'>;

/** What a client or server needs of the world around it. Every part may be replaced: by the memory twins in a test,
 * by another clock on a phone, by a token that holds keys.
 */
export interface Platform {
  /** Sleep is followed where it tells of sleep, as those of `@ipsec-kit/clock/system` and `@ipsec-kit/linux-platform` do. */
  readonly clock: Clock;
  /** An alarm on `clock`, for one tunnel. Absent, or without an alarm: timers of the clock serve alone. */
  createAlarm?(): HostAlarm | undefined;
  /** Watches the addresses of this host and the network that it is in. Absent: nothing is followed. */
  watchNetwork?(options: NetworkWatchOptions): NetworkWatch;
  /** Milliseconds since 1970, for the dates in certificates; default that of this host. */
  dateMs?(): number;
  readonly random: RandomSource;
  /** 0 to 1, for timers and nothing else, so that a change of timers moves no SPI. */
  readonly jitter: () => number;
  readonly crypto: CryptoProvider;
  createUdp(bind: UdpBinding): Promise<BoundUdp>;
  createTun(options?: Pick<TunOptions, 'fd'>): Promise<TunAdapter>;
  /** A device whose packets and sockets a worker carries, instead of `createTun` and `createUdp`. Absent: none.
   * Where the worker cannot be had, those two serve.
   */
  startPacketWorker?(options?: PacketWorkerNumber): Promise<PacketWorkerResult>;
  /** The address from which this host would send to `remote`. */
  localAddressFor(remote: Endpoint): Promise<IpAddress>;
  /** Addresses that this host has, but for those of the interface `except`. */
  hostAddresses(except: string): readonly IpAddress[];
  /** Addresses of a DNS name, the preferred one first. */
  resolve(name: string): Promise<readonly IpAddress[]>;
}

/** The platform of this process: Node's crypto, dgram sockets and a TUN device; on Linux a clock that counts suspend exactly, an alarm
 * and a monitor of the network, elsewhere Node's clock.
 */
export function nodePlatform(): Platform {
  const time = hostTime();
  const { clock } = time;
  return {
    ...time,
    ...(process.platform === 'linux'
      ? { watchNetwork: (options) => startNetworkMonitor({ ...options, clock }) }
      : {}),
    random: systemRandom(),
    jitter: Math.random,
    // Not noble: under Node the wire must never wait for arithmetic in JavaScript.
    crypto: createNodeProvider(),
    createUdp: (bind) => createUdpAdapter({ bind }),
    createTun: (options) => createTun(options),
    startPacketWorker: (options) => startPacketWorker(options),
    localAddressFor,
    hostAddresses,
    resolve: resolveName,
  };
}

/** The platform of this process with some parts replaced. A worker has sockets, device and ciphers of its own: where one of
 * those is replaced there is none, unless it comes with them. Nor is there an alarm on another clock, or a watch over the network of
 * this host where the sockets are in another.
 */
export function platformWith(parts: Partial<Platform> = {}): Platform {
  const { startPacketWorker: worker, createAlarm, watchNetwork, ...portable } = nodePlatform();
  const isOwn = parts.createUdp || parts.createTun || parts.crypto || parts.random;
  const isElsewhere = parts.createUdp || parts.hostAddresses || parts.localAddressFor;
  return {
    ...portable,
    ...(isOwn || !worker ? {} : { startPacketWorker: worker }),
    ...(parts.clock || !createAlarm ? {} : { createAlarm }),
    ...(isElsewhere || !watchNetwork ? {} : { watchNetwork }),
    ...parts,
  };
}

/** The clock of this machine, and what wakes the device by it. */
function hostTime(): Pick<Platform, 'clock' | 'createAlarm'> {
  const made = process.platform === 'linux' ? createBoottimeClock() : undefined;
  if (!made?.ok) return { clock: createSystemClock() };
  const { clock } = made;
  return {
    clock,
    createAlarm(): HostAlarm | undefined {
      const alarm = createTimerfdAlarm(clock);
      return alarm.ok ? alarm.alarm : undefined;
    },
  };
}

function hostAddresses(except: string): readonly IpAddress[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => name !== except)
    .flatMap(([, entries]) => entries ?? [])
    .map((entry) => parseAddress(entry.address))
    .filter((address) => address !== undefined)
    .filter((address) => !isLoopback(address) && !isLinkLocal(address));
}

async function resolveName(name: string): Promise<readonly IpAddress[]> {
  const literal = parseAddress(name);
  if (literal) return [literal];
  const found = await lookup(name, { all: true, order: 'verbatim' });
  return found.map(({ address }) => parseAddress(address)).filter((address) => !!address);
}
