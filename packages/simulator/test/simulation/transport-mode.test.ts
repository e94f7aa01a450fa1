import { buildUdpPacket, type Endpoint, type IpAddress, parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  createSimulation,
  type Datagram,
  disagreements,
  type Middlebox,
  type SideOptions,
  type Simulation,
} from '../../src/index.ts';
import { clientAddress, serverAddress } from '../../src/simulation/simulation-options.ts';
import { crypto } from './establishments.ts';

const outside = parseAddress('100.64.0.9');
if (!outside) throw new Error('not an address');
const [client, server] = [clientAddress(4, 0), serverAddress(4)];

/** Has its own address in place of the client's; stands before the server, so that the network needs to know only one. */
const nat: Middlebox = {
  name: 'nat',
  pass(datagram, direction) {
    const { from, to } = datagram;
    const changed: Datagram =
      direction === 'inward'
        ? { ...datagram, from: { ...from, address: outside } }
        : { ...datagram, to: { ...to, address: client } };
    return [{ datagram: changed, delayMs: 0 }];
  },
};

const DYNAMIC = { kind: 'dynamic', protocol: 0, startPort: 0, endPort: 65535 } as const;
const hosts: SideOptions = {
  child: { mode: 'transport', localSelectors: [DYNAMIC], remoteSelectors: [DYNAMIC] },
};

function simulate(middleboxes: readonly Middlebox[]): Simulation {
  return createSimulation({
    seed: 7,
    crypto,
    client: { ...hosts, connection: { virtualAddresses: [] } },
    server: { ...hosts, connection: { pools: [] }, middleboxes: () => middleboxes },
  });
}

/** A UDP packet with real checksums between two hosts. */
function packet(from: IpAddress, to: IpAddress): Uint8Array {
  const end = (address: IpAddress): Endpoint => ({ address, port: 7 });
  return buildUdpPacket({ local: end(from), remote: end(to) }, Uint8Array.of(1, 2, 3, 4, 5));
}

describe('transport mode in a simulation', () => {
  it('carries packets between the outer addresses, also after a rekey of the IKE SA', () => {
    const simulation = simulate([]);
    const { sessionId } = simulation.open();
    expect(simulation.client.sendInner(packet(client, server))).toBe(true);
    simulation.runFor(1_000);
    simulation.client.command({ kind: 'rekey-ike', sessionId });
    simulation.runFor(10_000);
    expect(simulation.server.sendInner(packet(server, client))).toBe(true);
    simulation.runFor(1_000);
    expect(simulation.server.received.map(({ data }) => data)).toEqual([packet(client, server)]);
    expect(simulation.client.received.map(({ data }) => data)).toEqual([packet(server, client)]);
    expect(disagreements(simulation)).toEqual([]);
  });

  it('has right checksums on both sides of a NAT, each with the addresses that it sees (RFC 7296 §2.23.1)', () => {
    const simulation = simulate([nat]);
    expect(simulation.open().opened).toBe(true);
    expect(simulation.client.sendInner(packet(client, server))).toBe(true);
    expect(simulation.server.sendInner(packet(server, outside))).toBe(true);
    simulation.runFor(1_000);
    expect(simulation.server.received.map(({ data }) => data)).toEqual([packet(outside, server)]);
    expect(simulation.client.received.map(({ data }) => data)).toEqual([packet(server, client)]);
  });
});
