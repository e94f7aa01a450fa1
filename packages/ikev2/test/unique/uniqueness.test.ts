import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import type { ConnectionConfig } from '../../src/index.ts';
import { SEPARATION_PATIENCE_MS } from '../../src/reauth/hand-over-timer.ts';
import { CLIENT_500, CLIENT_4500, Pair, SERVER_500, SERVER_4500 } from '../pair.ts';

const IDENTITIES = {
  client: { remoteIdentity: { kind: 'any' } as const },
  server: { remoteIdentity: { kind: 'any' } as const },
};

/** A pair whose server judges the client's second session by a policy; the first one has stood for an hour. */
function second(unique: ConnectionConfig['unique'], sendInitialContact = false): Pair {
  const pair = new Pair({
    client: { ...IDENTITIES.client, sendInitialContact },
    server: { ...IDENTITIES.server, ...(unique ? { unique } : {}) },
  }).open();
  pair.drive(3_600_000);
  pair.client.command({
    kind: 'initiate',
    sessionId: 2,
    connection: 'home',
    path: { local: { ...CLIENT_4500, port: 4501 }, remote: SERVER_4500 },
    marker: true,
  });
  return pair.drive(100_000);
}

describe('uniqueness (RFC 7296 §2.4)', () => {
  it('no: leaves both', () => {
    const pair = second('no');
    expect(pair.client.seen('session-opened')).toHaveLength(2);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
    expect(pair.server.children.size).toBe(2);
  });

  it('is no where nothing is configured', () => {
    expect(second(undefined).server.children.size).toBe(2);
  });

  it('replace: ends the older one with DELETE', () => {
    const pair = second('replace');
    expect(pair.server.children.size).toBe(1);
    expect(pair.client.children.size).toBe(1);
    expect(pair.server.seen('session-closed').map(({ failure }) => failure.code)).toEqual([
      'replaced',
    ]);
    expect(pair.client.seen('session-closed').map(({ sessionId }) => sessionId)).toEqual([1]);
  });

  it('keep: refuses the newer one', () => {
    const pair = second('keep');
    expect(pair.client.seen('session-closed')).toMatchObject([
      { sessionId: 2, failure: { code: 'authentication-failed' } },
    ]);
    expect(pair.server.children.size).toBe(1);
    expect(pair.client.children.size).toBe(1);
  });

  it('no: leaves two over the same path and for the same traffic too, when neither is deleted', () => {
    const pair = new Pair({ client: { sendInitialContact: false } }).open();
    pair.initiate(2);
    pair.drive(59_000);
    pair.client.command({ kind: 'check-liveness', sessionId: 2 });
    pair.drive(SEPARATION_PATIENCE_MS);
    for (const host of [pair.client, pair.server]) {
      expect(host.seen('session-opened')).toHaveLength(2);
      expect(host.seen('session-closed')).toHaveLength(0);
      expect(host.children.size).toBe(2);
    }
    const ids = pair.server.seen('session-opened').map(({ sessionId }) => sessionId);
    for (const sessionId of ids) pair.server.command({ kind: 'close', sessionId });
    pair.drive(1_000);
    expect(pair.client.children.size).toBe(0);
    expect(pair.server.seen('session-closed').map(({ sessionId }) => sessionId)).toEqual(ids);
    expect(pair.server.seen('child-closed')).toHaveLength(2);
  });

  for (const unique of ['keep', 'replace', 'no'] as const) {
    it(`${unique}: a reauthentication is not a second session`, () => {
      const pair = new Pair({ client: { makeBeforeBreak: true }, server: { unique } }).open();
      pair.drive(60_000);
      pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
      pair.drive(20_000);
      expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
      expect(pair.server.seen('session-closed')).toHaveLength(0);
      expect(pair.server.children.size).toBe(1);
    });
  }
});

describe('INITIAL_CONTACT (RFC 7296 §2.4)', () => {
  /** The client has restarted: its endpoint knows nothing of the first session. */
  function restart(unique: 'never' | 'no' | 'keep' | 'replace'): Pair {
    const pair = new Pair({ server: { unique } }).open();
    pair.drive(60_000);
    pair.restartClient();
    return pair.open().drive(20_000);
  }

  for (const unique of ['no', 'keep', 'replace'] as const) {
    it(`${unique}: ends the sessions that the peer has forgotten, without DELETE`, () => {
      const pair = restart(unique);
      expect(pair.server.seen('session-closed').map(({ failure }) => failure.code)).toEqual([
        'replaced',
      ]);
      expect(pair.server.children.size).toBe(1);
      expect(pair.server.story.filter((line) => line.startsWith('sent INFORMATIONAL'))).toEqual([]);
    });
  }

  it('never: heeds not even that', () => {
    expect(restart('never').server.children.size).toBe(2);
  });
});

describe('both ends initiating at once (RFC 7296 §2.8.1)', () => {
  function both(options: {
    readonly seed: string;
    readonly laterMs?: number;
    readonly unique: 'no' | 'keep' | 'replace';
    readonly lost?: number;
  }): Pair {
    const { seed, unique } = options;
    const pair = new Pair({ seed, client: { unique }, server: { unique } });
    pair.wire = (flight) => (flight.index === options.lost ? [] : [{ flight }]);
    pair.initiate(1);
    pair.drive(options.laterMs ?? 0);
    return openFromServer(pair).drive(200_000);
  }

  function openFromServer(pair: Pair): Pair {
    pair.server.command({
      kind: 'initiate',
      sessionId: 1,
      connection: 'home',
      path: { local: SERVER_500, remote: CLIENT_500 },
      marker: false,
      floatTo: { local: SERVER_4500, remote: CLIENT_4500 },
    });
    return pair;
  }

  for (const unique of ['no', 'keep', 'replace'] as const) {
    it(`leaves one IKE SA, the same on both ends, under the policy ${unique}`, () => {
      const kept = new Set<string>();
      for (let seed = 0; seed < 12; seed += 1) {
        for (const laterMs of [0, 5, 12, 21, 33]) {
          const pair = both({ seed: `both/${seed}`, laterMs, unique });
          const spis = [pair.client, pair.server].map((host) =>
            [...host.children.values()].map((installed) => installed.inboundSpi),
          );
          expect([seed, laterMs, spis.map((list) => list.length)]).toEqual([seed, laterMs, [1, 1]]);
          const [client] = pair.client.children.values();
          const [server] = pair.server.children.values();
          expect(client?.inboundSpi).toBe(server?.outboundSpi);
          kept.add(client?.sessionId === 1 ? 'client' : 'server');
        }
      }
      expect([...kept].sort()).toEqual(['client', 'server']);
    });
  }

  it('leaves one soon where the peer deletes neither, and its first request arrives when ours stands', () => {
    for (let seed = 0; seed < 8; seed += 1) {
      const client = { unique: 'never', sendInitialContact: false } as const;
      const pair = openFromServer(new Pair({ seed: `${seed}`, client })).drive(2_000);
      pair.initiate(1);
      expect(pair.drive(20_000).server.children.size).toBe(1);
    }
  });

  it('leaves one under the loss of any single datagram', () => {
    for (let lost = 0; lost < 14; lost += 1) {
      for (let seed = 0; seed < 4; seed += 1) {
        const pair = both({ seed: `lost/${seed}`, unique: 'replace', lost });
        const sizes = [pair.client.children.size, pair.server.children.size];
        expect([lost, seed, sizes]).toEqual([lost, seed, [1, 1]]);
      }
    }
  });
});

describe('both ends initiating at once, and each wanting what is deleted again (RFC 7296 §2.8.1)', () => {
  it('leave one session where the DELETE of the redundant one overtakes the answer for the one that is kept', () => {
    for (let seed = 0; seed < 8; seed += 1) {
      const side = { closeAction: 'start', keyingTries: 0 } as const;
      const pair = new Pair({ client: side, server: side, seed: `overtaken/${seed}` });
      pair.wire = (flight) => {
        const isAnswer =
          flight.data[18] === ExchangeType.IKE_AUTH && ((flight.data[19] ?? 0) & 0x20) !== 0;
        return [{ flight, delayMs: isAnswer && flight.from === 'server' ? 100 : 0 }];
      };
      pair.initiate();
      pair.server.command({
        kind: 'initiate',
        sessionId: 1,
        connection: 'home',
        path: { local: SERVER_500, remote: CLIENT_500 },
        marker: false,
        floatTo: { local: SERVER_4500, remote: CLIENT_4500 },
      });
      pair.drive(400_000);
      for (const { children, events } of [pair.client, pair.server]) {
        expect([seed, children.size]).toEqual([seed, 1]);
        expect(events.filter(({ kind }) => kind === 'session-interrupted')).toEqual([]);
      }
    }
  });
});

describe('peers that come twice while nothing is installed yet (RFC 7296 §2.4)', () => {
  /** Two sessions of one peer, from two addresses, each step of which takes the server a while. */
  function twice(
    unique: 'never' | 'no' | 'keep' | 'replace',
    sendInitialContact: boolean,
    laterMs: number,
  ): Pair {
    const pair = new Pair({
      answerDelayMs: 40,
      client: { sendInitialContact },
      server: { unique },
      serverSettings: { cookieThresholdPerAddress: 0 },
    });
    pair.initiate(1);
    pair.drive(laterMs);
    pair.client.command({
      kind: 'initiate',
      sessionId: 2,
      connection: 'home',
      path: { local: { ...CLIENT_4500, port: 4501 }, remote: SERVER_4500 },
      marker: true,
    });
    return pair.drive(200_000);
  }

  for (const sendInitialContact of [false, true]) {
    for (const unique of ['keep', 'replace'] as const) {
      it(`${unique} leaves one${sendInitialContact ? ', with INITIAL_CONTACT' : ''}`, () => {
        for (let laterMs = 0; laterMs <= 240; laterMs += 5) {
          const pair = twice(unique, sendInitialContact, laterMs);
          const sizes = [pair.client.children.size, pair.server.children.size];
          expect([laterMs, sizes]).toEqual([laterMs, [1, 1]]);
          const [client] = pair.client.children.values();
          const [server] = pair.server.children.values();
          expect(client?.inboundSpi).toBe(server?.outboundSpi);
        }
      });
    }
  }

  for (const unique of ['no', 'keep', 'replace'] as const) {
    it(`${unique}: INITIAL_CONTACT ends what the peer has forgotten, whatever that waits for`, () => {
      for (let laterMs = 0; laterMs <= 400; laterMs += 5) {
        const pair = new Pair({
          answerDelayMs: 40,
          server: { unique },
          serverSettings: { cookieThresholdPerAddress: 0 },
        });
        pair.initiate();
        pair.drive(laterMs);
        pair.restartClient();
        pair.initiate();
        pair.drive(100_000);
        const sizes = [pair.client.children.size, pair.server.children.size];
        expect([laterMs, sizes]).toEqual([laterMs, [1, 1]]);
      }
    });
  }

  it('says nothing of INITIAL_CONTACT while another IKE_AUTH is under way', () => {
    const pair = new Pair({ answerDelayMs: 40, server: { unique: 'no' } });
    pair.initiate(1);
    pair.initiate(2);
    pair.drive(10_000);
    const told = pair.client.story.filter((line) => line.includes('INITIAL_CONTACT'));
    expect(told).toHaveLength(1);
    expect(pair.server.children.size).toBe(2);
  });

  it('never and no leave both', () => {
    for (let laterMs = 0; laterMs <= 240; laterMs += 60) {
      expect(twice('no', false, laterMs).server.children.size).toBe(2);
      expect(twice('never', true, laterMs).server.children.size).toBe(2);
    }
  });
});

describe('a peer that starts anew just after we had called it (RFC 7296 §2.4)', () => {
  for (const unique of ['no', 'keep', 'replace'] as const) {
    it(`${unique}: what it opens stays, and what it has forgotten goes`, () => {
      for (let seed = 0; seed < 8; seed += 1) {
        const pair = new Pair({ seed: `anew/${seed}`, client: { unique }, server: { unique } });
        pair.open().drive(5_000);
        pair.restartServer(`anew/${seed}/2`);
        pair.server.command({
          kind: 'initiate',
          sessionId: 1,
          connection: 'home',
          path: { local: SERVER_500, remote: CLIENT_500 },
          marker: false,
          floatTo: { local: SERVER_4500, remote: CLIENT_4500 },
        });
        pair.drive(400_000);
        const sizes = [pair.client.children.size, pair.server.children.size];
        expect([seed, sizes]).toEqual([seed, [1, 1]]);
        expect(pair.server.seen('session-closed')).toEqual([]);
      }
    });
  }
});
