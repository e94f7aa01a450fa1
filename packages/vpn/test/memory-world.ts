import { type IpAddress, parseAddress } from '@ipsec-kit/ip';
import {
  createMemoryNetwork,
  type MemoryNetwork,
  type MemoryNetworkOptions,
} from '@ipsec-kit/udp-adapter/memory';
import { createClient } from '../src/client.ts';
import type { Client, ClientOptions } from '../src/client-contract.ts';
import type { VpnEvent } from '../src/events.ts';
import type { ConnectionOptions, VpnOptions } from '../src/options.ts';
import { createPacketPort, type PacketPort } from '../src/packet-port.ts';
import type { Platform } from '../src/platform.ts';
import { createServer, type Server, type ServerOptions } from '../src/server.ts';

/** The address of a text that is one. */
export function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`${text} is no address`);
  return parsed;
}

/** Hosts in one memory network. */
export interface MemoryWorld {
  readonly network: MemoryNetwork;
  /** The platform of a host with one address. */
  hostAt(own: string): Partial<Platform>;
}

/** A client and what surrounds it. */
export interface ClientBench {
  readonly client: Client;
  readonly port: PacketPort;
  readonly events: VpnEvent[];
}

/** A server and what surrounds it. */
export interface ServerBench {
  readonly server: Server;
  readonly port: PacketPort;
  readonly events: VpnEvent[];
}

/** Makes an empty {@link MemoryWorld}. */
export function createMemoryWorld(options: MemoryNetworkOptions = {}): MemoryWorld {
  const network = createMemoryNetwork(options);
  const hostAt = (own: string): Partial<Platform> => ({
    async createUdp(bind) {
      if ('ports' in bind) throw new Error('a memory host binds exact endpoints');
      const udp = network.bind(bind);
      // A view, so that the counters stay live.
      return Object.assign(udp, { ports: udp.endpoints.map((endpoint) => endpoint.port) });
    },
    createTun: () => Promise.reject(new Error('a memory host has no device')),
    localAddressFor: async () => address(own),
    hostAddresses: () => [address(own)],
    resolve: async (name) => [address(name)],
  });
  return { network, hostAt };
}

const children = { net: { remoteTs: ['10.77.0.0/16'] } };

/** Options of a client that asks for a virtual address. */
export function clientOptions(
  connection: Partial<ConnectionOptions> = {},
  more: Partial<VpnOptions> = {},
): VpnOptions {
  return {
    connections: {
      home: {
        remoteAddrs: ['192.0.2.1'],
        vips: ['0.0.0.0'],
        local: { id: 'client' },
        remote: { id: 'server' },
        children,
        ...connection,
      },
    },
    secrets: [{ secret: 'correct horse battery staple' }],
    settings: { retransmitTimeoutMs: 200, retransmitTries: 1 },
    ...more,
  };
}

/** Options of a server that gives virtual addresses. */
export function serverOptions(
  connection: Partial<ConnectionOptions> = {},
  more: Partial<VpnOptions> = {},
): VpnOptions {
  return {
    connections: {
      office: {
        localAddrs: ['192.0.2.1'],
        pools: ['guests'],
        local: { id: 'server' },
        remote: {},
        children: { net: { localTs: ['10.77.0.0/16'] } },
        ...connection,
      },
    },
    pools: { guests: { addrs: '10.88.0.0/16' } },
    secrets: [{ secret: 'correct horse battery staple' }],
    ...more,
  };
}

/** A client on a host of its own, with a packet port inside; its events are kept. */
export function clientOn(
  platform: Partial<Platform>,
  options: Partial<ClientOptions> = {},
): ClientBench {
  const port: PacketPort = createPacketPort();
  const events: VpnEvent[] = [];
  const client = createClient({
    options: clientOptions(),
    platform,
    tun: port.tun,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { client, port, events };
}

/** A server likewise. */
export function serverOn(
  platform: Partial<Platform>,
  options: Partial<ServerOptions> = {},
): ServerBench {
  const port: PacketPort = createPacketPort();
  const events: VpnEvent[] = [];
  const server = createServer({
    options: serverOptions(),
    platform,
    tun: port.tun,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { server, port, events };
}

/** The first event of a kind, typed. */
export function eventOf<Kind extends VpnEvent['kind']>(
  events: readonly VpnEvent[],
  kind: Kind,
): Extract<VpnEvent, { kind: Kind }> | undefined {
  return events.find((event): event is Extract<VpnEvent, { kind: Kind }> => event.kind === kind);
}
