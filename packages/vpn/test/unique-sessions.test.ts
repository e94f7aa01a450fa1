import type { SessionEvent } from '@ipsec-kit/ikev2';
import { parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { createUniquePolicy, type UniqueMode } from '../src/unique-sessions.ts';

const address = parseAddress('192.0.2.1');
if (!address) throw new Error('a test value cannot be parsed');
const path = { local: { address, port: 4500 }, remote: { address, port: 4500 } };

const opened = (sessionId: number, name: string): SessionEvent => ({
  kind: 'session-opened',
  sessionId,
  connection: 'office',
  localIdentity: { idType: 2, data: new Uint8Array() },
  remoteIdentity: { idType: 2, data: new TextEncoder().encode(name) },
  path,
  virtualAddresses: [],
  peerAddresses: [],
});
const closed = (sessionId: number): SessionEvent => ({
  kind: 'session-closed',
  sessionId,
  connection: 'office',
  failure: { code: 'peer-deleted', sentence: '' },
});

/** The sessions that are to be closed after each event. */
function play(mode: UniqueMode, events: SessionEvent[]): (readonly number[])[] {
  const policy = createUniquePolicy(() => mode);
  return events.map((event) => policy.note(event));
}

describe('uniqueness of sessions', () => {
  const twice = [opened(1, 'anna'), opened(2, 'bert'), opened(3, 'anna')];

  it('ends the older session of the same identity with "replace"', () => {
    expect(play('replace', twice)).toEqual([[], [], [1]]);
  });

  it('ends the new session with "keep"', () => {
    expect(play('keep', twice)).toEqual([[], [], [3]]);
  });

  it('ends none with "no" and "never"', () => {
    expect(play('no', twice)).toEqual([[], [], []]);
    expect(play('never', twice)).toEqual([[], [], []]);
  });

  it('forgets a session that is closed', () => {
    expect(play('replace', [opened(1, 'anna'), closed(1), opened(2, 'anna')])).toEqual([
      [],
      [],
      [],
    ]);
  });
});
