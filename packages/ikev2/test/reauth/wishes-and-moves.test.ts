import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { RETIRED_CHILD_MS } from '../../src/child/retire-child.ts';
import { type ConnectionConfig, FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, type Flight, type Host, Pair, selector } from '../pair.ts';

const CLIENT = [1, 2].map((n) =>
  child({
    name: `net-${n}`,
    localSelectors: [selector(`10.${n}.0.0/16`)],
    remoteSelectors: [selector(`10.10${n}.0.0/16`)],
  }),
);
const SERVER = CLIENT.map((config) => ({
  ...config,
  localSelectors: config.remoteSelectors,
  remoteSelectors: config.localSelectors,
}));

function openPair(client: Partial<ConnectionConfig> = {}, seed = 'wishes'): Pair {
  return new Pair({
    client: { children: CLIENT, makeBeforeBreak: true, ...client },
    server: { children: SERVER, makeBeforeBreak: true },
    seed,
  })
    .open()
    .drive(40_000);
}

function create(host: Host, name: string): void {
  host.command({ kind: 'create-child', sessionId: sessionOf(host), child: name });
}

function sessionOf(host: Host): number {
  return host.seen('session-opened')[0]?.sessionId ?? 0;
}

function reauthenticate(pair: Pair): void {
  pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
}

function isOf(flight: Flight, from: 'client' | 'server', exchange: number, what: string): boolean {
  const isResponse = ((flight.data[19] ?? 0) & 0x20) !== 0;
  const wants = what === 'response';
  return flight.from === from && flight.data[18] === exchange && isResponse === wants;
}

function ikeSaOf(flight: Flight | undefined): string | undefined {
  return flight?.data.subarray(0, 8).join();
}

/** Names of the Child SAs that both ends have, and agree on. */
function names({ client, server }: Pair): string[] {
  const mirror = new Set([...server.children.values()].map(({ outboundSpi }) => outboundSpi));
  const shared = [...client.children.values()].filter(({ inboundSpi }) => mirror.has(inboundSpi));
  expect([client.children.size, server.children.size]).toEqual([shared.length, shared.length]);
  return shared.map(({ config }) => config.name).sort();
}

describe('an old IKE SA whose DELETE finds no answer (RFC 7296 §1.4.1, §2.8.3)', () => {
  it('leaves no Child SA behind when it is given up after the end of the session that took its place', () => {
    const pair = openPair();
    pair.wire = (flight) =>
      isOf(flight, 'server', ExchangeType.INFORMATIONAL, 'response') ? [] : [{ flight }];
    reauthenticate(pair);
    pair.drive(2_000);
    pair.server.command({ kind: 'close', sessionId: sessionOf(pair.server) });
    pair.drive(600_000);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([0, 0]);
    expect(pair.client.seen('child-closed')).toHaveLength(1);
  });
});

describe('a Child SA that its user closes while the peer moves it (RFC 7296 §1.4.1, §2.8.3, §2.25.1)', () => {
  it('is not asked for again by the peer, which was put off, once that has the DELETE', () => {
    const pair = openPair();
    create(pair.client, 'net-2');
    pair.drive(1_000);
    const [, second] = pair.server.seen('child-opened');
    let deletes = 0;
    pair.wire = (flight) => {
      if (!isOf(flight, 'server', ExchangeType.INFORMATIONAL, 'request')) return [{ flight }];
      deletes += 1;
      return deletes === 1 ? [] : [{ flight }];
    };
    const sessionId = sessionOf(pair.server);
    const childId = second?.childId ?? 0;
    pair.server.command({ kind: 'close-child', sessionId, childId, reason: 'as asked' });
    reauthenticate(pair);
    pair.drive(60_000);
    expect(pair.client.story).toContain('received CREATE_CHILD_SA response: N(TEMPORARY_FAILURE)');
    expect(names(pair)).toEqual(['net-1']);
    for (const host of [pair.client, pair.server]) {
      expect(host.seen('child-opened').map(({ name }) => name)).toEqual(['net-1', 'net-2']);
    }
  });
});

describe('Child SAs that are asked for while a session is reauthenticated (RFC 7296 §2.8.3)', () => {
  it('are all made when both sides ask for one of the same name, and the request of one is late', () => {
    const pair = openPair();
    pair.wire = (flight) => {
      const isLate = isOf(flight, 'server', ExchangeType.CREATE_CHILD_SA, 'request');
      return [{ flight, delayMs: isLate ? 1_000 : 0 }];
    };
    create(pair.server, 'net-2');
    create(pair.client, 'net-2');
    reauthenticate(pair);
    pair.drive(60_000);
    expect(names(pair)).toEqual(['net-1', 'net-2', 'net-2']);
  });

  it('are not made twice when the answer is lost, and receive what the peer sends on them at once', () => {
    const pair = openPair();
    let answers = 0;
    pair.wire = (flight) => {
      if (!isOf(flight, 'client', ExchangeType.CREATE_CHILD_SA, 'response')) return [{ flight }];
      answers += 1;
      return answers === 1 ? [] : [{ flight }];
    };
    create(pair.server, 'net-2');
    pair.drive(15);
    reauthenticate(pair);
    // The DELETE of the old IKE SA comes before the first retransmission would: it is answered after what is asked for.
    pair.drive(1_000);
    expect(answers).toBe(2);
    expect(pair.server.seen('child-opened').map(({ name }) => name)).toEqual(['net-1', 'net-2']);
    pair.drive(60_000);
    expect(names(pair)).toEqual(['net-1', 'net-2']);
    expect(pair.server.seen('child-closed')).toHaveLength(0);
  });

  it('are not made twice when the peer moves late what it had made, and whoever asked has ended the old IKE SA meanwhile', () => {
    const pair = openPair();
    // No answer to the client, until it has given the old IKE SA up; the server sleeps meanwhile.
    create(pair.client, 'net-2');
    pair.wire = (flight) => (flight.from === 'server' ? [] : [{ flight }]);
    pair.drive(15);
    expect(pair.server.seen('child-opened')).toHaveLength(2);
    pair.wire = (flight) => {
      const isAnswer = isOf(flight, 'server', ExchangeType.CREATE_CHILD_SA, 'response');
      return isAnswer ? [] : [{ flight }];
    };
    pair.server.command({ kind: 'reauthenticate', sessionId: sessionOf(pair.server) });
    while (pair.client.seen('session-reauthenticated').length === 0) pair.drive(1);
    pair.sleepOf('server', 170_000);
    pair.wire = (flight) => [{ flight }];
    pair.drive(300_000);
    expect(names(pair)).toEqual(['net-1', 'net-2']);
  });

  it('are made before the old IKE SA ends, also where its end was slept through: the peer sends on them already', () => {
    const pair = openPair();
    const { server, client } = pair;
    let isHeld = true;
    pair.wire = (flight) => {
      const isAnswer = isOf(flight, 'client', ExchangeType.CREATE_CHILD_SA, 'response');
      return isHeld && isAnswer ? [] : [{ flight }];
    };
    create(server, 'net-2');
    pair.drive(15);
    const [{ inboundSpi: usedSpi } = { inboundSpi: 0 }] = [...client.children.values()].slice(-1);
    reauthenticate(pair);
    pair.drive(300);
    expect(server.story).toContain('received INFORMATIONAL request: D');
    pair.sleepOf('server', 60_000);
    isHeld = false;
    const installed: number[] = [];
    server.onInstall = ({ outboundSpi }) => installed.push(outboundSpi);
    pair.drive(60_000);
    expect(installed).toEqual([usedSpi]);
    expect(names(pair)).toEqual(['net-1', 'net-2']);
  });

  it('are used when the peer has put them off on the old IKE SA, also where it has asked for one of the name itself meanwhile', () => {
    const pair = openPair();
    const { client, server } = pair;
    const heldUntil = pair.now + 1_000;
    pair.wire = (flight) => {
      const isLost = isOf(flight, 'server', ExchangeType.CREATE_CHILD_SA, 'request');
      return isLost && pair.now < heldUntil ? [] : [{ flight }];
    };
    create(server, 'net-2');
    reauthenticate(pair);
    while (client.seen('session-reauthenticated').length === 0 && pair.now < heldUntil) {
      pair.drive(1);
    }
    create(client, 'net-2');
    pair.drive(60_000);
    expect(names(pair)).toEqual(['net-1', 'net-2', 'net-2']);
    const installed = server.steps.filter(({ what }) => what.startsWith('install'));
    const unused = installed.filter(({ what }) => what.includes('inbound only')).length;
    const ids = [...server.children.keys()].filter((id) => !server.activations.includes(id));
    // The peer's own is used with the answer to it, and so is the one that takes the place of the first; ours at once.
    expect([unused, ids]).toEqual([2, [4]]);
    expect(installed.at(-1)?.what).toBe('install 4');
  });

  it('stand beside what is moved: a wish of the responder takes the place of nothing', () => {
    const pair = openPair();
    pair.wire = (flight) => {
      const isLate = isOf(flight, 'server', ExchangeType.CREATE_CHILD_SA, 'request');
      return [{ flight, delayMs: isLate ? 45 : 0 }];
    };
    create(pair.client, 'net-2');
    pair.drive(1_000);
    reauthenticate(pair);
    pair.drive(41);
    create(pair.server, 'net-2');
    pair.drive(60_000);
    expect(names(pair)).toEqual(['net-1', 'net-2', 'net-2']);
    for (const host of [pair.client, pair.server]) {
      expect(host.seen('child-opened')).toHaveLength(3);
      expect(host.seen('child-rekeyed')).toHaveLength(2);
    }
  });
});

describe('a Child SA that the peer deletes and moves all the same (RFC 7296 §1.4.1, §2.8.3)', () => {
  it('is opened anew once by closeAction = start, when the peer deletes in turn what it had moved', () => {
    const pair = openPair({ closeAction: 'start' });
    const { client, server } = pair;
    client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(100);
    // The request that moves it comes late, behind the DELETE, the answer to which is lost.
    const heldUntil = pair.now + 3_500;
    pair.wire = (flight) => {
      const isMove = isOf(flight, 'server', ExchangeType.IKE_AUTH, 'request');
      const isAnswer = isOf(flight, 'client', ExchangeType.INFORMATIONAL, 'response');
      const isWish = isOf(flight, 'client', ExchangeType.CREATE_CHILD_SA, 'request');
      return pair.now < heldUntil && (isMove || isAnswer || isWish) ? [] : [{ flight }];
    };
    const sessionId = sessionOf(server);
    server.command({ kind: 'reauthenticate', sessionId });
    pair.drive(100);
    server.command({ kind: 'close-child', sessionId, childId: 1, reason: 'as asked' });
    pair.drive(3_000);
    expect(client.story.at(-1)).toMatch(/^sent CREATE_CHILD_SA request/);
    pair.drive(60_000);
    expect(client.seen('child-closed')).toHaveLength(2);
    expect(names(pair)).toEqual(['net-1']);
  });

  it('does not come back by the late answer to a rekey of what was moved', () => {
    const pair = openPair();
    const { client, server } = pair;
    const [first] = pair.flights;
    const heldUntil = pair.now + 3_000;
    // On the old IKE SA the answer to the rekey is late; the DELETE comes behind that of what it was moved to, its answer is lost.
    pair.wire = (flight) => {
      const isOld = ikeSaOf(flight) === ikeSaOf(first);
      const isDelete = isOf(flight, 'server', ExchangeType.INFORMATIONAL, 'request');
      const isLost =
        isOf(flight, 'server', ExchangeType.CREATE_CHILD_SA, 'response') ||
        isOf(flight, 'client', ExchangeType.INFORMATIONAL, 'response');
      if (isOld && isLost && pair.now < heldUntil) return [];
      return [{ flight, delayMs: isOld && isDelete ? 500 : 0 }];
    };
    client.command({ kind: 'rekey-child', sessionId: 1, childId: 1 });
    pair.drive(15);
    reauthenticate(pair);
    pair.drive(25);
    const sessionId = sessionOf(server);
    server.command({ kind: 'close-child', sessionId, childId: 1, reason: 'as asked' });
    pair.drive(60_000);
    expect(client.seen('child-closed')).toHaveLength(1);
    expect(client.seen('child-opened')).toHaveLength(1);
    expect(names(pair)).toEqual([]);
  });
});

describe('Child SAs that a reauthentication moves (RFC 7296 §2.8.3)', () => {
  it('go when they are closed meanwhile under the id that their user knows', () => {
    const pair = openPair();
    create(pair.client, 'net-2');
    pair.drive(1_000);
    const [, second] = pair.client.seen('child-opened');
    reauthenticate(pair);
    pair.wire = (flight) => {
      const isLate = isOf(flight, 'server', ExchangeType.CREATE_CHILD_SA, 'response');
      return [{ flight, delayMs: isLate ? 500 : 0 }];
    };
    pair.drive(300);
    const childId = second?.childId ?? 0;
    expect(pair.client.seen('child-rekeyed').map(({ oldChildId }) => oldChildId)).toEqual([1]);
    pair.client.command({ kind: 'close-child', sessionId: 1, childId, reason: 'as asked' });
    pair.drive(60_000);
    expect(names(pair)).toEqual(['net-1']);
    expect(pair.client.seen('child-closed').map(({ name }) => name)).toEqual(['net-2']);
    expect(pair.server.seen('child-closed').map(({ name }) => name)).toEqual(['net-2']);
  });

  it('move later when the peer puts them off, and the old IKE SA waits for that (RFC 7296 §2.25)', () => {
    const pair = openPair();
    create(pair.client, 'net-2');
    pair.drive(1_000);
    reauthenticate(pair);
    pair.drive(45);
    pair.server.installRefusal = 'no memory';
    pair.drive(400);
    pair.server.installRefusal = undefined;
    pair.drive(60_000);
    expect(names(pair)).toEqual(['net-1', 'net-2']);
    expect(pair.client.seen('child-closed')).toHaveLength(0);
    expect(pair.client.seen('child-rekeyed')).toHaveLength(2);
  });

  it('receive for five seconds though their own DELETE has no answer when the old IKE SA ends (RFC 7296 §2.8)', () => {
    const pair = openPair();
    let isHeld = true;
    // The answer to the DELETE of what the rekey has replaced is lost; that of the old IKE SA comes from the other side.
    pair.wire = (flight) => {
      const isLost = isHeld && isOf(flight, 'client', ExchangeType.INFORMATIONAL, 'response');
      return isLost ? [] : [{ flight }];
    };
    const { server } = pair;
    server.command({ kind: 'rekey-child', sessionId: FIRST_RESPONDER_SESSION_ID, childId: 1 });
    pair.drive(100);
    expect(server.children.has(1)).toBe(true);
    reauthenticate(pair);
    pair.drive(1_000);
    isHeld = false;
    expect(server.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.client.steps.some(({ what }) => what === 'received INFORMATIONAL response')).toBe(
      true,
    );
    expect([...server.children.keys()]).toEqual([1, 2, 3]);
    pair.drive(RETIRED_CHILD_MS + 1_000);
    expect([...server.children.keys()]).toEqual([3]);
  });
});

describe('a rekey on the old IKE SA that ends behind a reauthentication (RFC 7296 §2.8.1, §2.8.3)', () => {
  it('is told under the one name that its user knows, and leaves one Child SA, whichever of both sides has the lowest nonce', () => {
    for (let seed = 0; seed < 8; seed += 1) {
      for (const apartMs of [0, 15, 25, 35]) {
        const pair = openPair({}, `behind/${seed}`);
        const { client, server } = pair;
        pair.wire = (flight) => {
          const isLate = isOf(flight, 'client', ExchangeType.CREATE_CHILD_SA, 'response');
          return [{ flight, delayMs: isLate ? 60 : 0 }];
        };
        reauthenticate(pair);
        pair.drive(apartMs);
        client.command({ kind: 'rekey-child', sessionId: 1, childId: 1 });
        server.command({ kind: 'rekey-child', sessionId: FIRST_RESPONDER_SESSION_ID, childId: 1 });
        pair.drive(60_000);
        expect([seed, apartMs, names(pair)]).toEqual([seed, apartMs, ['net-1']]);
        for (const host of [client, server]) {
          expect(host.seen('child-opened')).toHaveLength(1);
          expect(host.seen('child-closed')).toHaveLength(0);
          const told = host.seen('child-rekeyed');
          // Each begins with the one that the event before it ended with.
          expect(told.map(({ oldChildId }) => oldChildId)).toEqual([
            1,
            ...told.slice(0, -1).map(({ newChildId }) => newChildId),
          ]);
          expect([...host.children.keys()]).toEqual([told.at(-1)?.newChildId]);
        }
      }
    }
  });
});
