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
