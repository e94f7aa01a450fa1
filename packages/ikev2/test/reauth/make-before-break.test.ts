import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { parseAddress, parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { RETIRED_CHILD_MS } from '../../src/child/retire-child.ts';
import type { PoolConfig } from '../../src/index.ts';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { SETTLE_MS } from '../../src/reauth/settle-time.ts';
import { Pair, type PairOptions } from '../pair.ts';

const ANY = parseAddress('0.0.0.0');
const PREFIX = parsePrefix('10.9.0.0/24');
if (!ANY || !PREFIX) throw new Error('test addresses');
const POOLS: readonly PoolConfig[] = [
  { name: 'p', addresses: { kind: 'prefix', prefix: PREFIX }, dns: [] },
];
const VIRTUAL: PairOptions = {
  client: { makeBeforeBreak: true, virtualAddresses: [ANY] },
  server: { pools: ['p'] },
  pools: POOLS,
};
const SITE: PairOptions = { client: { makeBeforeBreak: true } };

function reauthenticate(pair: Pair): void {
  pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
}

describe('reauthentication, make before break (RFC 7296 §2.8.3)', () => {
  for (const [name, options] of Object.entries({ 'a virtual address': VIRTUAL, none: SITE })) {
    it(`replaces IKE SA and Child SA inside one session, with ${name}`, () => {
      const pair = new Pair(options).open();
      reauthenticate(pair);
      pair.drive(20_000);
      for (const host of [pair.client, pair.server]) {
        expect(host.seen('session-opened')).toHaveLength(1);
        expect(host.seen('session-closed')).toHaveLength(0);
        expect(host.seen('session-reauthenticated')).toHaveLength(1);
        expect(host.seen('child-opened')).toHaveLength(1);
        expect(host.seen('child-closed')).toHaveLength(0);
        expect(host.seen('child-rekeyed')).toHaveLength(1);
        expect(host.children.size).toBe(1);
        expect(host.seen('ike-sa-keyed')).toHaveLength(2);
      }
      const [client] = pair.client.children.values();
      const [server] = pair.server.children.values();
      expect(client?.inboundSpi).toBe(server?.outboundSpi);
      expect(client?.sessionId).toBe(1);
      expect(server?.sessionId).toBe(FIRST_RESPONDER_SESSION_ID);
    });
  }

  it('keeps the virtual address and the lease', () => {
    const pair = new Pair(VIRTUAL).open();
    const before = [...pair.client.children.values()][0]?.virtualAddresses;
    for (let round = 0; round < 3; round += 1) {
      reauthenticate(pair);
      pair.drive(20_000);
      expect([...pair.client.children.values()][0]?.virtualAddresses).toEqual(before);
      expect(pair.server.pools.status()[0]).toMatchObject({ online: 1, offline: 0 });
    }
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.drive(1_000);
    expect(pair.server.pools.status()[0]).toMatchObject({ online: 0, offline: 1 });
  });

  it('has the initiator reserve, install, delete, and receive on the old SA for 5 s more', () => {
    const pair = new Pair(VIRTUAL).open();
    const from = pair.now;
    reauthenticate(pair);
    pair.drive(20_000);
    expect(pair.client.stepsSince(from)).toEqual([
      'sent IKE_SA_INIT request',
      'received IKE_SA_INIT response',
      'reserve',
      'sent IKE_AUTH request',
      'received IKE_AUTH response',
      'install 2 for 1',
      'sent INFORMATIONAL request',
      'received INFORMATIONAL response',
      'remove 1',
    ]);
    const at = (what: string) => pair.client.steps.find((step) => step.what === what)?.at ?? 0;
    expect(at('remove 1') - at('received INFORMATIONAL response')).toBe(RETIRED_CHILD_MS);
    // What it had just sent on the old one arrives before the DELETE that lets the peer drop it.
    expect(at('sent INFORMATIONAL request') - at('install 2 for 1')).toBe(SETTLE_MS);
  });

  it('has the responder install inbound, answer, and move at the DELETE of the old IKE SA', () => {
    const pair = new Pair(VIRTUAL).open();
    const from = pair.now;
    reauthenticate(pair);
    pair.drive(20_000);
    expect(pair.server.stepsSince(from)).toEqual([
      'received IKE_SA_INIT request',
      'sent IKE_SA_INIT response',
      'received IKE_AUTH request',
      'install 2 for 1, inbound only',
      'sent IKE_AUTH response',
      'received INFORMATIONAL request',
      'activate 2',
      'sent INFORMATIONAL response',
      'remove 1',
    ]);
    // What it had just sent on the old one arrives before the answer that lets the peer drop it.
    const at = (what: string) => pair.server.steps.findLast((step) => step.what === what)?.at ?? 0;
    expect(at('sent INFORMATIONAL response') - at('activate 2')).toBe(SETTLE_MS);
  });

  it('answers the DELETE of the old IKE SA once, and its retransmissions like any other', () => {
    const pair = new Pair(VIRTUAL).open();
    const from = pair.now;
    let answers = 0;
    pair.wire = (flight) => {
      if (flight.data[18] !== ExchangeType.INFORMATIONAL) return [{ flight }];
      // The request comes three times at once, and the first answer is lost.
      if (flight.from === 'client') return [{ flight }, { flight }, { flight }];
      answers += 1;
      return answers === 1 ? [] : [{ flight }];
    };
    reauthenticate(pair);
    pair.drive(20_000);
    const first = pair.server.stepsSince(from).filter((what) => what === 'activate 2');
    expect(first).toHaveLength(1);
    expect(answers).toBeGreaterThan(1);
    for (const host of [pair.client, pair.server]) {
      expect(host.seen('session-closed')).toHaveLength(0);
      expect(host.children.size).toBe(1);
    }
  });

  it('has the responder move at the first packet on the new SA', () => {
    const pair = new Pair(VIRTUAL).open();
    pair.wire = (flight) =>
      pair.server.children.size > 1 && flight.from === 'client' ? [] : [{ flight }];
    reauthenticate(pair);
    pair.drive(1_000);
    expect(pair.server.steps.map(({ what }) => what)).not.toContain('activate 2');
    pair.server.handle({ kind: 'child-first-inbound', now: pair.now, childId: 2 });
    pair.server.handle({ kind: 'child-first-inbound', now: pair.now, childId: 2 });
    const activations = pair.server.steps.filter(({ what }) => what === 'activate 2');
    expect(activations).toHaveLength(1);
  });

  it('sends no INITIAL_CONTACT (RFC 7296 §2.4)', () => {
    const pair = new Pair(VIRTUAL).open();
    reauthenticate(pair);
    pair.drive(1_000);
    const requests = pair.client.story.filter((line) => line.startsWith('sent IKE_AUTH'));
    expect(requests.map((line) => line.includes('INITIAL_CONTACT'))).toEqual([true, false]);
  });

  it('begins by itself when reauthMs is over, again and again', () => {
    const pair = new Pair({ ...VIRTUAL, client: { ...VIRTUAL.client, reauthMs: 600_000 } }).open();
    pair.drive(600_000 * 5 + 10_000);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(5);
    expect(pair.server.children.size).toBe(1);
    expect(pair.client.children.size).toBe(1);
  });

  it('works with a provider that answers later', () => {
    const pair = new Pair({ ...VIRTUAL, answerDelayMs: 7 }).open();
    reauthenticate(pair);
    pair.drive(20_000);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.server.children.size).toBe(1);
  });

  it('survives the loss of any single datagram', () => {
    const count = (() => {
      const pair = new Pair(VIRTUAL).open();
      const before = pair.flights.length;
      reauthenticate(pair);
      pair.drive(20_000);
      return pair.flights.length - before;
    })();
    expect(count).toBe(6);
    for (let lost = 0; lost < count; lost += 1) {
      const pair = new Pair(VIRTUAL).open();
      const first = pair.flights.length;
      pair.wire = (flight) => (flight.index === first + lost ? [] : [{ flight }]);
      reauthenticate(pair);
      pair.drive(40_000);
      for (const host of [pair.client, pair.server]) {
        expect([lost, host.seen('session-reauthenticated').length]).toEqual([lost, 1]);
        expect([lost, host.children.size]).toEqual([lost, 1]);
        expect(host.seen('session-closed')).toHaveLength(0);
        expect(host.seen('child-closed')).toHaveLength(0);
      }
      expect(pair.server.pools.status()[0]).toMatchObject({ online: 1 });
    }
  });
});

describe('a reauthentication that fails (RFC 7296 §2.8.3)', () => {
  it('leaves the old SAs in place and tries again after a growing pause', () => {
    const pair = new Pair(VIRTUAL).open();
    const { wire } = pair;
    // The first exchange of the new IKE SA gets no answer: everything without an SPI of the responder is lost.
    pair.wire = (flight) =>
      flight.data.subarray(8, 16).every((byte) => byte === 0) ? [] : [{ flight }];
    reauthenticate(pair);
    pair.drive(170_000);
    const [failed] = pair.client.seen('reauthentication-failed');
    expect(failed?.failure.code).toBe('peer-unreachable');
    expect(failed?.retryInMs).toBe(10_000);
    expect(pair.client.children.size).toBe(1);
    pair.wire = wire;
    pair.drive(30_000);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
  });

  it('releases the reserved SPI when the peer rejects us', () => {
    const pair = new Pair(VIRTUAL).open();
    pair.server.failAnswers = true;
    const from = pair.now;
    reauthenticate(pair);
    pair.drive(5_000);
    expect(pair.client.seen('reauthentication-failed')[0]?.failure.code).toBe(
      'authentication-failed',
    );
    const steps = pair.client.stepsSince(from);
    expect(steps.filter((what) => what === 'reserve')).toHaveLength(1);
    expect(steps.filter((what) => what === 'release')).toHaveLength(1);
    expect(pair.client.children.size).toBe(1);
    expect(pair.server.children.size).toBe(1);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
  });

  it('sends nothing more on what waits behind, when its Child SA is closed', () => {
    const pair = new Pair(SITE).open();
    // No DELETE of the old IKE SA comes through, nor is it heard of again.
    pair.wire = (flight) =>
      flight.from === 'client' && flight.data[18] === ExchangeType.INFORMATIONAL
        ? []
        : [{ flight }];
    reauthenticate(pair);
    pair.drive(SETTLE_MS + 5_000);
    const [, heir] = [...pair.server.children.keys()];
    expect(pair.client.children.size).toBe(2);
    pair.client.deactivations.length = 0;
    pair.server.command({
      kind: 'close-child',
      sessionId: FIRST_RESPONDER_SESSION_ID,
      childId: heir ?? 0,
      reason: 'as asked',
    });
    pair.drive(100);
    expect(pair.client.seen('child-closed')).toHaveLength(1);
    expect([...pair.client.children.keys()]).toEqual([1]);
    expect(pair.client.deactivations).toEqual([1]);
  });

  it('gives the session back to the old IKE SA when the initiator refuses the new one', () => {
    const pair = new Pair(VIRTUAL).open();
    pair.client.installRefusal = 'no memory';
    reauthenticate(pair);
    // What the client had sent on the new one is received for five seconds.
    pair.drive(7_000);
    for (const host of [pair.client, pair.server]) {
      expect(host.seen('session-closed')).toHaveLength(0);
      expect([...host.children.keys()]).toEqual([1]);
      // The event tells which IKE SA is in use again.
      const [first] = host.seen('ike-sa-keyed');
      expect(host.seen('reauthentication-failed').map(({ spis }) => spis)).toEqual([
        { initiator: first?.initiatorSpi, responder: first?.responderSpi },
      ]);
    }
    pair.client.installRefusal = undefined;
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.server.command({ kind: 'check-liveness', sessionId: FIRST_RESPONDER_SESSION_ID });
    pair.drive(100);
    expect(pair.client.seen('liveness-confirmed')).toHaveLength(1);
    expect(pair.server.seen('liveness-confirmed')).toHaveLength(1);
    reauthenticate(pair);
    pair.drive(15_000);
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(2);
    expect(pair.server.pools.status()[0]).toMatchObject({ online: 1 });
  });
});
