import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, type Flight, type Host, Pair, selector } from '../pair.ts';

const sessionId = FIRST_RESPONDER_SESSION_ID;
const CHILDREN = ['a', 'b'].map((name, index) => {
  const both = [selector(`10.${index}.0.0/16`)];
  return child({ name, localSelectors: both, remoteSelectors: both });
});
const OPTIONS = { children: CHILDREN, makeBeforeBreak: true };

function names({ children }: Host): string[] {
  return [...children.values()].map(({ config }) => config.name);
}

function exchangeOf({ data }: Flight): number | undefined {
  return data[18];
}

function closeAll(host: Host, ofSession: number): void {
  for (const childId of [...host.children.keys()]) {
    host.command({ kind: 'close-child', sessionId: ofSession, childId, reason: 'asked' });
  }
}

describe('a reauthentication that meets the creation of a Child SA (RFC 7296 §1.3.1, §2.8.3)', () => {
  it('moves in IKE_AUTH what the peer has asked for and has no answer to: it is not asked for again', () => {
    const pair = new Pair({ client: OPTIONS, server: OPTIONS }).open();
    const { client, server } = pair;
    closeAll(client, 1);
    pair.drive(1_000);
    // The first answers to the server's request get lost.
    const answersAt = pair.now + 1_000;
    pair.wire = (flight) => {
      const isAnswer =
        flight.from === 'client' && exchangeOf(flight) === ExchangeType.CREATE_CHILD_SA;
      return isAnswer && pair.now < answersAt ? [] : [{ flight }];
    };
    server.command({ kind: 'create-child', sessionId, child: 'b' });
    pair.drive(100);
    expect([names(client), names(server)]).toEqual([['b'], []]);
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(60_000);
    expect([names(client), names(server)]).toEqual([['b'], ['b']]);
    expect(server.seen('session-reauthenticated')).toHaveLength(1);
    expect(server.seen('child-opened').filter(({ name }) => name === 'b')).toHaveLength(1);
    expect(server.seen('child-failed')).toHaveLength(0);
  });

  it('moves what the peer has asked for and has no answer to: when another replaces that IKE SA in turn, and the first ends in silence, it is not asked for again', () => {
    const pair = new Pair({ client: OPTIONS, server: OPTIONS }).open();
    const { server } = pair;
    // Neither the answer to the server's request comes, nor the DELETE of the IKE SA that it was asked for under.
    pair.wire = (flight) => {
      const isCreation = exchangeOf(flight) === ExchangeType.CREATE_CHILD_SA;
      const isDelete = exchangeOf(flight) === ExchangeType.INFORMATIONAL;
      const isAnswer = ((flight.data[19] ?? 0) & 0x20) !== 0;
      const isLost = flight.from === 'client' && ((isCreation && isAnswer) || isDelete);
      return isLost ? [] : [{ flight }];
    };
    server.command({ kind: 'create-child', sessionId, child: 'b' });
    pair.drive(100);
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(61_000);
    pair.wire = (flight) => [{ flight }];
    pair.restartClient();
    server.command({ kind: 'reauthenticate', sessionId });
    pair.drive(300_000);
    expect(server.seen('session-reauthenticated').map(({ by }) => by)).toEqual(['peer', 'local']);
    expect([names(pair.client), names(server)]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect(server.seen('child-opened').map(({ name }) => name)).toEqual(['a', 'b']);
  });
});

describe('a reauthentication whose session the peer closes meanwhile (RFC 7296 §1.4.1, §2.8.3)', () => {
  /** The client opens both, and asks for the second in IKE_AUTH as the first has been closed; then its IKE SA goes. */
  function goesOnAlone(closesAt: 'before IKE_AUTH' | 'after IKE_AUTH'): Pair {
    const pair = new Pair({ client: OPTIONS, server: OPTIONS }).open();
    const { client, server } = pair;
    client.command({ kind: 'create-child', sessionId: 1, child: 'b' });
    pair.drive(1_000);
    // Nothing of the new IKE SA arrives before the DELETE of the old one.
    pair.wire = (flight) => {
      const isInit = exchangeOf(flight) === ExchangeType.IKE_SA_INIT;
      const isAuth = exchangeOf(flight) === ExchangeType.IKE_AUTH;
      return [{ flight, delayMs: isInit || isAuth ? 100 : 0 }];
    };
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    client.command({ kind: 'close-child', sessionId: 1, childId: 1, reason: 'asked' });
    if (closesAt === 'after IKE_AUTH') {
      const isAsked = (): boolean => client.story.at(-1)?.startsWith('sent IKE_AUTH') === true;
      while (!isAsked()) pair.drive(1);
    } else pair.drive(50);
    server.command({ kind: 'close', sessionId });
    return pair.drive(60_000);
  }

  for (const closesAt of ['before IKE_AUTH', 'after IKE_AUTH'] as const) {
    it(`goes on alone with what nobody has closed, each once, when that comes ${closesAt}`, () => {
      const { client, server } = goesOnAlone(closesAt);
      expect(client.seen('session-interrupted')).toHaveLength(1);
      expect([names(client), names(server)]).toEqual([['b'], ['b']]);
    });
  }
});

describe('a Child SA that is closed and wished for again around a reauthentication (RFC 7296 §2.8.3, §2.25.1)', () => {
  function open(): Pair {
    return new Pair({ client: OPTIONS, server: OPTIONS }).open();
  }

  it('is made anew when the peer closes what IKE_AUTH moves', () => {
    const pair = open();
    const { client, server } = pair;
    // Whatever waits on the old IKE SA waits for long.
    pair.wire = (flight) => {
      const isCreation = exchangeOf(flight) === ExchangeType.CREATE_CHILD_SA;
      return [{ flight, delayMs: isCreation && flight.from === 'client' ? 1_000 : 0 }];
    };
    client.command({ kind: 'rekey-ike', sessionId: 1 });
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    while (!client.story.at(-1)?.startsWith('sent IKE_AUTH')) pair.drive(1);
    server.command({ kind: 'close-child', sessionId, childId: 1, reason: 'asked' });
    while (client.seen('child-closed').length === 0) pair.drive(1);
    client.command({ kind: 'create-child', sessionId: 1, child: 'a' });
    pair.drive(60_000);
    expect([names(client), names(server)]).toEqual([['a'], ['a']]);
  });

  it('is made anew when the peer has no answer yet to its DELETE of the one before', () => {
    const pair = open();
    const { client, server } = pair;
    // The answers to that get lost for a while.
    const answersAt = pair.now + 6_000;
    pair.wire = (flight) => {
      const isInformational = exchangeOf(flight) === ExchangeType.INFORMATIONAL;
      const isLost = isInformational && flight.from === 'client' && pair.now < answersAt;
      return isLost ? [] : [{ flight }];
    };
    server.command({ kind: 'close-child', sessionId, childId: 1, reason: 'asked' });
    pair.drive(100);
    expect([names(client), names(server)]).toEqual([[], ['a']]);
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    client.command({ kind: 'create-child', sessionId: 1, child: 'b' });
    pair.drive(60);
    client.command({ kind: 'create-child', sessionId: 1, child: 'a' });
    pair.drive(60_000);
    expect([names(client).sort(), names(server).sort()]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });
});

describe('a reauthentication that its initiator gives up while the responder sleeps (RFC 7296 §2.4, §2.8.3)', () => {
  it('goes on with the old IKE SA at both ends, and is not taken for two', () => {
    const pair = new Pair({ client: OPTIONS, server: OPTIONS }).open();
    const { client, server } = pair;
    client.command({ kind: 'create-child', sessionId: 1, child: 'b' });
    pair.drive(40_000);
    // The new IKE SA carries a request of its initiator, whose answer is lost.
    pair.wire = (flight) => {
      const isCreation = exchangeOf(flight) === ExchangeType.CREATE_CHILD_SA;
      return isCreation && flight.from === 'server' ? [] : [{ flight }];
    };
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    while (server.children.size < 4) pair.drive(1);
    pair.sleepOf('server', 3_600_000);
    expect(client.seen('reauthentication-failed')).toHaveLength(1);
    pair.wire = (flight) => [{ flight }];
    pair.drive(900_000);
    for (const host of [client, server]) {
      expect(host.seen('session-opened')).toHaveLength(1);
      expect(host.seen('session-closed')).toHaveLength(0);
      expect(names(host).sort()).toEqual(['a', 'b']);
    }
  });
});
