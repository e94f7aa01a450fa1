import { describe, expect, it } from 'vitest';
import type { ConnectionConfig } from '../../src/index.ts';
import { child, Pair, selector } from '../pair.ts';

const CHILDREN = [1, 2, 3].map((n) => {
  const both = [selector(`10.${n}.0.0/16`)];
  return child({ name: `net-${n}`, localSelectors: both, remoteSelectors: both });
});

function openAll(client: Partial<ConnectionConfig>): Pair {
  const pair = new Pair({
    client: { children: CHILDREN, ...client },
    server: { children: CHILDREN },
  }).open();
  for (const name of ['net-2', 'net-3']) {
    pair.client.command({ kind: 'create-child', sessionId: 1, child: name });
  }
  return pair.drive(1_000);
}

function namesOf(pair: Pair): string[] {
  return [...pair.client.children.values()].map(({ config }) => config.name).sort();
}

describe('a session of several children that is opened anew', () => {
  for (const childless of ['allow', 'force'] as const) {
    it(`has all of them again after a reauthentication that breaks first, childless ${childless} (RFC 7296 §2.8.3)`, () => {
      const pair = openAll({ childless });
      pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
      pair.drive(10_000);
      expect(pair.client.seen('session-interrupted')).toHaveLength(1);
      expect(namesOf(pair)).toEqual(['net-1', 'net-2', 'net-3']);
      expect(pair.server.children.size).toBe(3);
    });
  }

  it('has all of them again when the peer was away for a while', () => {
    const pair = openAll({ dpdAction: 'start', dpdDelayMs: 30_000, dpdTimeoutMs: 20_000 });
    const { wire } = pair;
    pair.wire = () => [];
    pair.drive(300_000);
    expect(namesOf(pair)).toEqual([]);
    pair.wire = wire;
    pair.drive(300_000);
    expect(namesOf(pair)).toEqual(['net-1', 'net-2', 'net-3']);
  });

  it('forgets what was closed before', () => {
    const pair = openAll({});
    const [second] = [...pair.client.children.values()].slice(1);
    pair.client.command({
      kind: 'close-child',
      sessionId: 1,
      childId: second?.childId ?? 0,
      reason: 'done',
    });
    pair.drive(1_000);
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(10_000);
    expect(namesOf(pair)).toEqual(['net-1', 'net-3']);
  });
});

describe('a session whose traffic shall open it again', () => {
  it('says so of each child that goes with it', () => {
    const pair = openAll({ dpdAction: 'trap', dpdDelayMs: 30_000, dpdTimeoutMs: 20_000 });
    pair.wire = () => [];
    pair.drive(60_000);
    const closed = pair.client.seen('child-closed');
    expect(closed.map(({ name, action }) => [name, action])).toEqual(
      ['net-1', 'net-2', 'net-3'].map((name) => [name, 'trap']),
    );
  });
});
