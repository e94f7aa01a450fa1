import { describe, expect, it } from 'vitest';
import { child, Pair, selector } from '../pair.ts';

describe('reauthentication, break before make (RFC 7296 §2.8.3)', () => {
  it('deletes the old IKE SA first, and opens the session anew under its id', () => {
    const pair = new Pair().open();
    const from = pair.now;
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(5_000);
    expect(pair.client.stepsSince(from)).toEqual([
      'sent INFORMATIONAL request',
      'received INFORMATIONAL response',
      'remove 1',
      'sent IKE_SA_INIT request',
      'received IKE_SA_INIT response',
      'reserve',
      'sent IKE_AUTH request',
      'received IKE_AUTH response',
      'install 2',
    ]);
    expect(pair.client.seen('session-interrupted')).toMatchObject([
      { sessionId: 1, failure: { code: 'reauthenticating' }, retryInMs: 0 },
    ]);
    expect(pair.client.seen('session-opened').map(({ sessionId }) => sessionId)).toEqual([1, 1]);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
    expect(pair.server.children.size).toBe(1);
  });

  it('asks for what was asked for before, when that is still waiting for another answer', () => {
    const other = [selector('10.2.0.0/16')];
    const both = {
      children: [child(), child({ name: 'other', localSelectors: other, remoteSelectors: other })],
    };
    const pair = new Pair({ client: both, server: both }).open();
    const { client, wire } = pair;
    pair.wire = () => [];
    client.command({ kind: 'check-liveness', sessionId: 1 });
    client.command({ kind: 'create-child', sessionId: 1, child: 'other' });
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(100);
    pair.wire = wire;
    pair.drive(30_000);
    for (const { children } of [client, pair.server]) {
      const names = [...children.values()].map(({ config }) => config.name);
      expect(names.sort()).toEqual(['net', 'other']);
    }
    expect(client.seen('session-opened')).toHaveLength(2);
  });

  it('goes on by time, each after the other', () => {
    const pair = new Pair({ client: { reauthMs: 300_000 } }).open();
    pair.drive(300_000 * 4 - 10_000);
    expect(pair.client.seen('session-opened')).toHaveLength(4);
    expect(pair.client.children.size).toBe(1);
  });

  it('opens anew at once each time, however soon the next one is wanted', () => {
    const pair = new Pair().open();
    for (let round = 0; round < 5; round += 1) {
      pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
      pair.drive(5_000);
    }
    const pauses = pair.client.seen('session-interrupted').map(({ retryInMs }) => retryInMs);
    expect(pauses).toEqual([0, 0, 0, 0, 0]);
    expect(pair.client.children.size).toBe(1);
  });

  it('opens anew whenever it meets a reauthentication of the peer that makes before it breaks', () => {
    const left: unknown[] = [];
    for (let delayMs = 0; delayMs <= 300; delayMs += 10) {
      const pair = new Pair({ server: { makeBeforeBreak: true } }).open().drive(40_000);
      pair.server.command({ kind: 'reauthenticate', sessionId: 1_000_000 });
      pair.drive(delayMs);
      pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
      pair.drive(90_000);
      const isClosed = pair.client.seen('session-closed').some(({ sessionId }) => sessionId === 1);
      left.push([isClosed, pair.client.children.size, pair.server.children.size]);
    }
    expect(left).toEqual(left.map(() => [false, 1, 1]));
  });

  it('keeps trying when the peer is away', () => {
    const pair = new Pair().open();
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.wire = () => [];
    pair.drive(400_000);
    expect(pair.client.seen('session-interrupted').length).toBeGreaterThan(1);
    pair.wire = (flight) => [{ flight }];
    pair.drive(200_000);
    expect(pair.client.children.size).toBe(1);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
  });
});
