import { NotifyType, notify, type Payload } from '@ipsec-kit/ikev2-codec';
import { formatAddress, formatSelector } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import type { ChildInstallation } from '../../src/index.ts';
import {
  CLIENT_4500,
  child,
  connection,
  DYNAMIC,
  endpoint,
  type Flight,
  type Host,
  identity,
  Pair,
  type PairOptions,
  SERVER_500,
  SERVER_4500,
  selector,
} from '../pair.ts';
import { extended, RawClient } from '../raw-peer.ts';

const transport = [child({ mode: 'transport' })];
const both: PairOptions = { client: { children: transport }, server: { children: transport } };
const sides = ['client', 'server'] as const;
const POOL = { address: endpoint('10.9.0.0:0').address, length: 24 };

function last(host: Host): ChildInstallation {
  const installed = [...host.children.values()].at(-1);
  if (!installed) throw new Error('no child');
  return installed;
}

/** A Child SA in one line: its mode, and between whom. */
function shape(
  host: Host,
  of: Pick<ChildInstallation, 'mode' | 'localSelectors' | 'remoteSelectors'> = last(host),
): string {
  const { mode, localSelectors, remoteSelectors } = of;
  const local = localSelectors.map(formatSelector).join(' ');
  return `${mode} ${local} === ${remoteSelectors.map(formatSelector).join(' ')}`;
}

/** The addresses of rebuilt headers, and those that the peer has for the same two. */
function addresses(host: Host): string {
  const { transportAddresses } = last(host);
  if (!transportAddresses) return 'none';
  const { local, remote, atPeer } = transportAddresses;
  const own = `${formatAddress(local)} ${formatAddress(remote)}`;
  return atPeer
    ? `${own}, at peer ${formatAddress(atPeer.local)} ${formatAddress(atPeer.remote)}`
    : own;
}

/** Lets messages pass a NAT that has its own address and ports in place of one side's. */
function withNat(pair: Pair, inFrontOf: 'client' | 'server', outside: string): Pair {
  const before = pair.wire;
  const translate = (flight: Flight): Flight => {
    const { path, from } = flight;
    const { port } = from === inFrontOf ? path.local : path.remote;
    const end = endpoint(`${outside}:${port}`);
    // Either what leaves gets the address outside, or what comes for it gets the one inside.
    if (from === inFrontOf) return { ...flight, path: { ...path, local: end } };
    const inside = inFrontOf === 'client' ? CLIENT_4500 : SERVER_4500;
    return { ...flight, path: { ...path, remote: { address: inside.address, port } } };
  };
  pair.wire = (flight) =>
    before(flight).map((each) => ({ ...each, flight: translate(each.flight) }));
  return pair;
}

describe('transport mode (RFC 7296 §1.3.1)', () => {
  it('is what both get that both want, between the two outer addresses', () => {
    const pair = new Pair(both).open();
    expect(shape(pair.client)).toBe('transport 192.0.2.1/32 === 198.51.100.1/32');
    expect(shape(pair.server)).toBe('transport 198.51.100.1/32 === 192.0.2.1/32');
    expect(addresses(pair.client)).toBe('192.0.2.1 198.51.100.1');
    expect(addresses(pair.server)).toBe('198.51.100.1 192.0.2.1');
    const [request, response] = pair.client.story.slice(-2);
    expect(request).toMatch(/IKE_AUTH request: .*N\(USE_TRANSPORT_MODE\) SA TSi TSr/);
    expect(response).toMatch(/IKE_AUTH response: .*N\(USE_TRANSPORT_MODE\) SA TSi TSr/);
    for (const side of sides)
      expect(pair[side].seen('child-opened')[0]).toMatchObject({ mode: 'transport' });
  });

  for (const wants of sides) {
    it(`is a tunnel when only the ${wants} wants it, and the other one says nothing`, () => {
      const pair = new Pair({ [wants]: { children: transport } }).open();
      expect(shape(pair.client)).toBe('tunnel 192.0.2.1/32 === 198.51.100.1/32');
      expect(shape(pair.server)).toBe('tunnel 198.51.100.1/32 === 192.0.2.1/32');
      expect(addresses(pair.client)).toBe('none');
      expect(pair.client.story.at(-2)?.includes('N(USE_TRANSPORT_MODE)')).toBe(wants === 'client');
      expect(pair.client.story.at(-1)).not.toContain('N(USE_TRANSPORT_MODE)');
      expect(pair.client.seen('child-opened')[0]).toMatchObject({ mode: 'tunnel' });
    });
  }

  it('narrows wide selectors to the two hosts, and keeps protocols and ports (RFC 7296 §2.9)', () => {
    const children = [
      child({
        mode: 'transport',
        localSelectors: [selector('192.0.2.0/24[udp/1701]'), selector('10.0.0.0/8')],
        remoteSelectors: [selector('0.0.0.0/0')],
      }),
    ];
    const pair = new Pair({ client: { children }, server: { children: transport } }).open();
    expect(shape(pair.client)).toBe('transport 192.0.2.1/32[udp/1701] === 198.51.100.1/32');
    expect(shape(pair.server)).toBe('transport 198.51.100.1/32 === 192.0.2.1/32[udp/1701]');
  });

  it('is not asked for when the selectors do not cover the two hosts (RFC 7296 §2.23.1)', () => {
    const net = { localSelectors: [selector('10.0.0.0/8')], remoteSelectors: [DYNAMIC] };
    const children = [child({ mode: 'transport', ...net })];
    const server = [
      child({ localSelectors: [DYNAMIC], remoteSelectors: [selector('10.0.0.0/8')] }),
    ];
    const pair = new Pair({ client: { children }, server: { children: server } }).open();
    expect(shape(pair.client)).toBe('tunnel 10.0.0.0/8 === 198.51.100.1/32');
    expect(pair.client.story.at(-2)).not.toContain('N(USE_TRANSPORT_MODE)');
  });

  it('takes the first child that may be in it, and a tunnel child for tunnels', () => {
    const children = [child({ name: 'net' }), child({ name: 'hosts', mode: 'transport' })];
    const pair = new Pair({ client: { children: transport }, server: { children } }).open();
    expect([last(pair.server).config.name, last(pair.server).mode]).toEqual(['hosts', 'transport']);
    const tunnel = new Pair({ server: { children } }).open();
    expect([last(tunnel.server).config.name, last(tunnel.server).mode]).toEqual(['net', 'tunnel']);
  });

  it('goes between the hosts also where virtual addresses are asked for', () => {
    const pair = new Pair({
      client: { ...both.client, virtualAddresses: [endpoint('0.0.0.0:0').address] },
      server: { ...both.server, pools: ['pool'] },
      pools: [{ name: 'pool', addresses: { kind: 'prefix', prefix: POOL }, dns: [] }],
    }).open();
    expect(shape(pair.client)).toBe('transport 192.0.2.1/32 === 198.51.100.1/32');
  });

  it('says that it may be the mode when the peer refuses the proposals (RFC 7296 §3.10.1)', () => {
    const pair = new Pair({ client: both.client ?? {}, server: { children: [] } });
    const raw = new RawClient(pair);
    const refuse = (payloads: readonly Payload[]): Payload[] => [
      ...payloads.filter(({ type }) => type === 'IDr' || type === 'AUTH'),
      notify(NotifyType.NO_PROPOSAL_CHOSEN),
    ];
    pair.wire = (flight) => [{ flight: extended(raw, flight, 'server', refuse) }];
    pair.open();
    expect(pair.client.seen('child-failed')[0]?.failure.sentence).toContain(
      'NO_PROPOSAL_CHOSEN to our offer of transport mode: it cannot carry it',
    );
  });

  it('is refused when the peer answers with it unasked, and the SA does not stay', () => {
    const pair = new Pair();
    const raw = new RawClient(pair);
    pair.wire = (flight) => [{ flight: extended(raw, flight, 'server', addNotify) }];
    pair.open();
    expect(pair.client.children.size).toBe(0);
    expect(pair.client.seen('child-failed')[0]?.failure.sentence).toContain(
      'The peer chose transport mode, which is not what we offered (tunnel mode)',
    );
    pair.wire = (flight) => [{ flight }];
    pair.drive(30_000);
    expect(pair.server.children.size).toBe(0);
  });

  it('is refused when the peer answers with it for others than the two hosts (RFC 7296 §2.23.1)', () => {
    const pair = new Pair(both);
    const raw = new RawClient(pair);
    const widen = (payloads: readonly Payload[]): Payload[] =>
      payloads.map((payload) =>
        payload.type === 'TSr' ? { ...payload, selectors: [wide(), wide()] } : payload,
      );
    pair.wire = (flight) => [{ flight: extended(raw, flight, 'server', widen) }];
    pair.open();
    expect(pair.client.children.size).toBe(0);
    expect(pair.client.seen('child-failed')[0]?.failure.sentence).toContain(
      'transport mode for others',
    );
  });

  it('is a tunnel, as the peer wrote it, when its offer is not host to host (RFC 7296 §2.23.1)', () => {
    const children = [child({ mode: 'transport', remoteSelectors: [selector('192.0.0.0/8')] })];
    const pair = new Pair({ client: { children: [child()] }, server: { children } });
    const raw = new RawClient(pair);
    pair.wire = (flight) => [
      {
        flight: extended(raw, flight, 'client', (payloads) =>
          addNotify(payloads).map((payload) =>
            payload.type === 'TSi' ? { ...payload, selectors: [wide()] } : payload,
          ),
        ),
      },
    ];
    pair.open();
    expect(shape(pair.server, pair.server.seen('child-opened')[0])).toBe(
      'tunnel 198.51.100.1/32 === 192.0.2.0/24',
    );
  });
});

function wide() {
  const configured = selector('192.0.2.0/24');
  if (configured.kind !== 'fixed') throw new Error('not fixed');
  return configured.selector;
}

function addNotify(payloads: readonly Payload[]): Payload[] {
  return [...payloads, notify(NotifyType.USE_TRANSPORT_MODE)];
}

describe('transport mode behind a NAT (RFC 7296 §2.23.1)', () => {
  it('in front of the client: both have the addresses that they see, and know those of the peer', () => {
    const pair = withNat(new Pair(both), 'client', '203.0.113.9').open();
    expect(shape(pair.client)).toBe('transport 192.0.2.1/32 === 198.51.100.1/32');
    expect(addresses(pair.client)).toBe('192.0.2.1 198.51.100.1, at peer 203.0.113.9 198.51.100.1');
    expect(shape(pair.server)).toBe('transport 198.51.100.1/32 === 203.0.113.9/32');
    expect(addresses(pair.server)).toBe('198.51.100.1 203.0.113.9, at peer 198.51.100.1 192.0.2.1');
  });

  it('in front of the server: the same the other way round', () => {
    // The client knows the server by the address outside of its NAT, 198.51.100.1; inside it is 10.5.0.1.
    const pair = new Pair(both);
    pair.wire = (flight) => {
      const inside = (port: number) => endpoint(`10.5.0.1:${port}`);
      const { path, from } = flight;
      return [
        {
          flight:
            from === 'client'
              ? { ...flight, path: { ...path, remote: inside(path.remote.port) } }
              : { ...flight, path: { ...path, local: { ...SERVER_500, port: path.local.port } } },
        },
      ];
    };
    pair.open();
    expect(shape(pair.client)).toBe('transport 192.0.2.1/32 === 198.51.100.1/32');
    expect(addresses(pair.client)).toBe('192.0.2.1 198.51.100.1, at peer 192.0.2.1 10.5.0.1');
    expect(shape(pair.server)).toBe('transport 10.5.0.1/32 === 192.0.2.1/32');
    expect(addresses(pair.server)).toBe('10.5.0.1 192.0.2.1, at peer 198.51.100.1 192.0.2.1');
  });

  it('does not replace an address that no NAT explains: then it is a tunnel, or nothing', () => {
    const children = [child({ mode: 'transport', remoteSelectors: [selector('0.0.0.0/0')] })];
    const pair = new Pair({ client: { children: transport }, server: { children } });
    const raw = new RawClient(pair);
    const other = wide();
    const end = endpoint('192.0.2.77:0').address;
    pair.wire = (flight) => [
      {
        flight: extended(raw, flight, 'client', (payloads) =>
          payloads.map((payload) =>
            payload.type === 'TSi'
              ? { ...payload, selectors: [{ ...other, start: end, end }] }
              : payload,
          ),
        ),
      },
    ];
    pair.open();
    expect(shape(pair.server, pair.server.seen('child-opened')[0])).toBe(
      'tunnel 198.51.100.1/32 === 192.0.2.77/32',
    );
  });

  it('undoes the replacement for a child that is not for transport mode', () => {
    const children = [child({ remoteSelectors: [selector('192.0.2.0/24')] })];
    const pair = withNat(
      new Pair({ client: { children: transport }, server: { children } }),
      'client',
      '203.0.113.9',
    ).open();
    expect(shape(pair.server)).toBe('tunnel 198.51.100.1/32 === 192.0.2.1/32');
    expect(shape(pair.client)).toBe('tunnel 192.0.2.1/32 === 198.51.100.1/32');
  });

  it('is refused to a second peer behind the same NAT, and not to the first one again (RFC 3948 §5.2)', () => {
    const pair = new Pair({
      client: { ...both.client },
      serverConnections: [
        connection({ localIdentity: identity('server'), children: transport, unique: 'never' }),
      ],
    }).open();
    pair.initiate(2);
    pair.drive(1_000);
    // The same identity from the same address: a client that lost its state, or a second session of its own.
    expect(pair.server.seen('child-failed')).toHaveLength(0);

    const two = new Pair({
      client: { children: transport },
      server: { children: transport },
    }).open();
    const stranger = new Pair({
      client: { children: transport, localIdentity: identity('stranger') },
      server: { children: transport },
      seed: 'stranger',
    });
    stranger.server = two.server;
    two.client = stranger.client;
    stranger.initiate();
    forward(stranger, two);
    const failure = two.server.seen('child-failed')[0]?.failure;
    expect(failure?.sentence).toContain('Another peer behind 192.0.2.1 has this traffic');
    expect(failure?.notify).toBe(NotifyType.TS_UNACCEPTABLE);
  });
});

/** Lets the clock of one pair run for the client of another that talks to its server. */
function forward(from: Pair, to: Pair): void {
  from.wire = () => [];
  for (let done = 0, rounds = 0; rounds < 20; rounds += 1) {
    const sent = from.flights.slice(done);
    done = from.flights.length;
    for (const flight of sent) if (flight.from === 'client') to.deliver(flight);
    const answers = to.flights.filter((flight) => flight.from === 'server').slice(-sent.length);
    for (const flight of answers) from.deliver(flight);
  }
}

describe('the mode of a transport mode SA in its later life', () => {
  for (const side of sides) {
    it(`stays through a rekey by the ${side} (RFC 7296 §1.3.3)`, () => {
      for (const nat of [false, true]) {
        const pair = nat ? withNat(new Pair(both), 'client', '203.0.113.9') : new Pair(both);
        pair.open();
        const before = sides.map((each) => [shape(pair[each]), addresses(pair[each])]);
        const sessionId = pair[side].seen('session-opened')[0]?.sessionId ?? -1;
        const childId = last(pair[side]).childId;
        pair[side].command({ kind: 'rekey-child', sessionId, childId });
        pair.drive(20_000);
        expect(sides.map((each) => [shape(pair[each]), addresses(pair[each])])).toEqual(before);
        expect(pair.server.seen('child-rekeyed')).toMatchObject([{ mode: 'transport' }]);
        expect(pair.client.story.join('\n')).toMatch(
          /CREATE_CHILD_SA request: N\(REKEY_SA\) N\(ESP_TFC_PADDING_NOT_SUPPORTED\) N\(USE_TRANSPORT_MODE\) SA No TSi TSr/,
        );
      }
    });
  }

  it('stays a tunnel through a rekey when it became one (RFC 7296 §1.3.3)', () => {
    const pair = new Pair({ client: { children: transport } }).open();
    const sessionId = pair.client.seen('session-opened')[0]?.sessionId ?? -1;
    const { childId } = last(pair.client);
    pair.client.command({ kind: 'rekey-child', sessionId, childId });
    pair.drive(20_000);
    expect(pair.client.seen('child-rekeyed')).toMatchObject([{ mode: 'tunnel' }]);
  });

  it('stays through a reauthentication', () => {
    const pair = new Pair({
      client: { children: transport, makeBeforeBreak: true },
      server: { children: transport },
    }).open();
    const sessionId = pair.client.seen('session-opened')[0]?.sessionId ?? -1;
    pair.client.command({ kind: 'reauthenticate', sessionId });
    pair.drive(20_000);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
    for (const side of sides) {
      expect(pair[side].children.size).toBe(1);
      expect(last(pair[side]).mode).toBe('transport');
    }
  });

  it('moves with a port, and is replaced when an address changes: between the new ones (RFC 4555 §1.2)', () => {
    const pair = withNat(new Pair(both), 'client', '203.0.113.9').open();
    const moved = (text: string) => ({ local: SERVER_4500, remote: endpoint(text) });
    pair.server.hearEsp(moved('203.0.113.9:61000'));
    pair.drive(1_000);
    expect(pair.server.moves).toHaveLength(1);
    expect(pair.server.seen('child-rekeyed')).toHaveLength(0);

    pair.wire = (flight) => [{ flight }];
    withNat(pair, 'client', '203.0.113.10');
    pair.server.hearEsp(moved('203.0.113.10:4500'));
    pair.drive(20_000);
    expect(pair.server.moves).toHaveLength(1);
    expect(pair.server.seen('child-rekeyed')).toMatchObject([{ by: 'local', mode: 'transport' }]);
    expect(addresses(pair.server)).toBe(
      '198.51.100.1 203.0.113.10, at peer 198.51.100.1 192.0.2.1',
    );
    expect(addresses(pair.client)).toBe(
      '192.0.2.1 198.51.100.1, at peer 203.0.113.10 198.51.100.1',
    );
    expect([pair.server.children.size, pair.client.children.size]).toEqual([1, 1]);
  });
});
