import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { child, Pair, type PairOptions } from '../pair.ts';

const HOUR_MS = 3_600_000;
const OPTIONS: PairOptions = {
  client: {
    makeBeforeBreak: true,
    dpdAction: 'start',
    dpdDelayMs: 30_000,
    dpdTimeoutMs: 20_000,
    reauthMs: 4 * HOUR_MS,
    children: [child({ rekeyMs: HOUR_MS, hardLifetimeMs: HOUR_MS * 1.1 })],
  },
  server: { dpdDelayMs: 60_000, dpdTimeoutMs: 60_000 },
  clientSettings: { keepAliveForced: true, keepaliveDpdMarginMs: 20_000 },
};

describe('a wake after a long sleep', () => {
  for (const [name, ms] of [
    ['minutes', 5 * 60_000],
    ['an hour, past the soft lifetime of the child', 1.05 * HOUR_MS],
    ['two hours, past its hard one', 2 * HOUR_MS],
    ['five hours, past that of the IKE SA', 5 * HOUR_MS],
    ['three days', 72 * HOUR_MS],
  ] as const) {
    it(`is followed by a working session, without help: ${name}`, () => {
      const pair = new Pair(OPTIONS).open();
      pair.sleepClient(ms);
      pair.drive(120_000);
      expect(pair.client.children.size).toBe(1);
      expect(pair.server.children.size).toBe(1);
      const [client] = pair.client.children.values();
      const [server] = pair.server.children.values();
      expect(client?.inboundSpi).toBe(server?.outboundSpi);
      expect(pair.client.seen('session-closed')).toHaveLength(0);
    });

    it(`runs each deadline once and is no busy loop: ${name}`, () => {
      const pair = new Pair(OPTIONS).open();
      const before = pair.flights.length;
      pair.sleepClient(ms);
      pair.client.handle({ kind: 'timeout', now: pair.now });
      const sent = pair.flights.length - before;
      expect(pair.client.handle({ kind: 'timeout', now: pair.now })).toEqual([]);
      expect(sent).toBeLessThan(12);
      const next = pair.client.machine.nextDeadline();
      expect(next && next.at > pair.now).toBe(true);
    });
  }

  it('asks for the path first, then replaces, and asks about life only by what it does', () => {
    const pair = new Pair({
      ...OPTIONS,
      client: { ...OPTIONS.client, reauthMs: 0, rekeyMs: 2 * HOUR_MS },
      server: {},
    }).open();
    pair.sleepClient(2.05 * HOUR_MS);
    const from = pair.now;
    pair.drive(1_000);
    const sent = pair.client.stepsSince(from).filter((what) => what.startsWith('sent'));
    // The check of the path, the IKE SA, the DELETE of the old one; then its child.
    expect(sent.slice(0, 3)).toEqual([
      'sent INFORMATIONAL request',
      'sent CREATE_CHILD_SA request',
      'sent INFORMATIONAL request',
    ]);
    expect(pair.client.seen('session-rekeyed')).toHaveLength(1);
    expect(pair.client.seen('child-rekeyed')).toHaveLength(1);
    expect(pair.client.seen('child-closed')).toHaveLength(0);
  });

  it('does not end by a hard lifetime what its soft one replaces at the same wake', () => {
    const pair = new Pair({ ...OPTIONS, server: {} }).open();
    pair.sleepClient(4.6 * HOUR_MS);
    pair.drive(30_000);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.client.seen('session-interrupted')).toHaveLength(0);
    expect(pair.client.seen('child-closed')).toHaveLength(0);
  });

  it('asks for another Child SA when the peer ends the one of the same age before it is replaced', () => {
    const server = { children: [child({ hardLifetimeMs: HOUR_MS * 1.1 })] };
    const client = { makeBeforeBreak: true, children: OPTIONS.client?.children ?? [] };
    const pair = new Pair({ client, server }).open();
    pair.sleepClient(1.11 * HOUR_MS);
    // The first copies of the request to replace it are lost, and what the server has long been asking comes first.
    pair.wire = (flight) => {
      const isRekey = flight.from === 'client' && flight.data[18] === ExchangeType.CREATE_CHILD_SA;
      return isRekey && pair.client.seen('child-closed').length === 0 ? [] : [{ flight }];
    };
    pair.drive(120_000);
    expect(pair.client.seen('child-closed').map(({ reason }) => reason)).toEqual([
      'the peer deleted it',
    ]);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
    expect(pair.client.seen('session-interrupted')).toHaveLength(0);
  });

  it('ends the IKE SA when no reauthentication comes through in time, and goes on trying', () => {
    const pair = new Pair(OPTIONS).open();
    pair.wire = (flight) =>
      flight.data.subarray(8, 16).every((byte) => byte === 0) ? [] : [{ flight }];
    pair.drive(4.5 * HOUR_MS);
    expect(pair.client.seen('reauthentication-failed').length).toBeGreaterThan(2);
    expect(pair.client.seen('session-interrupted')[0]?.failure.code).toBe('lifetime-over');
    pair.wire = (flight) => [{ flight }];
    pair.drive(HOUR_MS);
    expect(pair.client.children.size).toBe(1);
    expect(pair.server.children.size).toBe(1);
  });
});
