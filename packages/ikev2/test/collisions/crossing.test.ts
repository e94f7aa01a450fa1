import { createSeededRandom } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';
import { type Flight, Pair } from '../pair.ts';
import { ACTIONS, type Action, CHILDREN, MIXED_GROUPS, sessionOf } from './actions.ts';

type Wire = Pair['wire'];

/** What the network does to the packets of the crossing, by name. */
function wires(first: number): [string, Wire][] {
  const list: [string, Wire][] = [['nothing', (flight) => [{ flight }]]];
  for (let lost = 0; lost < 9; lost += 1) {
    list.push([`packet ${lost} is lost`, lose(first + lost)]);
    list.push([`packet ${lost} is late`, late(first + lost)]);
  }
  list.push(['all are repeated', (flight) => [{ flight }, { flight, delayMs: 35 }]]);
  for (const seed of ['a', 'b', 'c']) list.push([`chaos ${seed}`, chaos(seed)]);
  return list;
}

function lose(index: number): Wire {
  return (flight: Flight) => (flight.index === index ? [] : [{ flight }]);
}

function late(index: number): Wire {
  return (flight: Flight) => [{ flight, delayMs: flight.index === index ? 5_500 : 0 }];
}

function chaos(seed: string, loss = 0.15): Wire {
  const random = createSeededRandom(seed);
  const byte = new Uint8Array(1);
  const draw = (): number => {
    random.fill(byte);
    return (byte[0] ?? 0) / 256;
  };
  return (flight) => {
    if (draw() < loss) return [];
    const copies = draw() < 0.3 ? 2 : 1;
    return Array.from({ length: copies }, () => ({ flight, delayMs: draw() * 300 }));
  };
}

/** Both ends agree on what is left, it works, and nothing more is left. */
function expectRest(pair: Pair, label: string): void {
  const { client, server } = pair;
  const closed = [client, server].map((host) => host.seen('session-closed').length);
  expect([label, closed[0]]).toEqual([label, closed[1]]);
  expect([label, client.children.size]).toEqual([label, server.children.size]);
  const theirs = new Map([...server.children.values()].map((entry) => [entry.inboundSpi, entry]));
  for (const ours of client.children.values()) {
    const other = theirs.get(ours.outboundSpi);
    expect([label, other?.outboundSpi]).toEqual([label, ours.inboundSpi]);
    expect(other?.inboundKeys.encryption.reveal()).toEqual(ours.outboundKeys.encryption.reveal());
    expect(other?.config.name).toBe(ours.config.name);
  }
  for (const host of [client, server]) {
    expect([label, host.removedTwice]).toEqual([label, 0]);
    expect(new Set(host.usedKeys).size).toBe(host.usedKeys.length);
    const known = host.seen('child-opened').length - host.seen('child-closed').length;
    expect([label, known]).toEqual([label, host.children.size]);
    if (closed[0] !== 0) expect([label, host.children.size]).toEqual([label, 0]);
  }
  if (closed[0] !== 0) return;
  for (const host of [client, server]) {
    const confirmed = host.seen('liveness-confirmed').length;
    host.command({ kind: 'check-liveness', sessionId: sessionOf(host) });
    pair.drive(1_000);
    expect([label, host.seen('liveness-confirmed').length]).toEqual([label, confirmed + 1]);
  }
}

/** What is there after both, when nothing of it contradicts the other. */
function expectWish(pair: Pair, actions: readonly Action[], label: string): void {
  if (actions.includes('close')) {
    expect([label, pair.client.seen('session-closed').length]).toEqual([label, 1]);
    return;
  }
  const names = [...pair.client.children.values()].map(({ config }) => config.name);
  expect([label, names.includes('one')]).toEqual([label, !actions.includes('close-child')]);
  const created = actions.filter((action) => action === 'create-child').length;
  expect([label, names.filter((name) => name === 'two').length]).toEqual([label, created]);
}

describe('two sides that act at once (RFC 7296 §2.8.1, §2.8.2, §2.25.1, §2.25.2)', () => {
  const names = Object.keys(ACTIONS) as Action[];
  for (const first of names) {
    for (const second of names) {
      it(`${first} meets ${second}, whatever the network does`, () => {
        for (const apartMs of [0, 8, 22]) {
          const probe = new Pair({
            client: { children: CHILDREN },
            server: { children: CHILDREN },
          });
          const before = probe.open().flights.length;
          wires(before).forEach(([name, wire], index) => {
            const children = { children: CHILDREN };
            const label = `${name}, ${apartMs} ms apart`;
            const seed = `cross/${index % 5}`;
            const pair = new Pair({
              client: children,
              server: children,
              seed,
              jitters: true,
            }).open();
            pair.wire = wire;
            ACTIONS[first](pair.client, sessionOf(pair.client));
            pair.drive(apartMs);
            ACTIONS[second](pair.server, sessionOf(pair.server));
            pair.drive(90_000);
            pair.wire = (flight) => [{ flight }];
            pair.drive(200_000);
            expectRest(pair, label);
            expectWish(pair, [first, second], label);
          });
        }
      });
    }
  }
});

/** How often an INVALID_KE_PAYLOAD has left either side. */
function refusedGroups(pair: Pair): number {
  const story = [...pair.client.story, ...pair.server.story];
  return story.filter((line) => /^sent .*INVALID_KE_PAYLOAD/.test(line)).length;
}

describe('two sides that act at once and want other groups (RFC 7296 §1.3, §2.8.1, §2.25)', () => {
  const names = Object.keys(ACTIONS) as Action[];
  for (const first of names.filter((name) => !name.startsWith('close'))) {
    for (const second of names) {
      it(`${first} with an INVALID_KE_PAYLOAD retry meets ${second}, whatever the network does`, () => {
        let retries = 0;
        for (const apartMs of [0, 8, 22, 35]) {
          const before = new Pair(MIXED_GROUPS).open().flights.length;
          wires(before).forEach(([name, wire], index) => {
            const seed = `groups/${index % 5}`;
            const pair = new Pair({ ...MIXED_GROUPS, seed, jitters: true }).open();
            const atOpening = refusedGroups(pair);
            pair.wire = wire;
            ACTIONS[first](pair.client, sessionOf(pair.client));
            pair.drive(apartMs);
            ACTIONS[second](pair.server, sessionOf(pair.server));
            pair.drive(90_000);
            pair.wire = (flight) => [{ flight }];
            pair.drive(200_000);
            const label = `${name}, ${apartMs} ms apart`;
            expectRest(pair, label);
            expectWish(pair, [first, second], label);
            retries += refusedGroups(pair) > atOpening ? 1 : 0;
          });
        }
        expect(retries).toBeGreaterThan(20);
      });
    }
  }
});

describe('random walks over all actions (RFC 7296 §2.8, §2.25)', () => {
  it('come to rest with both ends in agreement', () => {
    const names = (Object.keys(ACTIONS) as Action[]).filter((name) => name !== 'close');
    const bad: string[] = [];
    for (let walk = 0; walk < 200; walk += 1) {
      const random = createSeededRandom(`walk/${walk}`);
      const bytes = new Uint8Array(1);
      const draw = (): number => {
        random.fill(bytes);
        return (bytes[0] ?? 0) / 256;
      };
      const children = { children: CHILDREN };
      const seed = `walk/${walk}`;
      const pair = new Pair({
        client: children,
        server: children,
        seed,
        jitters: true,
        answerDelayMs: walk % 3 === 0 ? 15 : 0,
      }).open();
      // At 5% no request is lost so often that the peer counts as dead.
      pair.wire = chaos(seed, 0.05);
      const log: string[] = [];
      try {
        for (let step = 0; step < 12; step += 1) {
          const host = pair[draw() < 0.5 ? 'client' : 'server'];
          const action = names[Math.floor(draw() * names.length)] ?? 'rekey-ike';
          log.push(`${host === pair.client ? 'c' : 's'}:${action}`);
          if (host.seen('session-closed').length === 0) ACTIONS[action](host, sessionOf(host));
          pair.drive(draw() < 0.5 ? draw() * 60 : draw() * 6_000);
        }
        pair.drive(90_000);
        pair.wire = (flight) => [{ flight }];
        pair.drive(300_000);
        expectRest(pair, seed);
      } catch (error) {
        bad.push(`${seed} ${log.join(' ')} ${String(error).split('\n')[0]}`);
      }
    }
    expect(bad).toEqual([]);
  });
});
