import { answerIcmpEcho, buildIcmpEcho, type IpAddress, parseAddress } from '@ipsec-kit/ip';
import { innerMtuOfPath, type PathProbe } from '@ipsec-kit/ipsec';
import { describe, expect, it } from 'vitest';
import {
  batch,
  clientPath,
  drops,
  gcm,
  open,
  packets,
  provider,
  seal,
  serverPath,
  tunnel,
  udp,
} from './engine-fixture.ts';

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`not an address: ${text}`);
  return parsed;
}

const probes: Record<4 | 6, PathProbe> = {
  4: {
    source: address('10.0.0.5'),
    destination: address('10.1.0.1'),
    identifier: 0x4d54,
    sequence: 7,
    bytes: 1443,
  },
  6: {
    source: address('2001:db8:a::1'),
    destination: address('2001:db8:b::1'),
    identifier: 0x4d54,
    sequence: 7,
    bytes: 1443,
  },
};

describe('a dummy packet (RFC 4303 §2.6)', () => {
  it('looks like a packet of its length, and is discarded and counted by whoever gets it', () => {
    const { client, server } = tunnel();
    const into = batch();
    expect(client.sealDummy(1, 500, into)).toBe(true);
    expect(client.sealDummy(1, 0, into)).toBe(true);
    const [dummy] = packets(into);
    const [real] = packets(seal(client, [udp('10.0.0.5:1', '10.1.2.3:1', 472)]).esp);
    expect(dummy?.length).toBe(real?.length);
    expect(open(server, packets(into))).toEqual([]);
    expect(drops(server)).toEqual({ dummy: 2 });
    expect(server.pairCounters(1)?.inPackets).toBe(2);
  });

  it('goes where the packets of the pair go, behind those that are in the batch', () => {
    const { client } = tunnel();
    const { esp } = seal(client, [udp('10.0.0.5:1', '10.1.2.3:1')]);
    expect(client.sealDummy(1, 100, esp)).toBe(true);
    expect(esp.count).toBe(2);
    expect(esp.paths.subarray(36, 72)).toEqual(esp.paths.subarray(0, 36));
  });

  it('is not sent without room, without a pair, and by an SA at its end', () => {
    const { client } = tunnel({ limits: { hardPackets: 1 } });
    const into = batch(2);
    expect([client.sealDummy(9, 10, into), client.sealDummy(1, 2048, into)]).toEqual([
      false,
      false,
    ]);
    expect([client.sealDummy(1, 10, into), client.sealDummy(1, 10, into)]).toEqual([true, false]);
    expect([into.count, drops(client)]).toEqual([1, { 'no-room': 1, 'lifetime-over': 1 }]);
    client.drainFacts();
  });
});

describe.each([4, 6] as const)('a probe of the path over IPv%d (RFC 8899 §4.1)', (version) => {
  const probe = probes[version];

  it('is as large as it should be, and its answer is small, and told once', () => {
    const shape = provider.cipherShape(gcm);
    if (!shape) throw new Error('not provided');
    const { client, server } = tunnel();
    const into = batch();
    const bytes = innerMtuOfPath(shape, 1500, 4);
    expect(client.sealProbe(1, { ...probe, bytes }, into)).toBe(true);
    // IP and UDP around it make 1500, but for what alignment leaves over.
    expect(into.lengths[0]).toBeGreaterThan(1500 - 28 - 4);
    expect(into.lengths[0]).toBeLessThanOrEqual(1500 - 28);
    const [request] = open(server, packets(into));
    expect(request?.length).toBe(version === 4 ? 28 : 48);
    const answer = answerIcmpEcho(request ?? new Uint8Array(0));
    if (!answer) throw new Error('not a request');
    client.drainFacts();
    const esp = packets(seal(server, [answer, answer]).esp);
    // A second answer belongs to no probe, and goes to the host.
    expect(open(client, esp, clientPath)).toEqual([answer]);
    expect(client.drainFacts().filter(({ kind }) => kind === 'probe-answered')).toEqual([
      { kind: 'probe-answered', pairId: 1, sequence: 7 },
    ]);
    expect(drops(client)).toEqual({});
  });

  it('is answered together with another one that was sent with it', () => {
    const { client, server } = tunnel();
    const answers = [7, 8, 9].flatMap((sequence) => {
      const into = batch();
      client.sealProbe(1, { ...probe, sequence }, into);
      return open(server, packets(into)).flatMap((request) => answerIcmpEcho(request) ?? []);
    });
    client.drainFacts();
    expect(open(client, packets(seal(server, answers).esp), clientPath)).toEqual([]);
    const told = client.drainFacts().filter(({ kind }) => kind === 'probe-answered');
    expect(told.map((fact) => 'sequence' in fact && fact.sequence)).toEqual([7, 8, 9]);
  });

  it('leaves room for a few answers and no more, whatever the peer sends', () => {
    const { client, server } = tunnel();
    const into = batch();
    for (let sent = 0; sent < 40; sent += 1) {
      into.count = 0;
      client.sealProbe(1, probe, into);
    }
    const [request] = open(server, packets(into));
    const answer = answerIcmpEcho(request ?? new Uint8Array(0));
    if (!answer) throw new Error('not a request');
    client.drainFacts();
    const toHost = Array.from({ length: 20 }, () =>
      open(client, packets(seal(server, [answer]).esp), clientPath),
    );
    expect(toHost.flat()).toHaveLength(4);
    expect(client.drainFacts().filter(({ kind }) => kind === 'probe-answered')).toHaveLength(16);
  });

  it('leaves the echoes of the host to the host', () => {
    const { client, server } = tunnel();
    client.sealProbe(1, probe, batch());
    const { source, destination } = probe;
    const reply = { kind: 'reply', source: destination, destination: source } as const;
    const other = buildIcmpEcho({ ...reply, identifier: 1, sequence: 7, data: Uint8Array.of(1) });
    const request = buildIcmpEcho({
      ...reply,
      ...probe,
      kind: 'request',
      source: destination,
      destination: source,
      data: Uint8Array.of(1),
    });
    const esp = packets(seal(server, [other, request]).esp);
    expect(open(client, esp, clientPath)).toEqual([other, request]);
  });
});

describe('the inner MTU of a pair', () => {
  it('can be changed while it stands', () => {
    const { client, server } = tunnel({ innerMtu: 1400 });
    const packet = udp('10.0.0.5:1', '10.1.2.3:1', 1300);
    client.changeInnerMtu(1, 1200);
    expect([seal(client, [packet]).toTun.length, drops(client)]).toEqual([1, { 'too-big': 1 }]);
    client.changeInnerMtu(1, 1400);
    expect(open(server, packets(seal(client, [packet]).esp), serverPath)).toEqual([packet]);
    expect(() => client.changeInnerMtu(1, 67)).toThrow(/"innerMtu" expected 68 to 65535, got 67/);
    expect(() => client.changeInnerMtu(2, 1400)).toThrow(/"pairId" expected/);
  });
});

describe('whom packets come from', () => {
  it('is told once for each time that it is asked for', () => {
    const { client, server } = tunnel();
    const sendFrom = (source: string) =>
      open(server, packets(seal(client, [udp(`${source}:1`, '10.1.2.3:1', 8)]).esp));
    sendFrom('10.0.0.5');
    expect(server.drainFacts().filter(({ kind }) => kind === 'inbound-source')).toEqual([]);
    server.askForSource(1);
    server.askForSource(99);
    sendFrom('10.0.0.6');
    sendFrom('10.0.0.7');
    expect(server.drainFacts().filter(({ kind }) => kind === 'inbound-source')).toEqual([
      { kind: 'inbound-source', pairId: 1, source: address('10.0.0.6') },
    ]);
  });
});
