import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, Pair, selector } from '../pair.ts';

const CHILDREN = [1, 2, 3].map((n) =>
  child({
    name: `net-${n}`,
    localSelectors: [selector(`10.${n}.0.0/16`)],
    remoteSelectors: [selector(`10.10${n}.0.0/16`)],
  }),
);
const MIRRORED = CHILDREN.map((config) => ({
  ...config,
  localSelectors: config.remoteSelectors,
  remoteSelectors: config.localSelectors,
}));

function openAll(): Pair {
  const pair = new Pair({
    client: { children: CHILDREN, makeBeforeBreak: true },
    server: { children: MIRRORED, makeBeforeBreak: true },
  }).open();
  for (const name of ['net-2', 'net-3']) {
    pair.client.command({ kind: 'create-child', sessionId: 1, child: name });
  }
  return pair.drive(1_000);
}

describe('reauthentication of several Child SAs (RFC 7296 §2.8.3)', () => {
  it('moves all of them before the old IKE SA is deleted', () => {
    const pair = openAll();
    expect(pair.client.children.size).toBe(3);
    const from = pair.now;
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(20_000);
    expect(pair.client.stepsSince(from)).toEqual([
      'sent IKE_SA_INIT request',
      'received IKE_SA_INIT response',
      'reserve',
      'sent IKE_AUTH request',
      'received IKE_AUTH response',
      'install 4 for 1',
      'reserve',
      'sent CREATE_CHILD_SA request',
      'received CREATE_CHILD_SA response',
      'install 5 for 2',
      'reserve',
      'sent CREATE_CHILD_SA request',
      'received CREATE_CHILD_SA response',
      'install 6 for 3',
      'sent INFORMATIONAL request',
      'received INFORMATIONAL response',
      'remove 1',
      'remove 2',
      'remove 3',
    ]);
    for (const host of [pair.client, pair.server]) {
      expect([...host.children.keys()]).toEqual([4, 5, 6]);
      expect(host.seen('child-closed')).toHaveLength(0);
      expect(host.seen('child-opened')).toHaveLength(3);
      expect(host.seen('child-rekeyed').map(({ oldChildId }) => oldChildId)).toEqual([1, 2, 3]);
    }
  });

  it('moves them all again after one whose IKE SA died while it was moving them', () => {
    const pair = openAll();
    const { client, server } = pair;
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    let isCut = false;
    pair.wire = (flight) => {
      isCut ||= flight.from === 'client' && flight.data[18] === ExchangeType.CREATE_CHILD_SA;
      return isCut ? [] : [{ flight }];
    };
    pair.drive(200_000);
    expect(client.seen('reauthentication-failed').length).toBeGreaterThan(0);
    pair.wire = (flight) => [{ flight }];
    pair.drive(600_000);
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(60_000);
    for (const host of [client, server]) {
      const names = [...host.children.values()].map(({ config }) => config.name).sort();
      expect(names).toEqual(['net-1', 'net-2', 'net-3']);
    }
  });

  it('is known by one that was closed while it was asked for', () => {
    const pair = openAll();
    pair.wire = (flight) => [
      { flight, delayMs: flight.data[18] === ExchangeType.IKE_AUTH ? 1_000 : 0 },
    ];
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(500);
    const sessionId = FIRST_RESPONDER_SESSION_ID;
    pair.server.command({ kind: 'close-child', sessionId, childId: 1, reason: 'maintenance' });
    pair.drive(60_000);
    for (const host of [pair.client, pair.server]) {
      expect(host.seen('session-opened')).toHaveLength(1);
      expect(host.seen('session-reauthenticated')).toHaveLength(1);
      const names = [...host.children.values()].map(({ config }) => config.name);
      expect(names.sort()).toEqual(['net-2', 'net-3']);
    }
  });

  it('closes only the one that the peer does not give again', () => {
    const pair = openAll();
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(45);
    // The new IKE SA and its first Child SA stand; the server takes no more.
    pair.server.installRefusal = 'no memory';
    pair.drive(60_000);
    expect(
      pair.client
        .seen('child-closed')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['net-2', 'net-3']);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
    expect([...pair.client.children.keys()]).toEqual([...pair.server.children.keys()]);
    expect(pair.server.seen('session-closed')).toHaveLength(0);
    pair.server.command({ kind: 'check-liveness', sessionId: FIRST_RESPONDER_SESSION_ID });
    pair.drive(100);
    expect(pair.server.seen('liveness-confirmed')).toHaveLength(1);
  });

  it('carries them through later rekeys and reauthentications', () => {
    const pair = openAll();
    for (let round = 0; round < 3; round += 1) {
      pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
      pair.drive(10_000);
      for (const childId of [...pair.client.children.keys()]) {
        pair.client.command({ kind: 'rekey-child', sessionId: 1, childId });
      }
      pair.drive(20_000);
      pair.server.command({ kind: 'rekey-ike', sessionId: FIRST_RESPONDER_SESSION_ID });
      pair.drive(20_000);
    }
    for (const host of [pair.client, pair.server]) {
      expect(host.children.size).toBe(3);
      expect(host.seen('child-closed')).toHaveLength(0);
      expect(host.seen('session-reauthenticated')).toHaveLength(3);
      expect(host.seen('session-rekeyed')).toHaveLength(3);
    }
  });

  it('asks for what the peer put off until the old IKE SA was gone in that of its next reauthentication', () => {
    const pair = openAll().drive(40_000);
    const { client, server } = pair;
    client.command({ kind: 'reauthenticate', sessionId: 1 });
    while (server.seen('session-reauthenticated').length === 0) pair.drive(1);
    // It refuses all Child SAs while its rekey of the new IKE SA has no answer. RFC 7296 §2.25.2
    pair.wire = (flight) => {
      const isCreation = flight.data[18] === ExchangeType.CREATE_CHILD_SA;
      const isRequest = ((flight.data[19] ?? 0) & 0x20) === 0;
      return isCreation && isRequest && flight.from === 'server' ? [] : [{ flight }];
    };
    server.command({ kind: 'rekey-ike', sessionId: FIRST_RESPONDER_SESSION_ID });
    server.command({ kind: 'reauthenticate', sessionId: FIRST_RESPONDER_SESSION_ID });
    while (client.seen('child-closed').length === 0) pair.drive(10);
    while (server.seen('session-reauthenticated').length === 1) pair.drive(1);
    pair.wire = (flight) => [{ flight }];
    pair.drive(120_000);
    for (const host of [client, server]) {
      const names = [...host.children.values()].map(({ config }) => config.name);
      expect(names.sort()).toEqual(['net-1', 'net-2', 'net-3']);
    }
  });
});
