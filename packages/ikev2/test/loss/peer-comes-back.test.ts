import { parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { Pair, type PairOptions } from '../pair.ts';

const ours: PairOptions = { client: { peerReopensMs: 10_000 } };
const sessionId = FIRST_RESPONDER_SESSION_ID;

function told({ client }: Pair): string[] {
  return client.events
    .filter(({ kind }) => /^session-(opened|interrupted|closed)$/.test(kind))
    .map(({ kind }) => kind);
}

describe('a peer that deletes the IKE SA of a client that is to wait for it (RFC 7296 §2.8.3)', () => {
  it('and opens another, as one that breaks before it makes: it goes on as the session', () => {
    const pair = new Pair(ours).open().drive(40_000);
    pair.server.command({ kind: 'reauthenticate', sessionId });
    pair.drive(5_000);
    expect(told(pair)).toEqual(['session-opened', 'session-interrupted', 'session-opened']);
    expect(pair.client.seen('session-interrupted')).toMatchObject([
      { sessionId: 1, by: 'peer', failure: { code: 'peer-deleted' }, retryInMs: 10_000 },
    ]);
    expect(pair.client.seen('session-opened').map(({ sessionId }) => sessionId)).toEqual([1, 1]);
    pair.drive(60_000);
    expect(told(pair)).toHaveLength(3);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
  });

  it('does so again and again, whoever was the initiator of the one before', () => {
    const pair = new Pair(ours).open().drive(40_000);
    for (let round = 0; round < 4; round += 1) {
      const id = pair.server.seen('session-opened').at(-1)?.sessionId ?? 0;
      pair.server.command({ kind: 'reauthenticate', sessionId: id });
      pair.drive(20_000);
      expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
    }
    expect(pair.client.seen('session-opened').map(({ sessionId }) => sessionId)).toEqual([
      1, 1, 1, 1, 1,
    ]);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
  });

  it('and opens none: the session ends for the reason that it was lost for, when the time is over', () => {
    const pair = new Pair(ours).open();
    pair.server.command({ kind: 'close', sessionId });
    pair.drive(9_000);
    expect(told(pair)).toEqual(['session-opened', 'session-interrupted']);
    expect(pair.client.children.size).toBe(0);
    pair.drive(2_000);
    expect(told(pair)).toEqual(['session-opened', 'session-interrupted', 'session-closed']);
    expect(pair.client.closeCode).toBe('peer-deleted');
    expect(pair.client.story.filter((line) => line.startsWith('sent IKE_SA_INIT'))).toHaveLength(1);
    pair.drive(300_000);
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });

  it('and the user closes it meanwhile: it ends as asked', () => {
    const pair = new Pair(ours).open();
    pair.server.command({ kind: 'close', sessionId });
    pair.drive(1_000);
    pair.client.command({ kind: 'close', sessionId: 1 });
    expect(pair.client.closeCode).toBe('closed-by-user');
  });

  it('which has given it an address, and so cannot open one: it ends at once', () => {
    const prefix = parsePrefix('10.0.0.0/24');
    if (!prefix) throw new Error('no prefix');
    const pair = new Pair({
      client: { ...ours.client, virtualAddresses: [{ version: 4, bytes: new Uint8Array(4) }] },
      server: { pools: ['p'] },
      pools: [{ name: 'p', addresses: { kind: 'prefix', prefix }, dns: [] }],
    }).open();
    pair.server.command({ kind: 'close', sessionId });
    pair.drive(1_000);
    expect(told(pair)).toEqual(['session-opened', 'session-closed']);
  });
});
