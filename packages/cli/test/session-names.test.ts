import type { VpnEvent } from '@ipsec-kit/vpn';
import { describe, expect, it } from 'vitest';
import { SessionNames } from '../src/session-names.ts';

function opened(sessionId: number, remoteIdentity: string): VpnEvent {
  return {
    kind: 'session-opened',
    sessionId,
    connection: 'rw',
    localIdentity: 'server',
    remoteIdentity,
    local: '192.0.2.1:4500',
    remote: '192.0.2.2:4500',
    virtualAddresses: [],
    peerAddresses: [],
    initiatorSpi: '0000000000000001',
    responderSpi: '0000000000000002',
  };
}

function rekeyed(sessionId: number): VpnEvent {
  const spis = { initiatorSpi: '00', responderSpi: '01' };
  return { kind: 'session-rekeyed', sessionId, by: 'peer', ...spis };
}

function closed(sessionId: number): VpnEvent {
  return { kind: 'session-closed', sessionId, code: 'peer-deleted', sentence: 'It is gone.' };
}

describe('a line about one of many sessions', () => {
  it('names its peer, and its number where another has the same peer', () => {
    const names = new SessionNames();
    for (const [id, peer] of [
      [1, 'anna'],
      [2, 'bert'],
      [3, 'bert'],
    ] as const) {
      expect(names.nameFor(opened(id, peer))).toBeUndefined();
    }
    expect(names.nameFor(rekeyed(1))).toBe('anna');
    expect(names.nameFor(rekeyed(2))).toBe('bert (session 2)');
    expect(names.nameFor(closed(3))).toBe('bert (session 3)');
    expect(names.nameFor(rekeyed(2))).toBe('bert');
  });

  it('forgets a session that is closed, and knows none that was never opened', () => {
    const names = new SessionNames();
    names.nameFor(opened(1, 'anna'));
    names.nameFor(opened(1, 'anna'));
    expect(names.nameFor(closed(1))).toBe('anna');
    expect(names.nameFor(rekeyed(1))).toBeUndefined();
    expect(names.nameFor(closed(9))).toBeUndefined();
  });
});
