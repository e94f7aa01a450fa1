import {
  decodeMessage,
  encodeMessage,
  NotifyType,
  notify,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import type { Endpoint, IpAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  type Attachment,
  createSimulation,
  disagreements,
  lan,
  RandomStream,
  type Simulation,
} from '../../src/index.ts';
import { crypto } from './establishments.ts';

const noise = new RandomStream('noise');

function randomBytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, () => noise.below(256));
}

/** An honest IKE_SA_INIT request, to be varied. */
function recordedInit(): Uint8Array {
  const simulation = createSimulation({ seed: 1, crypto });
  simulation.initiate();
  const [first] = simulation.network.trace;
  if (first?.kind !== 'sent') throw new Error('nothing was sent');
  return first.datagram.data;
}

/** The request of another initiator: a fresh SPI, so that it is no retransmission. */
function freshInit(template: Uint8Array): Uint8Array {
  const copy = template.slice();
  copy.set(randomBytes(8), 0);
  return copy;
}

/** The template with everything left out that a server can do without: what gets the largest answer for its size. */
function smallestInit(template: Uint8Array): Uint8Array {
  const message = decodeMessage(template);
  if (!message.ok) throw new Error(message.error.detail);
  const { header, payloads } = message.value;
  const { NAT_DETECTION_SOURCE_IP, NAT_DETECTION_DESTINATION_IP } = NotifyType;
  const kept = payloads.flatMap((payload): Payload[] => {
    if (payload.type === 'Nonce') return [{ ...payload, data: payload.data.subarray(0, 16) }];
    return payload.type === 'SA' || payload.type === 'KE' ? [payload] : [];
  });
  const natDetection = [NAT_DETECTION_SOURCE_IP, NAT_DETECTION_DESTINATION_IP].map((type) =>
    notify(type, new Uint8Array(0)),
  );
  return freshInit(encodeMessage({ header, payloads: [...kept, ...natDetection] }));
}

/** The template with a few bytes changed, cut or appended. */
function mutated(template: Uint8Array): Uint8Array {
  const copy = freshInit(template);
  const changes = 1 + noise.below(4);
  for (let i = 0; i < changes; i += 1) copy[noise.below(copy.length)] = noise.below(256);
  const length = noise.below(4) === 0 ? noise.below(copy.length) : copy.length;
  return copy.slice(0, length);
}

/** A host that sends what it likes from any address that it claims. */
function attachFlooder(simulation: Simulation, addresses: readonly IpAddress[]): Attachment {
  return simulation.network.attach({ name: 'flooder', addresses, receive: () => undefined });
}

const address = (...bytes: number[]): IpAddress => ({ version: 4, bytes: Uint8Array.from(bytes) });

function serverEndpoint(simulation: Simulation, port: number): Endpoint {
  const [own] = simulation.server.addresses;
  if (!own) throw new Error('the server has no address');
  return { address: own, port };
}

const withMarker = (message: Uint8Array): Uint8Array => Uint8Array.from([0, 0, 0, 0, ...message]);

describe('a server in a hostile network', () => {
  const template = recordedInit();
  const smallest = smallestInit(template);
  const victim = address(192, 0, 2, 66);

  it.each([
    { name: 'fresh IKE_SA_INIT requests', make: () => freshInit(template) },
    { name: 'the smallest IKE_SA_INIT request again and again', make: () => smallest },
    { name: 'one IKE_SA_INIT request again and again', make: () => template },
    { name: 'broken IKE_SA_INIT requests', make: () => mutated(template) },
    { name: 'random bytes', make: () => randomBytes(noise.below(300)) },
    {
      name: 'messages for IKE SAs that do not exist',
      make: () => {
        const message = freshInit(template);
        message.set(randomBytes(8), 8);
        message[18] = 35 + noise.below(3);
        return message;
      },
    },
    {
      name: 'a higher major version (RFC 7296 §2.5)',
      make: () => {
        const message = freshInit(template);
        message[17] = 0x30;
        return message;
      },
    },
  ])('does not amplify $name (RFC 7296 §2.6)', ({ make }) => {
    const simulation = createSimulation({ seed: 1, crypto });
    const flooder = attachFlooder(simulation, [victim]);
    for (let i = 0; i < 2_000; i += 1) {
      const isMarked = i % 2 === 1;
      const message = make();
      flooder.send(
        { address: victim, port: 500 + (i % 100) },
        serverEndpoint(simulation, isMarked ? 4500 : 500),
        isMarked ? withMarker(message) : message,
      );
      simulation.runFor(1);
    }
    simulation.runFor(120_000);
    const { sentBytes, receivedBytes } = flooder.counters;
    expect(receivedBytes).toBeGreaterThan(0);
    expect(receivedBytes).toBeLessThanOrEqual(sentBytes);
    expect(simulation.server.sessions.size).toBe(0);
    expect(disagreements(simulation)).toEqual([]);
  });

  it('keeps half-open IKE SAs bounded when requests come from everywhere, and still serves (RFC 7296 §2.6)', () => {
    const simulation = createSimulation({ seed: 1, crypto, link: lan({ latencyMs: 5 }) });
    const sources = Array.from({ length: 3_000 }, (_, i) => address(10, 9, i >> 8, i & 0xff));
    const flooder = attachFlooder(simulation, sources);
    let most = 0;
    for (const [index, source] of sources.entries()) {
      const to = serverEndpoint(simulation, 500);
      flooder.send({ address: source, port: 500 }, to, freshInit(template));
      if (index === 2_000) simulation.initiate();
      simulation.runFor(1);
      most = Math.max(most, simulation.server.sessions.size);
    }
    // 30 half-open ones before cookies are asked for, and the honest client.
    expect(most).toBeLessThanOrEqual(31);
    const { sentBytes, receivedBytes } = flooder.counters;
    expect(receivedBytes).toBeLessThanOrEqual(sentBytes);
    expect(simulation.ping()).toBeDefined();
    expect(simulation.ping('to-client')).toBeDefined();
    simulation.runFor(60_000);
    expect(disagreements(simulation)).toEqual([]);
  });

  it('drops from one address what is above its share (RFC 7296 §2.6)', () => {
    const simulation = createSimulation({
      seed: 1,
      crypto,
      server: { settings: { cookieThreshold: 0, cookieThresholdPerAddress: 0 } },
    });
    const flooder = attachFlooder(simulation, [victim]);
    for (let i = 0; i < 500; i += 1) {
      const from = { address: victim, port: 500 };
      flooder.send(from, serverEndpoint(simulation, 500), freshInit(template));
    }
    expect(simulation.server.sessions.size).toBe(5);
    simulation.runFor(60_000);
    expect(simulation.server.sessions.size).toBe(0);
    expect(simulation.server.nextDeadline).toBeUndefined();
  });

  it('keeps a tunnel through forged and replayed datagrams in the name of its peer', () => {
    const simulation = createSimulation({ seed: 1, crypto });
    expect(simulation.open().opened).toBe(true);
    const recorded = simulation.network.trace.flatMap((entry) =>
      entry.kind === 'sent' ? [entry.datagram] : [],
    );
    const forger = attachFlooder(simulation, [victim]);
    for (let i = 0; i < 5_000; i += 1) {
      const original = recorded[noise.below(recorded.length)];
      if (!original) throw new Error('nothing was recorded');
      const data = original.data.slice();
      // One in four is a plain replay.
      if (i % 4 !== 0) data[noise.below(data.length)] = noise.below(256);
      forger.send(original.from, original.to, data);
      if (i % 100 === 0) simulation.runFor(10);
    }
    expect(simulation.ping()).toBeDefined();
    expect(simulation.ping('to-client')).toBeDefined();
    simulation.runFor(100_000);
    expect(simulation.server.sessions.size).toBe(1);
    expect(disagreements(simulation)).toEqual([]);
  });
});
