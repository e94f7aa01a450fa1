import { addMs } from '@ipsec-kit/clock';
import { ExchangeType, encodeMessage, NotifyType, notify } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import type { ConnectionConfig } from '../../src/index.ts';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { CLIENT_4500, child, Pair, SERVER_500, SERVER_4500 } from '../pair.ts';

function dead(client: Partial<ConnectionConfig>): Pair {
  const pair = new Pair({ client: { dpdDelayMs: 30_000, dpdTimeoutMs: 20_000, ...client } }).open();
  pair.wire = () => [];
  return pair;
}

describe('liveness (RFC 7296 §2.4)', () => {
  it('finds a dead peer within dpdDelayMs and dpdTimeoutMs', () => {
    const pair = dead({});
    pair.drive(49_000);
    expect(pair.client.closeCode).toBeUndefined();
    pair.drive(4_500);
    expect(pair.client.closeCode).toBe('peer-dead');
  });

  it('counts anew when ESP came after the request', () => {
    const pair = dead({});
    pair.drive(40_000);
    const children = [{ childId: 1, packetsOut: 0, lastInboundAt: pair.now }];
    pair.client.handle({ kind: 'traffic', now: pair.now, children });
    pair.drive(19_000);
    expect(pair.client.closeCode).toBeUndefined();
    pair.drive(2_000);
    expect(pair.client.closeCode).toBe('peer-dead');
  });

  it('waits as long as the retransmissions where no timeout is set', () => {
    const pair = new Pair({ client: { dpdDelayMs: 30_000 } }).open();
    pair.wire = () => [];
    pair.drive(190_000);
    expect(pair.client.closeCode).toBeUndefined();
    pair.drive(10_000);
    expect(pair.client.closeCode).toBe('peer-dead');
  });
});

describe('a peer that is dead, by dpdAction', () => {
  it('none: the session ends', () => {
    const pair = dead({ dpdAction: 'none' }).drive(60_000);
    expect(pair.client.seen('session-closed')[0]).not.toHaveProperty('action');
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });

  it('trap: the session ends and says that traffic shall open it', () => {
    const pair = dead({ dpdAction: 'trap' }).drive(60_000);
    expect(pair.client.seen('session-closed')[0]).toMatchObject({ action: 'trap' });
  });

  it('start: opens the session anew under its id, at once and then after growing pauses', () => {
    const pair = dead({ dpdAction: 'start' }).drive(60_000);
    expect(pair.client.seen('child-closed')).toHaveLength(1);
    expect(pair.client.children.size).toBe(0);
    expect(pair.client.seen('session-interrupted')).toMatchObject([
      { sessionId: 1, failure: { code: 'peer-dead' }, retryInMs: 0 },
    ]);
    pair.drive(2_000_000);
    const pauses = pair.client.seen('session-interrupted').map(({ retryInMs }) => retryInMs);
    expect(pauses.slice(0, 6)).toEqual([0, 2_000, 4_000, 8_000, 16_000, 32_000]);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
    pair.wire = (flight) => [{ flight }];
    pair.drive(600_000);
    expect(pair.client.seen('session-opened').map(({ sessionId }) => sessionId)).toEqual([1, 1]);
    expect(pair.client.children.size).toBe(1);
    expect(pair.client.children.values().next().value?.sessionId).toBe(1);
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.drive(1_000);
    expect(pair.client.closeCode).toBe('closed-by-user');
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });

  it('start: stops when the user closes the session between two attempts', () => {
    const pair = dead({ dpdAction: 'start' }).drive(600_000);
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.drive(1_000);
    expect(pair.client.closeCode).toBe('closed-by-user');
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });
});

describe('an IKE SA that the peer deletes, by closeAction (RFC 7296 §1.4.1)', () => {
  for (const [closeAction, opened] of [
    ['none', 1],
    ['trap', 1],
    ['start', 2],
  ] as const) {
    it(`${closeAction}: opens ${opened} time(s) in all`, () => {
      const pair = new Pair({ client: { closeAction } }).open();
      pair.server.command({ kind: 'close', sessionId: FIRST_RESPONDER_SESSION_ID });
      pair.drive(5_000);
      expect(pair.client.seen('session-opened')).toHaveLength(opened);
      expect(pair.client.children.size).toBe(opened - 1);
      expect(pair.client.seen('session-closed').map(({ action }) => action)).toEqual(
        { none: [undefined], trap: ['trap'], start: [] }[closeAction],
      );
    });
  }
});

describe('an IKE SA that its responder ends because its time is over, by its closeAction (RFC 7296 §2.8)', () => {
  for (const [closeAction, opened] of [
    ['none', 1],
    ['trap', 1],
    ['start', 2],
  ] as const) {
    it(`${closeAction}: is opened ${opened} time(s) in all`, () => {
      const pair = new Pair({
        client: { makeBeforeBreak: true },
        server: { reauthMs: 60_000, overMs: 6_000, closeAction },
      }).open();
      // The client cannot call any more, so it does not reauthenticate either.
      pair.wire = (flight) => {
        const isInit = flight.data[18] === ExchangeType.IKE_SA_INIT;
        const isRequest = ((flight.data[19] ?? 0) & 0x20) === 0;
        return isInit && isRequest && flight.from === 'client' ? [] : [{ flight }];
      };
      pair.drive(90_000);
      expect(pair.server.seen('session-opened')).toHaveLength(opened);
      expect(pair.server.children.size).toBe(opened - 1);
      expect(pair.server.seen('session-closed')).toMatchObject(
        {
          none: [{ failure: { code: 'lifetime-over' } }],
          trap: [{ failure: { code: 'lifetime-over' }, action: 'trap' }],
          start: [],
        }[closeAction],
      );
    });
  }
});

describe('a Child SA at its hard end with no replacement, by closeAction', () => {
  const children = [child({ hardLifetimeMs: 60_000 })];
  const creations = ({ client }: Pair): number =>
    client.story.findIndex((line) => line.startsWith('sent CREATE_CHILD_SA request'));

  it('none: it ends', () => {
    const pair = new Pair({ client: { children } }).open().drive(70_000);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([0, 0]);
    expect(pair.client.seen('child-closed')[0]).not.toHaveProperty('action');
  });

  it('trap: it ends and says that traffic shall open it', () => {
    const pair = new Pair({ client: { children, closeAction: 'trap' } }).open().drive(70_000);
    expect(pair.client.children.size).toBe(0);
    expect(pair.client.seen('child-closed')).toMatchObject([{ action: 'trap' }]);
  });

  it('start: another stands before it is deleted', () => {
    const pair = new Pair({ client: { children, closeAction: 'start' } }).open().drive(70_000);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
    const { story } = pair.client;
    expect(creations(pair)).toBeGreaterThan(0);
    expect(story.indexOf('sent INFORMATIONAL request: D')).toBeGreaterThan(creations(pair) + 1);
    const kinds = pair.client.events.map(({ kind }) => kind);
    expect(kinds.lastIndexOf('child-opened')).toBeLessThan(kinds.indexOf('child-closed'));
  });

  it('start: so it is at the responder', () => {
    const pair = new Pair({ server: { children, closeAction: 'start' } }).open().drive(70_000);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
    expect(pair.server.seen('child-opened')).toHaveLength(2);
  });
});

describe('unprotected hints (RFC 7296 §2.21.4)', () => {
  it('INVALID_IKE_SPI asks once in a while whether the peer is there, and changes no SA', () => {
    const pair = new Pair().open();
    const forgetful = pair.server;
    pair.restartServer();
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.drive(3_000);
    // The new process answers what it does not know in the clear; the session stays until the request is given up.
    expect(pair.client.seen('message-rejected').length).toBeGreaterThan(0);
    expect(pair.client.closeCode).toBeUndefined();
    expect(pair.client.children.size).toBe(1);
    expect(forgetful.children.size).toBe(1);
    pair.drive(170_000);
    expect(pair.client.closeCode).toBe('peer-dead');
  });
});

describe('closing with pending work (RFC 7296 §1.4.1)', () => {
  const options = { client: { makeBeforeBreak: true } };
  const count = (pair: Pair): number => pair.client.children.size + pair.server.children.size;

  it('leaves no SA at the peer at whatever moment of a reauthentication it comes', () => {
    for (let afterMs = 0; afterMs <= 90; afterMs += 5) {
      for (const lost of [-1, 0, 1, 2]) {
        const pair = new Pair(options).open();
        pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
        pair.drive(afterMs);
        const from = pair.flights.length;
        pair.wire = (flight) => (flight.index === from + lost ? [] : [{ flight }]);
        pair.client.command({ kind: 'close', sessionId: 1 });
        pair.drive(40_000);
        expect([afterMs, lost, count(pair)]).toEqual([afterMs, lost, 0]);
        expect(pair.client.seen('session-closed').map(({ sessionId }) => sessionId)).toEqual([1]);
        expect(pair.client.closeCode).toBe('closed-by-user');
        expect(pair.server.seen('session-closed').length).toBeGreaterThan(0);
        expect(pair.client.seen('session-interrupted')).toHaveLength(0);
        expect(pair.client.machine.nextDeadline()).toBeUndefined();
      }
    }
  });

  it('says session-closed only when the last IKE SA is gone', () => {
    const pair = new Pair(options).open();
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(25);
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.drive(5_000);
    const last = pair.client.events.at(-1);
    expect(last).toMatchObject({ kind: 'session-closed', sessionId: 1 });
  });

  it('tells the peer at once, past a request that is out, when it may not wait', () => {
    const pair = new Pair(options).open();
    pair.client.command({ kind: 'rekey-child', sessionId: 1, childId: 1 });
    pair.drive(15);
    pair.client.command({ kind: 'close', sessionId: 1, giveUpAt: pair.now });
    pair.drive(1);
    expect(pair.client.closeCode).toBe('closed-by-user');
    pair.drive(20_000);
    expect(count(pair)).toBe(0);
    expect(pair.server.closeCode).toBe('peer-deleted');
  });

  it('ends at giveUpAt, all of it, when nothing is answered', () => {
    const pair = new Pair(options).open();
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(25);
    pair.wire = () => [];
    pair.client.command({ kind: 'close', sessionId: 1, giveUpAt: addMs(pair.now, 3_000) });
    pair.drive(3_100);
    expect(pair.client.closeCode).toBe('closed-by-user');
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });
});

describe('a Child SA that the peer deletes, by closeAction (RFC 7296 §1.4.1)', () => {
  function deleted(closeAction: 'none' | 'trap' | 'start'): Pair {
    const pair = new Pair({ client: { closeAction } }).open();
    const sessionId = FIRST_RESPONDER_SESSION_ID;
    pair.server.command({ kind: 'close-child', sessionId, childId: 1, reason: 'maintenance' });
    return pair.drive(10_000);
  }

  it('none: is gone', () => {
    const pair = deleted('none');
    expect(pair.client.children.size).toBe(0);
    expect(pair.client.seen('child-closed')[0]).not.toHaveProperty('action');
  });

  it('trap: says that traffic shall open it', () => {
    expect(deleted('trap').client.seen('child-closed')[0]).toMatchObject({ action: 'trap' });
  });

  it('start: is asked for again, not faster than every other second', () => {
    const pair = deleted('start');
    expect(pair.client.seen('child-opened')).toHaveLength(2);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
    const opened = pair.client.steps.filter(({ what }) => what.startsWith('install'));
    const [first, second] = opened.map(({ at }) => at);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(2_000);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
  });

  it('start: is not asked for again when its user closed it', () => {
    const pair = new Pair({ client: { closeAction: 'start' } }).open();
    pair.client.command({ kind: 'close-child', sessionId: 1, childId: 1, reason: 'enough' });
    pair.drive(10_000);
    expect(pair.client.seen('child-opened')).toHaveLength(1);
  });
});

describe('INVALID_SPI outside of an IKE SA (RFC 7296 §1.5, §2.21.4)', () => {
  function hint(pair: Pair, spi: number, path = { local: CLIENT_4500, remote: SERVER_4500 }): void {
    const data = new Uint8Array(4);
    new DataView(data.buffer).setUint32(0, spi);
    const message = encodeMessage({
      header: {
        initiatorSpi: 1n,
        responderSpi: 0n,
        majorVersion: 2,
        minorVersion: 0,
        exchangeType: ExchangeType.INFORMATIONAL,
        isInitiator: true,
        isResponse: false,
        higherVersion: false,
        messageId: 0,
      },
      payloads: [notify(NotifyType.INVALID_SPI, data)],
    });
    // No SPIs at all, which the RFC allows here and nowhere else.
    message.fill(0, 0, 8);
    pair.client.handle({ kind: 'datagram', now: pair.now, path, data: message, marker: true });
  }
  const checks = (pair: Pair): number =>
    pair.client.story.filter((line) => line.startsWith('sent INFORMATIONAL request')).length;

  it('asks whether the peer is there, at most twice a minute, and changes no SA', () => {
    const pair = new Pair().open();
    const [installed] = pair.client.children.values();
    for (let second = 0; second < 59; second += 1) {
      hint(pair, installed?.outboundSpi ?? 0);
      pair.drive(1_000);
    }
    expect(checks(pair)).toBe(2);
    expect(pair.client.children.size).toBe(1);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
  });

  it('is no hint about an SPI that we do not use, or from another place', () => {
    const pair = new Pair().open();
    const [installed] = pair.client.children.values();
    hint(pair, installed?.inboundSpi ?? 0);
    hint(pair, installed?.outboundSpi ?? 0, { local: CLIENT_4500, remote: SERVER_500 });
    pair.drive(100);
    expect(checks(pair)).toBe(0);
  });
});
