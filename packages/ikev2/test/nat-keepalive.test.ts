import { describe, expect, it } from 'vitest';
import { Pair } from './pair.ts';

const forced = { keepAliveForced: true };

describe('NAT keepalives (RFC 3948 §4)', () => {
  it('go out after each interval of silence where they are forced, and not where there is no NAT', () => {
    const pair = new Pair({ clientSettings: forced }).open();
    pair.drive(60_000);
    expect(pair.client.keepalives).toHaveLength(3);
    expect(pair.server.keepalives).toHaveLength(0);
  });

  it('are put off by outbound ESP, not by inbound ESP', () => {
    const count = (isOutbound: boolean): number => {
      const pair = new Pair({ clientSettings: forced }).open();
      const childId = [...pair.client.children.keys()][0] ?? 0;
      for (let i = 0; i < 6; i += 1) {
        pair.drive(10_000);
        const outbound = isOutbound ? { lastOutboundAt: pair.now } : {};
        const children = [{ childId, packetsOut: i, lastInboundAt: pair.now, ...outbound }];
        pair.client.handle({ kind: 'traffic', now: pair.now, children });
      }
      return pair.client.keepalives.length;
    };
    expect(count(true)).toBe(0);
    expect(count(false)).toBeGreaterThan(1);
  });

  it('become a liveness check when the device slept past the margin', () => {
    const pair = new Pair({ clientSettings: { ...forced, keepaliveDpdMarginMs: 5_000 } }).open();
    // The clock jumps without a timeout in between, as after a suspend.
    const late = pair.client.machine.nextDeadline();
    pair.now = ((late?.at ?? 0) + 60_000) as typeof pair.now;
    pair.client.handle({ kind: 'timeout', now: pair.now });
    pair.drive(1_000);
    expect(pair.client.keepalives).toHaveLength(0);
    expect(pair.client.seen('liveness-confirmed')).toHaveLength(1);
  });

  it.each(['byte', 'esp', 'dpd'] as const)(
    'of every kind replace no keys, however long nothing else happens: %s',
    (keepaliveKind) => {
      const pair = new Pair({ clientSettings: forced, client: { keepaliveKind } }).open();
      const opened = pair.client.seen('message').length;
      pair.drive(6 * 3_600_000);
      const { keepalives, espKeepalives } = pair.client;
      const checks = pair.client.seen('message').slice(opened);
      const sent = { byte: keepalives, esp: espKeepalives, dpd: checks }[keepaliveKind];
      expect(sent.length).toBeGreaterThanOrEqual(6 * 180 - 1);
      expect(pair.client.seen('child-rekeyed')).toEqual([]);
      expect(pair.client.seen('session-rekeyed')).toEqual([]);
      if (keepaliveKind !== 'dpd') expect(checks).toEqual([]);
    },
  );
});
