import type { CryptoProvider } from '@ipsec-kit/crypto';
import { LINGER_MS } from '@ipsec-kit/ikev2';
import { buildUdpPacket, parseEndpoint } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  createSimulation,
  disagreements,
  innerAddressOf,
  lan,
  SERVER_INNER_ADDRESS,
  type Simulation,
} from '../../src/index.ts';
import { crypto } from './establishments.ts';

const link = lan({ latencyMs: 10 });

/** A UDP packet from the client's inner address, all headers included; it must not be fragmented. */
function innerPacket(simulation: Simulation, sizeBytes: number): Uint8Array {
  const local = innerAddressOf(simulation.client);
  if (!local) throw new Error('the client has no address');
  return buildUdpPacket(
    { local: { address: local, port: 7 }, remote: { address: SERVER_INNER_ADDRESS, port: 7 } },
    new Uint8Array(sizeBytes - 28),
  );
}

describe('a simulation', () => {
  it('opens a session, pings both ways and closes', () => {
    const simulation = createSimulation({ seed: 1, crypto, link });
    expect(simulation.open()).toEqual({ opened: true, sessionId: 1, afterMs: 40 });
    expect(simulation.ping()).toBeCloseTo(20);
    expect(simulation.ping('to-client')).toBeCloseTo(20);
    expect(disagreements(simulation)).toEqual([]);
    expect(simulation.close(1)).toBe(true);
    simulation.runFor(60_000 + LINGER_MS);
    expect(disagreements(simulation)).toEqual([]);
    expect(simulation.server.sessions.size).toBe(0);
  });

  it('runs with the default provider as well', () => {
    const simulation = createSimulation({ seed: 1 });
    expect(simulation.open().opened).toBe(true);
    expect(simulation.ping()).toBeDefined();
  });

  it('tells why a session was refused', () => {
    const simulation = createSimulation({ seed: 1, crypto, client: { secret: 'another' } });
    expect(simulation.open()).toMatchObject({
      opened: false,
      failure: { code: 'authentication-failed' },
    });
    simulation.runFor(60_000);
    expect(disagreements(simulation)).toEqual([]);
  });

  it('says what the ends see differently', () => {
    const simulation = createSimulation({ seed: 1, crypto, link });
    const result = simulation.open();
    simulation.network.onDatagram((_, decide) => decide.drop());
    simulation.close(result.sessionId);
    expect(disagreements(simulation)).toEqual([
      expect.stringMatching(/^the server has an IKE SA 0x\w+\/0x\w+ that no client has$/),
    ]);
    // The server's DPD finds out.
    simulation.runFor(250_000);
    expect(disagreements(simulation)).toEqual([]);
  });

  it('carries inner packets byte for byte and drops them without a tunnel', () => {
    const simulation = createSimulation({ seed: 1, crypto, link });
    simulation.open();
    const packet = innerPacket(simulation, 1_000);
    expect(simulation.client.sendInner(packet)).toBe(true);
    simulation.runFor(100);
    expect(simulation.server.received.map(({ data }) => data)).toEqual([packet]);
    simulation.close(1);
    expect(simulation.client.sendInner(packet)).toBe(false);
    expect(simulation.client.packetCounters.drops['no-sa']).toBe(1);
  });

  it('answers an inner packet that is too big with ICMP (RFC 1191 §4)', () => {
    const simulation = createSimulation({ seed: 1, crypto, link });
    simulation.open();
    expect(simulation.client.sendInner(innerPacket(simulation, 1_450))).toBe(false);
    const [error] = simulation.client.received;
    expect([error?.data[20], error?.data[21]]).toEqual([3, 4]);
    expect(() => simulation.client.sendInner(new Uint8Array(2_049))).toThrow(/at most 2048 bytes/);
  });

  it('lets a message that promises a Child SA wait for its installation', () => {
    const simulation = createSimulation({
      seed: 1,
      crypto,
      link,
      server: { answerDelayMs: ({ kind }) => (kind === 'install-child' ? 700 : 0) },
    });
    simulation.initiate();
    simulation.runFor(729);
    expect(simulation.server.children.size).toBe(1);
    expect(simulation.story()).not.toContain('IKE_AUTH response');
    simulation.runFor(2);
    expect(simulation.story()).toContain('0.7300 s  #3');
    expect(simulation.story()).toContain('IKE_AUTH response');
  });

  it('keeps a NAT mapping and a quiet tunnel alive', () => {
    const simulation = createSimulation({
      seed: 1,
      crypto,
      link,
      client: { settings: { keepAliveForced: true } },
    });
    simulation.open();
    simulation.runFor(3_600_000);
    expect(disagreements(simulation)).toEqual([]);
    expect(simulation.story()).toContain('keepalive');
    expect(simulation.ping()).toBeCloseTo(20);
  });

  it('stops at the limit when a condition never holds', () => {
    const simulation = createSimulation({ seed: 1, crypto });
    expect(simulation.step()).toBe(false);
    expect(simulation.runUntil(() => false, 1_000)).toBe(false);
    expect(simulation.now).toBe(1_000);
  });

  it('refuses a provider that answers with promises', () => {
    const late: CryptoProvider = {
      ...crypto,
      generate: async (method, random) => crypto.generate(method, random),
    };
    const simulation = createSimulation({ seed: 1, crypto: late });
    expect(() => simulation.open()).toThrow(/generate-key needs a provider that answers at once/);
  });

  it('refuses no clients, and links that make no sense', () => {
    expect(() => createSimulation({ seed: 1, clients: 0 })).toThrow(/"clients" expected/);
    expect(() => createSimulation({ seed: 1, link: lan({ loss: 2 }) })).toThrow(/"loss"/);
  });

  it('counts what comes to other ports and what is no message', () => {
    const simulation = createSimulation({ seed: 1, crypto });
    const stranger = parseEndpoint('192.0.2.9:9');
    const [address] = simulation.server.addresses;
    if (!stranger || !address) throw new Error('no addresses');
    const { address: own } = stranger;
    const host = simulation.network.attach({
      name: 'stranger',
      addresses: [own],
      receive: () => undefined,
    });
    host.send(stranger, { address, port: 53 }, new Uint8Array(40));
    host.send(stranger, { address, port: 4500 }, new Uint8Array(4));
    host.send(stranger, { address, port: 4500 }, Uint8Array.of(0xff));
    host.send(stranger, { address, port: 500 }, new Uint8Array(40));
    expect(simulation.server.rejectedDatagrams).toBe(3);
  });
});
