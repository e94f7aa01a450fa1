import { describe, expect, it } from 'vitest';
import { Pair } from '../pair.ts';

/** Sizes of the datagrams that a rekey of the IKE SA takes from the client, with their IP and UDP headers and the marker. */
function packetSizes(pair: Pair): number[] {
  const sessionId = pair.client.seen('session-opened')[0]?.sessionId ?? -1;
  const before = pair.flights.length;
  pair.client.command({ kind: 'rekey-ike', sessionId });
  pair.drive(20_000);
  return pair.flights
    .slice(before)
    .filter(({ from }) => from === 'client')
    .map(({ data }) => data.length + 20 + 8 + 4);
}

describe('what the path carries (RFC 7383 §2.5.1)', () => {
  it('is what IKE messages are split by where that is less than configured', () => {
    const pair = new Pair({ clientSettings: { fragmentBytes: 1280 } }).open();
    const sessionId = pair.client.seen('session-opened')[0]?.sessionId ?? -1;
    const whole = packetSizes(pair);
    expect(Math.max(...whole)).toBeGreaterThan(230);
    pair.client.command({ kind: 'path-mtu', sessionId, bytes: 220 });
    const split = packetSizes(pair);
    expect(Math.max(...split)).toBeLessThanOrEqual(220);
    expect(split.length).toBeGreaterThan(whole.length);
    expect(pair.client.seen('session-rekeyed')).toHaveLength(2);
  });

  it('changes nothing where it is more, and nothing for a session that has ended', () => {
    const pair = new Pair({ clientSettings: { fragmentBytes: 220 } }).open();
    const sessionId = pair.client.seen('session-opened')[0]?.sessionId ?? -1;
    pair.client.command({ kind: 'path-mtu', sessionId, bytes: 1500 });
    pair.client.command({ kind: 'path-mtu', sessionId: sessionId + 1, bytes: 100 });
    expect(Math.max(...packetSizes(pair))).toBeLessThanOrEqual(220);
  });
});
