import type { VpnEvent } from '@ipsec-kit/vpn';
import { describe, expect, it } from 'vitest';
import { narrate } from '../src/narrate.ts';

const message: Extract<VpnEvent, { kind: 'message' }> = {
  kind: 'message',
  sessionId: 1,
  direction: 'sent',
  exchange: 'INFORMATIONAL',
  messageId: 3,
  isResponse: true,
  bytes: 80,
  local: '192.0.2.1:4500',
  remote: '192.0.2.2:4500',
  payloads: '',
  retransmission: false,
  fragments: 1,
};

describe('a message as a line', () => {
  it('names its payloads, and says so when there are none', () => {
    const line = '-> INFORMATIONAL response 3 to 192.0.2.2:4500 (80 bytes)';
    expect(narrate({ ...message, payloads: 'D' })).toBe(`${line}: D`);
    expect(narrate(message)).toBe(`${line}: (empty)`);
  });

  it('does not call an answer empty that is repeated, and whose payloads are not known any more', () => {
    const again = '-> INFORMATIONAL response 3 to 192.0.2.2:4500 (80 bytes, again)';
    expect(narrate({ ...message, retransmission: true })).toBe(again);
  });
});

describe('what happens to the path as a line', () => {
  const sessionId = 1;
  const lines: readonly [VpnEvent, string][] = [
    [{ kind: 'slept', sleptMs: 6_200 }, 'this process did not run for 7 s'],
    [
      { kind: 'liveness-check-started', sessionId, reason: 'slept', natDetection: true },
      'asking whether the peer lives and where it sees this host (slept)',
    ],
    [
      {
        kind: 'addresses-updated',
        sessionId,
        from: '192.0.2.7:1',
        to: '198.51.100.7:1',
        remoteFrom: '203.0.113.1:4500',
        remoteTo: '203.0.113.1:4500',
        roundTripMs: 9,
      },
      'path confirmed: this host moved from 192.0.2.7:1 to 198.51.100.7:1, the peer stays at 203.0.113.1:4500, 9.0 ms',
    ],
    [
      {
        kind: 'addresses-updated',
        sessionId,
        from: '192.0.2.7:1',
        to: '192.0.2.7:1',
        remoteFrom: '203.0.113.1:4500',
        remoteTo: '203.0.113.2:4500',
        roundTripMs: 9,
      },
      'path confirmed: this host stays at 192.0.2.7:1, the peer moved from 203.0.113.1:4500 to 203.0.113.2:4500, 9.0 ms',
    ],
    [
      {
        kind: 'peer-path-changed',
        sessionId,
        from: '203.0.113.1:4500',
        to: '203.0.113.1:4500',
        localFrom: '192.0.2.7:1',
        localTo: '198.51.100.7:1',
      },
      'path changed: this host moved from 192.0.2.7:1 to 198.51.100.7:1, the peer stays at 203.0.113.1:4500',
    ],
    [
      {
        kind: 'binding-discovered',
        sessionId,
        keepaliveMs: 103_000,
        lifetimeMs: 120_000,
        probes: 7,
      },
      'the NAT keeps a mapping for 120 s; a keepalive each 103 s from now on (7 probes)',
    ],
    [
      { kind: 'binding-discovered', sessionId, keepaliveMs: 20_000, probes: 1 },
      'a keepalive each 20 s from now on (1 probes)',
    ],
    [{ kind: 'path-lost', sessionId }, 'no path to the peer is left to try'],
  ];
  it.each(lines)('tells $kind', (event, line) => {
    expect(narrate(event)).toBe(line);
  });
});
