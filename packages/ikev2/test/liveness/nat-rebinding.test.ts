import { addMs } from '@ipsec-kit/clock';
import type { Endpoint } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { child, endpoint, Pair, type PairOptions, SERVER_4500, selector } from '../pair.ts';

const client = {
  mobike: true,
  children: [
    child({
      localSelectors: [selector('10.1.0.0/16')],
      remoteSelectors: [selector('10.2.0.0/16')],
    }),
  ],
};
const MOBIKE: PairOptions = {
  client,
  server: {
    mobike: true,
    children: [
      child({
        localSelectors: [selector('10.2.0.0/16')],
        remoteSelectors: [selector('10.1.0.0/16')],
      }),
    ],
  },
  clientSettings: { keepaliveDpdMarginMs: 20_000 },
};

/** A client behind a NAT that translates it to `outside`, which a rebinding changes. */
class NatPair extends Pair {
  outside: Endpoint = endpoint('203.0.113.9:20000');
  readonly #inside = new Map<string, Endpoint>();

  constructor(options: PairOptions = MOBIKE) {
    super(options);
    this.wire = (flight) => {
      const { local, remote } = flight.path;
      if (flight.from === 'client') {
        const outside = local.port === 500 ? { ...this.outside, port: 10_500 } : this.outside;
        this.#inside.set(`${outside.port}`, local);
        return [{ flight: { ...flight, path: { local: outside, remote } } }];
      }
      const isCurrent = remote.port === 10_500 || remote.port === this.outside.port;
      const inside = isCurrent ? this.#inside.get(`${remote.port}`) : undefined;
      // A mapping that is gone takes nothing in.
      return inside ? [{ flight: { ...flight, path: { local, remote: inside } } }] : [];
    };
  }

  rebind(port: number): void {
    this.outside = { ...this.outside, port };
  }

  /** Where the server sends now. */
  get serverSendsTo(): number | undefined {
    return this.server.seen('message').findLast(({ direction }) => direction === 'sent')?.path
      .remote.port;
  }

  checks(): string[] {
    return this.client.seen('liveness-check-started').map(({ reason }) => reason);
  }
}

describe('a NAT mapping that changed (RFC 4555 §3.8)', () => {
  it('has its baseline from one NAT detection on port 4500 right after establishment', () => {
    const pair = new NatPair().open();
    expect(pair.checks()).toEqual(['baseline']);
    expect(pair.client.seen('mapping-changed')).toHaveLength(0);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(1_000);
    expect(pair.client.seen('mapping-changed')).toHaveLength(0);
  });

  it('is found by the check after a sleep and told with UPDATE_SA_ADDRESSES, within two round trips', () => {
    const pair = new NatPair().open();
    pair.sleepClient(600_000);
    pair.rebind(20_001);
    const before = pair.client.keepalives.length;
    pair.client.handle({ kind: 'slept', now: pair.now, sleptMs: 600_000 });
    expect(pair.checks().at(-1)).toBe('slept');
    pair.drive(100);
    expect(pair.client.seen('mapping-changed')).toHaveLength(1);
    expect(pair.client.seen('addresses-updated')).toMatchObject([{ roundTripMs: 20 }]);
    expect(pair.client.keepalives.length).toBe(before);
    expect(pair.serverSendsTo).toBe(20_001);
    expect(pair.server.moves.at(-1)?.path.remote.port).toBe(20_001);
  });

  it('leaves no later check a change to find: the answer of the update is the new baseline', () => {
    const pair = new NatPair().open();
    pair.rebind(20_001);
    for (let i = 0; i < 3; i += 1) {
      pair.client.command({ kind: 'check-liveness', sessionId: 1 });
      pair.drive(1_000);
    }
    expect(pair.client.seen('mapping-changed')).toHaveLength(1);
    expect(pair.client.seen('addresses-updated')).toHaveLength(1);
  });

  it('is compared anew after a rekey of the IKE SA, whose hashes cover other SPIs', () => {
    const pair = new NatPair().open();
    pair.client.command({ kind: 'rekey-ike', sessionId: 1 });
    pair.drive(1_000);
    expect(pair.checks()).toEqual(['baseline', 'baseline']);
    expect(pair.client.seen('mapping-changed')).toHaveLength(0);
    pair.rebind(20_002);
    pair.client.handle({ kind: 'connectivity', now: pair.now });
    pair.drive(1_000);
    expect(pair.client.seen('addresses-updated')).toHaveLength(1);
    expect(pair.serverSendsTo).toBe(20_002);
  });

  it('while IKE_AUTH was sent again is told with UPDATE_SA_ADDRESSES, since the server may go by the first copy', () => {
    const pair = new NatPair();
    const { wire } = pair;
    pair.wire = (flight) => {
      const isAnswer = flight.from === 'server' && flight.path.local.port === 4500;
      if (!isAnswer || pair.outside.port !== 20_000) return wire(flight);
      pair.rebind(20_004);
      return [];
    };
    pair.open();
    pair.drive(10_000);
    expect(pair.client.seen('addresses-updated')).toHaveLength(1);
    expect(pair.serverSendsTo).toBe(20_004);
    expect(pair.server.moves.at(-1)?.path.remote.port).toBe(20_004);
  });

  it('is noticed by a busy client that is not answered any more, and not by one that is', () => {
    const busy = (isAnswered: boolean): NatPair => {
      const pair = new NatPair().open();
      const childId = [...pair.client.children.keys()][0] ?? 0;
      let packetsOut = 0;
      let lastInboundAt = pair.now;
      pair.client.handle({
        kind: 'traffic',
        now: pair.now,
        children: [{ childId, packetsOut: 1, lastInboundAt, lastOutboundAt: pair.now }],
      });
      pair.rebind(20_003);
      for (let i = 0; i < 30; i += 1) {
        pair.drive(100);
        packetsOut += 5;
        if (isAnswered) lastInboundAt = pair.now;
        const children = [{ childId, packetsOut, lastInboundAt, lastOutboundAt: pair.now }];
        pair.client.handle({ kind: 'traffic', now: pair.now, children });
      }
      return pair;
    };
    const silent = busy(false);
    expect(silent.checks().slice(1)).toEqual(['one-way']);
    expect(silent.client.seen('addresses-updated')).toHaveLength(1);
    expect(busy(true).checks().slice(1)).toEqual([]);
  });

  it('by a NAT that changes its port for every packet is no storm of exchanges', () => {
    const pair = new NatPair().open();
    const { wire } = pair;
    let port = 30_000;
    pair.wire = (flight) => {
      port += 1;
      if (flight.from === 'client') pair.rebind(port);
      return wire(flight);
    };
    const before = pair.flights.length;
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(60_000);
    // A session that cannot be kept may end; until then it asks at most twice a second.
    expect(pair.flights.length - before).toBeLessThan(300);
  });

  it('on every change of the network by a setting is told without asking', () => {
    const pair = new NatPair({ ...MOBIKE, client: { ...client, updateOnConnectivity: true } });
    pair.open().drive(1_000);
    pair.client.handle({ kind: 'connectivity', now: pair.now });
    pair.drive(1_000);
    expect(pair.checks()).toEqual(['baseline']);
    expect(pair.client.seen('addresses-updated')).toHaveLength(1);
  });

  it('of addresses that flap ten times a second is asked about at most twice a second', () => {
    const pair = new NatPair().open();
    const before = pair.checks().length;
    for (let i = 0; i < 100; i += 1) {
      pair.client.handle({ kind: 'connectivity', now: pair.now });
      pair.drive(100);
    }
    expect(pair.checks().length - before).toBeLessThanOrEqual(21);
    expect(pair.checks().length - before).toBeGreaterThan(5);
  });

  it('of a clock that jumps an hour back and forth costs a few exchanges', () => {
    const pair = new NatPair().open();
    const before = pair.flights.length;
    for (let i = 0; i < 20; i += 1) {
      pair.now = addMs(pair.now, i % 2 === 0 ? 3_600_000 : -3_600_000);
      pair.client.handle({ kind: 'slept', now: pair.now, sleptMs: 3_600_000 });
      pair.client.handle({ kind: 'timeout', now: pair.now });
      pair.drive(200);
    }
    expect(pair.flights.length - before).toBeLessThan(100);
    expect(pair.client.closeCode).toBeUndefined();
  });
});

describe('the end outside the NAT (RFC 7296 §2.23)', () => {
  const elsewhere = (port: number) => ({
    local: SERVER_4500,
    remote: endpoint(`192.0.2.1:${port}`),
  });
  const follow = (options: PairOptions, ports: readonly number[], apartMs: number) => {
    const pair = new Pair(options).open();
    for (const port of ports) {
      pair.drive(apartMs);
      pair.server.hearEsp(elsewhere(port));
    }
    return pair;
  };

  it('follows authenticated ESP at once where the path was idle', () => {
    expect(follow({}, [1], 1_000).server.moves.map(({ path }) => path.remote.port)).toEqual([1]);
  });

  it('moves at most twice a second, however often the packets come from elsewhere', () => {
    const ports = Array.from({ length: 50 }, (_, i) => 1_000 + i);
    const pair = follow({}, ports, 100);
    pair.drive(1_000);
    expect(pair.server.moves.length).toBeLessThanOrEqual(11);
    expect(pair.server.moves.at(-1)?.path.remote.port).toBe(1_049);
  });

  it('follows nobody without replay protection', () => {
    const options = { server: { children: [child({ replayWindowPackets: 0 })] } };
    expect(follow(options, [1], 1_000).server.moves).toEqual([]);
  });
});

describe('a packet of one Child SA from elsewhere, just after the peer was heard where it is (RFC 7296 §2.23)', () => {
  const [left, right] = [[selector('10.1.0.0/16')], [selector('10.2.0.0/16')]];
  const both = (localSelectors: typeof left, remoteSelectors: typeof left) =>
    ['net', 'two'].map((name) => child({ name, localSelectors, remoteSelectors }));
  const elsewhere = { local: SERVER_4500, remote: endpoint('203.0.113.9:20077') };

  /** A server whose two Child SAs stand, and that is told of the packet. */
  function toldOf(): { pair: NatPair; server: NatPair['server']; ids: readonly number[] } {
    const pair = new NatPair({
      client: { children: both(left, right) },
      server: { children: both(right, left) },
    }).open();
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two' });
    pair.drive(100);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(30);
    const { server } = pair;
    const ids = [...server.children.keys()];
    expect(ids).toHaveLength(2);
    server.hearEsp(elsewhere, 100);
    return { pair, server, ids };
  }

  it('moves the session half a second later', () => {
    const { pair, server } = toldOf();
    pair.drive(1_000);
    expect(server.seen('peer-path-changed').at(-1)?.to.remote).toEqual(elsewhere.remote);
  });

  it('moves nothing, then or later, while another Child SA goes on to be in use', () => {
    const { pair, server, ids } = toldOf();
    for (let i = 0; i < 10; i += 1) {
      pair.drive(100);
      const children = [{ childId: ids[1] ?? 0, packetsOut: 0, lastInboundAt: pair.now }];
      server.handle({ kind: 'traffic', now: pair.now, children });
    }
    pair.drive(60_000);
    expect(server.seen('peer-path-changed')).toEqual([]);
  });
});
