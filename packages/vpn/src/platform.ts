import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { Clock } from '@ipsec-kit/clock';
import { createSystemClock } from '@ipsec-kit/clock/system';
import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import { type PacketWorkerResult, startPacketWorker } from '@ipsec-kit/datapath';
import {
  type Endpoint,
  type IpAddress,
  isLinkLocal,
  isLoopback,
  parseAddress,
} from '@ipsec-kit/ip';
import { createTun, type TunAdapter } from '@ipsec-kit/tun-adapter';
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
  Partial<Pick<SocketUdpAdapter, 'refresh'>>;

/** What a client or server needs of the world around it. Every part may be replaced: by the memory twins in a test,
 * by another clock on a phone, by a token that holds keys.
 */
export interface Platform {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** 0 to 1, for timers and nothing else, so that a change of timers moves no SPI. */
  readonly jitter: () => number;
  readonly crypto: CryptoProvider;
  createUdp(bind: UdpBinding): Promise<BoundUdp>;
  createTun(): Promise<TunAdapter>;
  /** A device whose packets and sockets a worker carries, instead of `createTun` and `createUdp`. Absent: none.
   * Where the worker cannot be had, those two serve.
   */
  startPacketWorker?(): Promise<PacketWorkerResult>;
  /** The address from which this host would send to `remote`. */
  localAddressFor(remote: Endpoint): Promise<IpAddress>;
  /** Addresses that this host has, but for those of the interface `except`. */
  hostAddresses(except: string): readonly IpAddress[];
  /** Addresses of a DNS name, the preferred one first. */
  resolve(name: string): Promise<readonly IpAddress[]>;
}

/** The platform of this process: Node's clock, its crypto, dgram sockets and a TUN device. */
export function nodePlatform(): Platform {
  return {
    clock: createSystemClock(),
    random: systemRandom(),
    jitter: Math.random,
    // Not noble: under Node the wire must never wait for arithmetic in JavaScript.
    crypto: createNodeProvider(),
    createUdp: (bind) => createUdpAdapter({ bind }),
    createTun: () => createTun(),
    startPacketWorker: () => startPacketWorker(),
    localAddressFor,
    hostAddresses,
    resolve: resolveName,
  };
}

/** The platform of this process with some parts replaced. A worker has sockets, device and ciphers of its own: where one of
 * those is replaced there is none, unless it comes with them.
 */
export function platformWith(parts: Partial<Platform> = {}): Platform {
  const { startPacketWorker: worker, ...portable } = nodePlatform();
  const isOwn = parts.createUdp || parts.createTun || parts.crypto || parts.random;
  return { ...portable, ...(isOwn || !worker ? {} : { startPacketWorker: worker }), ...parts };
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
