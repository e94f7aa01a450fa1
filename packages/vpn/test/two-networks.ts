import { answerIcmpEcho, buildIcmpEcho, readIcmpEcho } from '@ipsec-kit/ip';
import type { ClientOptions } from '../src/client-contract.ts';
import type { VpnEvent } from '../src/events.ts';
import type { ChildOptions, ConnectionOptions } from '../src/options.ts';
import type { PacketPort } from '../src/packet-port.ts';
import {
  address,
  type ClientBench,
  clientOn,
  clientOptions,
  createMemoryWorld,
  type MemoryWorld,
  type ServerBench,
  serverOn,
  serverOptions,
} from './memory-world.ts';

/** A client with 10.66.0.0/16 and a server with two networks, each a child of its own. */
export interface TwoNetworks {
  readonly c: ClientBench;
  readonly s: ServerBench;
}

/** The two children as the client has them. */
export function clientChildren(
  more: Partial<ChildOptions> = {},
): Readonly<Record<string, ChildOptions>> {
  return {
    one: { localTs: ['10.66.0.0/16'], remoteTs: ['10.77.0.0/16'], ...more },
    two: { localTs: ['10.66.0.0/16'], remoteTs: ['10.78.0.0/16'], ...more },
  };
}

const serverChildren = {
  one: { localTs: ['10.77.0.0/16'], remoteTs: ['10.66.0.0/16'] },
  two: { localTs: ['10.78.0.0/16'], remoteTs: ['10.66.0.0/16'] },
};

/** Opens the server, which answers pings, and makes the client. */
export async function twoNetworks(
  connection: Partial<ConnectionOptions> = {},
  client: Partial<ClientOptions> = {},
  world: MemoryWorld = createMemoryWorld(),
): Promise<TwoNetworks> {
  const s = serverOn(world.hostAt('192.0.2.1'), {
    options: serverOptions({ pools: [], children: serverChildren }),
  });
  await s.server.open();
  s.port.onPacket((packet) => {
    const answer = answerIcmpEcho(packet);
    if (answer) s.port.send(answer);
  });
  const options = clientOptions({ vips: [], children: clientChildren(), ...connection });
  const c = clientOn(world.hostAt('192.0.2.7'), { options, ...client });
  return { c, s };
}

/** One ping from the client; resolves when the answer is there. */
export function ping(port: PacketPort, destination: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    port.onPacket((packet) => resolve(readIcmpEcho(packet)?.sequence));
    port.send(
      buildIcmpEcho({
        kind: 'request',
        source: address('10.66.0.1'),
        destination: address(destination),
        identifier: 1,
        sequence: 1,
        data: new Uint8Array(8),
      }),
    );
  });
}

/** Names of the children that stand, in alphabetical order. */
export function childNames(bench: Pick<ClientBench, 'client'>): string[] {
  const [session] = bench.client.status().sessions;
  return (session?.children ?? []).map(({ name }) => name).sort();
}

/** How often something happened. */
export function count(events: readonly VpnEvent[], kind: VpnEvent['kind']): number {
  return events.filter((event) => event.kind === kind).length;
}
