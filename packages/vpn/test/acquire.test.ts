import { VirtualClock } from '@ipsec-kit/clock';
import { answerIcmpEcho, buildIcmpEcho, type IpAddress, readIcmpEcho } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import type { VpnEvent } from '../src/events.ts';
import type { ConnectionOptions } from '../src/options.ts';
import type { PacketPort } from '../src/packet-port.ts';
import { eventually } from './eventually.ts';
import {
  address,
  clientOn,
  clientOptions,
  createMemoryWorld,
  serverOn,
  serverOptions,
} from './memory-world.ts';

const LEFT = address('10.66.0.1');
const RIGHT = address('10.77.0.1');

/** A site that opens its tunnel when there is traffic. */
const trapping: Partial<ConnectionOptions> = {
  vips: [],
  children: {
    net: { localTs: ['10.66.0.0/16'], remoteTs: ['10.77.0.0/16'], startAction: 'trap' },
  },
};
const office: Partial<ConnectionOptions> = {
  pools: [],
  children: { net: { localTs: ['10.77.0.0/16'], remoteTs: ['10.66.0.0/16'] } },
};

function ping(port: PacketPort, source: IpAddress, destination: IpAddress, sequence: number): void {
  const data = new Uint8Array(8);
  port.send(buildIcmpEcho({ kind: 'request', source, destination, identifier: 1, sequence, data }));
}

/** Sequence numbers of the answers that come. */
function answersAt(port: PacketPort): number[] {
  const answers: number[] = [];
  port.onPacket((packet) => {
    const echo = readIcmpEcho(packet);
    if (echo?.kind === 'reply') answers.push(echo.sequence);
  });
  return answers;
}

function answerPings(port: PacketPort): void {
  port.onPacket((packet) => {
    const answer = answerIcmpEcho(packet);
    if (answer) port.send(answer);
  });
}

function count(events: readonly VpnEvent[], kind: VpnEvent['kind']): number {
  return events.filter((event) => event.kind === kind).length;
}

function inits(events: readonly VpnEvent[]): number {
  return events.filter(
    (event) =>
      event.kind === 'message' &&
      event.exchange === 'IKE_SA_INIT' &&
      !event.isResponse &&
      !event.retransmission &&
      event.direction === 'sent',
  ).length;
}

/** A client that waits for traffic, and the server that it is for. */
async function waitingClient(
  connection: Partial<ConnectionOptions> = {},
  server: Partial<ConnectionOptions> = {},
  world = createMemoryWorld(),
) {
  const s = serverOn(world.hostAt('192.0.2.1'), {
    options: serverOptions({ ...office, ...server }),
  });
  await s.server.open();
  answerPings(s.port);
  const clock = new VirtualClock();
  const c = clientOn(
    { ...world.hostAt('192.0.2.7'), clock },
    { options: clientOptions({ ...trapping, ...connection }) },
  );
  await c.client.open();
  return { s, c, clock };
}

describe('a client whose traffic opens the tunnel', () => {
  it('has device and routes from the start, and sends nothing until there is traffic', async () => {
    const { s, c } = await waitingClient();
    expect(c.client.status().state).toBe('waiting');
    expect(c.port.tun).toBeDefined();
    expect(c.events.findLast(({ kind }) => kind === 'tun-configured')).toMatchObject({
      routes: ['10.77.0.0/16'],
    });
    expect(inits(c.events)).toBe(0);
    await c.client.close();
    expect(await c.client.ended).toBeUndefined();
    await s.server.close();
  });

  it('starts exactly one negotiation for 10,000 packets, and the last of them arrive (RFC 7296 §2.9)', async () => {
    const { s, c } = await waitingClient();
    const answers = answersAt(c.port);
    for (let sequence = 1; sequence <= 10_000; sequence += 1) {
      ping(c.port, LEFT, RIGHT, sequence);
      if (sequence % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => answers.includes(10_000)).toBe(true);
    expect(count(c.events, 'acquire-started')).toBe(1);
    expect(inits(c.events)).toBe(1);
    expect(count(s.events, 'session-opened')).toBe(1);
    expect(count(c.events, 'child-opened')).toBe(1);
    expect(answers).toEqual([...answers].sort((a, b) => a - b));
    // What was not queued is counted.
    const { counters } = c.client.status();
    expect(answers.length + (counters?.drops['trap-queue-full'] ?? 0)).toBe(10_000);
    expect(c.client.status().state).toBe('open');
    await c.client.close();
    await s.server.close();
  });

  it('opens again after the peer closed it, for the packets that came meanwhile', async () => {
    const { s, c, clock } = await waitingClient();
    const answers = answersAt(c.port);
    ping(c.port, LEFT, RIGHT, 1);
    await eventually(() => answers).toContain(1);
    const [session] = s.server.status().sessions;
    s.server.closeSession(session?.id ?? 0);
    await eventually(() => c.client.status().state).toBe('waiting');
    // What was lost within seconds is opened again only after a pause; what is sent in the pause is not lost by it.
    ping(c.port, LEFT, RIGHT, 2);
    ping(c.port, LEFT, RIGHT, 3);
    expect(count(c.events, 'acquire-started')).toBe(1);
    clock.advanceBy(2_500);
    await eventually(() => answers).toEqual([1, 2, 3]);
    expect(count(c.events, 'acquire-started')).toBe(2);
  });

  it('waits for traffic after the pause when none came in it', async () => {
    const { s, c, clock } = await waitingClient();
    const answers = answersAt(c.port);
    ping(c.port, LEFT, RIGHT, 1);
    await eventually(() => answers).toContain(1);
    s.server.closeSession(s.server.status().sessions[0]?.id ?? 0);
    await eventually(() => c.client.status().state).toBe('waiting');
    clock.advanceBy(60_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(count(c.events, 'acquire-started')).toBe(1);
    ping(c.port, LEFT, RIGHT, 2);
    await eventually(() => answers).toContain(2);
    await c.client.close();
    await s.server.close();
  });

  it('tries again only after a pause when the peer refuses, and says why', async () => {
    const { s, c, clock } = await waitingClient(
      {},
      { children: { net: { localTs: ['10.1.0.0/16'] } } },
    );
    ping(c.port, LEFT, RIGHT, 1);
    await eventually(() => count(c.events, 'acquire-failed')).toBe(1);
    for (let sequence = 2; sequence <= 100; sequence += 1) ping(c.port, LEFT, RIGHT, sequence);
    expect(count(c.events, 'acquire-started')).toBe(1);
    expect(c.events.find(({ kind }) => kind === 'acquire-failed')).toMatchObject({
      code: 'ts-unacceptable',
      retryInMs: 2_000,
    });
    clock.advanceBy(2_500);
    ping(c.port, LEFT, RIGHT, 101);
    await eventually(() => count(c.events, 'acquire-failed')).toBe(2);
    expect(c.events.findLast(({ kind }) => kind === 'acquire-failed')).toMatchObject({
      retryInMs: 4_000,
    });
    expect(c.client.status().state).toBe('waiting');
    await c.client.close();
    await s.server.close();
  });

  it('keeps one Child SA of a peer that leaves the packet out, however often it is asked (RFC 7296 §2.9)', async () => {
    const narrow = { net: { localTs: ['10.77.1.0/24'], remoteTs: ['10.66.0.0/16'] } };
    const { s, c, clock } = await waitingClient({}, { children: narrow });
    for (const round of [1, 2, 3]) {
      ping(c.port, LEFT, address('10.77.2.1'), round);
      await eventually(() => count(c.events, 'acquire-failed')).toBe(round);
      clock.advanceBy(60_000);
    }
    await eventually(() => c.client.status().sessions[0]?.children.length).toBe(1);
    const answers = answersAt(c.port);
    ping(c.port, LEFT, address('10.77.1.1'), 9);
    await eventually(() => answers).toEqual([9]);
    expect(c.events.findLast(({ kind }) => kind === 'acquire-failed')).toMatchObject({
      code: 'ts-unacceptable',
      sentence: expect.stringContaining('10.77.2.1'),
    });
    await c.client.close();
    await s.server.close();
  });

  it('asks in CREATE_CHILD_SA for another network while the IKE SA stands (RFC 7296 §1.3.1)', async () => {
    const nets = (own: 'localTs' | 'remoteTs', other: 'localTs' | 'remoteTs') => ({
      one: { [own]: ['10.66.0.0/16'], [other]: ['10.77.0.0/16'], startAction: 'trap' as const },
      two: { [own]: ['10.66.0.0/16'], [other]: ['10.78.0.0/16'], startAction: 'trap' as const },
    });
    const { one, two } = nets('remoteTs', 'localTs');
    const { s, c } = await waitingClient(
      { children: nets('localTs', 'remoteTs') },
      {
        children: { one: { ...one, startAction: 'none' }, two: { ...two, startAction: 'none' } },
      },
    );
    const answers = answersAt(c.port);
    ping(c.port, LEFT, RIGHT, 1);
    await eventually(() => answers).toContain(1);
    ping(c.port, LEFT, address('10.78.0.1'), 2);
    await eventually(() => answers).toContain(2);
    expect(inits(c.events)).toBe(1);
    expect(c.client.status().sessions[0]?.children.map(({ name }) => name)).toEqual(['one', 'two']);
    await c.client.close();
    await s.server.close();
  });

  it('begins childless where that is wanted (RFC 6023 §3)', async () => {
    const { s, c } = await waitingClient({ childless: 'force' });
    const answers = answersAt(c.port);
    ping(c.port, LEFT, RIGHT, 1);
    await eventually(() => answers).toContain(1);
    await c.client.close();
    await s.server.close();
  });

  it('leaves no SA at the peer when it is closed while a negotiation runs', async () => {
    const { s, c } = await waitingClient();
    ping(c.port, LEFT, RIGHT, 1);
    await eventually(() => inits(c.events)).toBe(1);
    await c.client.close();
    await eventually(() => s.server.status().sessions).toEqual([]);
    await s.server.close();
  });
});

describe('a peer that is lost, with traps', () => {
  it('closeAction = trap: the address stays, and traffic opens the tunnel with it', async () => {
    const world = createMemoryWorld();
    const s = serverOn(world.hostAt('192.0.2.1'));
    await s.server.open();
    answerPings(s.port);
    const c = clientOn(world.hostAt('192.0.2.7'), {
      options: clientOptions({
        children: { net: { remoteTs: ['10.77.0.0/16'], closeAction: 'trap' } },
      }),
    });
    await c.client.open();
    const configured = count(c.events, 'tun-configured');
    const [session] = s.server.status().sessions;
    s.server.closeSession(session?.id ?? 0);
    await eventually(() => c.client.status().state).toBe('waiting');
    expect(c.port.addresses).toEqual([address('10.88.0.1')]);
    const answers = answersAt(c.port);
    ping(c.port, address('10.88.0.1'), RIGHT, 1);
    await eventually(() => answers).toContain(1);
    expect(count(c.events, 'tun-configured')).toBe(configured);
    await c.client.close();
    await s.server.close();
  });
});

describe('a dead peer, with traps (RFC 7296 §2.4)', () => {
  it('dpdAction = trap: the route stays, and traffic calls the peer until it is there again', async () => {
    let isCut = false;
    const world = createMemoryWorld({ lose: () => isCut });
    const { one, two } = { one: trapping.children?.net ?? {}, two: office.children?.net ?? {} };
    const clock = new VirtualClock();
    const s = serverOn(world.hostAt('192.0.2.1'), {
      options: serverOptions({ ...office, children: { net: two }, unique: 'replace' }),
    });
    await s.server.open();
    answerPings(s.port);
    const c = clientOn(
      { ...world.hostAt('192.0.2.7'), clock },
      {
        options: clientOptions({
          ...trapping,
          dpdDelayMs: 10_000,
          dpdTimeoutMs: 5_000,
          children: { net: { ...one, startAction: 'start', dpdAction: 'trap' } },
        }),
      },
    );
    await c.client.open();
    const configured = count(c.events, 'tun-configured');
    isCut = true;
    for (let second = 0; second < 20; second += 1) clock.advanceBy(1_000);
    await eventually(() => c.client.status().state).toBe('waiting');
    expect(c.events.find(({ kind }) => kind === 'session-closed')).toMatchObject({
      code: 'peer-dead',
    });
    isCut = false;
    const answers = answersAt(c.port);
    ping(c.port, LEFT, RIGHT, 7);
    await eventually(() => answers).toEqual([7]);
    expect(count(c.events, 'tun-configured')).toBe(configured);
    await c.client.close();
    await s.server.close();
  });
});

describe('two sites that open their tunnel with traffic', () => {
  const site = (own: string, peer: string, between: readonly [string, string]) => ({
    localAddrs: [own],
    remoteAddrs: [peer],
    pools: [],
    vips: [],
    local: { id: own },
    remote: { id: peer },
    children: {
      net: { localTs: [between[0]], remoteTs: [between[1]], startAction: 'trap' as const },
    },
  });
  const nets = ['10.66.0.0/16', '10.77.0.0/16'] as const;

  it('startAction = start: a server calls the peer that its connection names', async () => {
    const world = createMemoryWorld();
    const [a, b] = (['start', 'none'] as const).map((startAction, index) => {
      const [own, peer] = index === 0 ? ['192.0.2.7', '192.0.2.1'] : ['192.0.2.1', '192.0.2.7'];
      const base = site(own, peer, index === 0 ? nets : [nets[1], nets[0]]);
      const children = { net: { ...base.children.net, startAction } };
      return serverOn(world.hostAt(own), { options: serverOptions({ ...base, children }) });
    });
    if (!a || !b) throw new Error('two sites');
    await b.server.open();
    await a.server.open();
    await eventually(() => a.server.status().sessions[0]?.children.length).toBe(1);
    expect(a.server.status().sessions).toMatchObject([{ initiator: true, connection: 'office' }]);
    await a.server.close();
    expect(b.server.status().sessions).toEqual([]);
    await b.server.close();
  });

  it('both at once: one IKE SA remains, and what waited arrives on both sides (RFC 7296 §2.8.1)', async () => {
    const world = createMemoryWorld();
    const a = serverOn(world.hostAt('192.0.2.7'), {
      options: serverOptions(site('192.0.2.7', '192.0.2.1', nets)),
    });
    const b = serverOn(world.hostAt('192.0.2.1'), {
      options: serverOptions(site('192.0.2.1', '192.0.2.7', [nets[1], nets[0]])),
    });
    await a.server.open();
    await b.server.open();
    const received: string[] = [];
    a.port.onPacket((packet) => received.push(`a ${readIcmpEcho(packet)?.sequence}`));
    b.port.onPacket((packet) => received.push(`b ${readIcmpEcho(packet)?.sequence}`));
    ping(a.port, LEFT, RIGHT, 1);
    ping(b.port, RIGHT, LEFT, 2);
    await eventually(() => received.sort()).toEqual(['a 2', 'b 1']);
    for (const { server } of [a, b]) {
      await eventually(() => server.status().sessions.length).toBe(1);
    }
    const spis = [a, b].map(({ server }) => server.status().sessions[0]?.initiatorSpi);
    expect(spis[0]).toBe(spis[1]);
    ping(a.port, LEFT, RIGHT, 3);
    ping(b.port, RIGHT, LEFT, 4);
    await eventually(() => received.sort()).toEqual(['a 2', 'a 4', 'b 1', 'b 3']);
    for (const { events } of [a, b]) expect(count(events, 'acquire-started')).toBe(1);
    await a.server.close();
    await b.server.close();
  });
});
