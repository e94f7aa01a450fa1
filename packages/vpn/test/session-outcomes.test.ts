import { describe, expect, it } from 'vitest';
import { expectIkeRekey } from '../src/session-outcomes.ts';

describe('the outcome of a rekey of the IKE SA', () => {
  it('is a reauthentication too, which comes in its place when the peer begins one at the same time', () => {
    const expectation = expectIkeRekey(1);
    const spis = { initiator: 1n, responder: 2n };
    const event = { kind: 'session-reauthenticated', by: 'peer', spis } as const;
    expect(expectation({ ...event, sessionId: 2 })).toBeUndefined();
    expect(expectation({ ...event, sessionId: 1 })).toMatchObject({ ok: true });
  });
});
