import { Ke, TransformType } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';
import type { ChildInstallation, ConfiguredProposal } from '../../src/index.ts';
import { child, ESP_GCM, type Host, Pair } from '../pair.ts';

/** GCM with a key exchange of its own in every CREATE_CHILD_SA. */
function withGroups(...methods: number[]): ConfiguredProposal {
  const groups = methods.map((id) => ({ type: TransformType.KE, id }));
  return { transforms: [...ESP_GCM.transforms, ...groups] };
}

const sides = ['client', 'server'] as const;

function sessionOf(host: Host): number {
  return host.seen('session-opened')[0]?.sessionId ?? -1;
}

function only(host: Host): ChildInstallation {
  const [first] = [...host.children.values()];
  if (!first) throw new Error('no child');
  return first;
}

function rekey(host: Host): void {
  const childId = [...host.children.keys()].at(-1) ?? -1;
  host.command({ kind: 'rekey-child', sessionId: sessionOf(host), childId });
}

/** Both ends have one child, the same, each other's keys, and nothing waits. */
function expectAgreement(pair: Pair): void {
  expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
  const [ours, theirs] = [only(pair.client), only(pair.server)];
  expect(ours.outboundSpi).toBe(theirs.inboundSpi);
  expect(ours.inboundSpi).toBe(theirs.outboundSpi);
  expect(ours.inboundKeys.encryption.reveal()).toEqual(theirs.outboundKeys.encryption.reveal());
  expect(ours.outboundKeys.encryption.reveal()).toEqual(theirs.inboundKeys.encryption.reveal());
}

describe('rekey of a Child SA (RFC 7296 §1.3.3, §2.8)', () => {
  for (const side of sides) {
    it(`replaces it when the ${side} asks, and tells its user once on both sides`, () => {
      const pair = new Pair().open();
      const before = only(pair.client).inboundSpi;
      rekey(pair[side]);
      pair.drive(20_000);
      expectAgreement(pair);
      expect(only(pair.client).inboundSpi).not.toBe(before);
      for (const name of sides) {
        const told = pair[name].seen('child-rekeyed');
        expect(told.map(({ by }) => by)).toEqual([name === side ? 'local' : 'peer']);
        expect(pair[name].seen('child-closed')).toHaveLength(0);
        expect(pair[name].seen('child-opened')).toHaveLength(1);
      }
    });

    it(`runs its own key exchange when the ${side} asks and the proposal has a group (RFC 7296 §2.17)`, () => {
      const children = [child({ proposals: [withGroups(Ke.CURVE25519)] })];
      const pair = new Pair({ client: { children }, server: { children } }).open();
      rekey(pair[side]);
      pair.drive(20_000);
      expectAgreement(pair);
      expect(pair[side].story).toContain(
        'sent CREATE_CHILD_SA request: N(REKEY_SA) SA No KE TSi TSr',
      );
      expect(pair[side].story).toContain('received CREATE_CHILD_SA response: SA No KE TSi TSr');
    });
  }

  for (const side of sides) {
    it(`never sends again on what was replaced, though that still receives, when the ${side} asks (RFC 7296 §2.8)`, () => {
      const pair = new Pair().open();
      rekey(pair[side]);
      pair.drive(200);
      for (const name of sides) {
        const { children, deactivations } = pair[name];
        expect([name, [...children.keys()], deactivations]).toEqual([name, [1, 2], [1]]);
      }
      // The new one is closed at once: there is nothing to go back to.
      pair.client.command({ kind: 'close', sessionId: 1 });
      pair.drive(20_000);
      expect([pair.client.activations, pair.server.activations].flat()).not.toContain(1);
    });
  }

  it('asks again with the group that the peer wants, and begins with it the next time (RFC 7296 §1.3)', () => {
    const client = { children: [child({ proposals: [withGroups(Ke.CURVE25519, Ke.ECP_256)] })] };
    const server = { children: [child({ proposals: [withGroups(Ke.ECP_256)] })] };
    const pair = new Pair({ client, server }).open();
    const requests = () =>
      pair.client.story.filter((line) => line.startsWith('sent CREATE_CHILD_SA request')).length;
    rekey(pair.client);
    pair.drive(20_000);
    expectAgreement(pair);
    expect(pair.client.story).toContain('received CREATE_CHILD_SA response: N(INVALID_KE_PAYLOAD)');
    expect(requests()).toBe(2);
    rekey(pair.client);
    pair.drive(20_000);
    expectAgreement(pair);
    expect(requests()).toBe(3);
  });

  it('refuses an offer without a group where one is demanded, and keeps the old one', () => {
    const server = { children: [child({ proposals: [withGroups(Ke.ECP_256)] })] };
    const pair = new Pair({ server }).open();
    rekey(pair.client);
    pair.drive(5_000);
    expectAgreement(pair);
    expect(pair.client.seen('rekey-failed')[0]?.failure.code).toBe('no-proposal-chosen');
  });

  it('sends on the new one at the initiator at once, at the responder when the old one is deleted', () => {
    const pair = new Pair().open();
    const installed: [string, boolean][] = [];
    pair.client.onInstall = (entry) => installed.push(['client', entry.outboundActive]);
    pair.server.onInstall = (entry) => installed.push(['server', entry.outboundActive]);
    rekey(pair.client);
    pair.drive(25);
    expect(installed).toEqual([
      ['server', false],
      ['client', true],
    ]);
    expect(pair.server.activations).toHaveLength(0);
    pair.drive(10);
    expect(pair.server.activations).toHaveLength(1);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([2, 2]);
    pair.drive(4_900);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([2, 2]);
    pair.drive(2_000);
    expectAgreement(pair);
  });

  it('moves the responder at a first packet that it hears of before the answer to the installation', () => {
    const pair = new Pair({ answerDelayMs: 30 }).open();
    rekey(pair.client);
    // Asked for at 10 ms, and answered at 40 ms.
    pair.drive(20);
    const fresh = only(pair.server).childId + 1;
    expect(pair.server.children.has(fresh)).toBe(true);
    pair.server.handle({ kind: 'child-first-inbound', now: pair.now, childId: fresh });
    expect(pair.server.activations).toEqual([]);
    pair.drive(25);
    expect(pair.server.activations).toEqual([fresh]);
  });

  it('moves the responder at the first packet on the new one', () => {
    const pair = new Pair().open();
    pair.wire = (flight) => (pair.flights.length > 6 ? [] : [{ flight }]);
    rekey(pair.client);
    pair.drive(25);
    const childId = [...pair.server.children.keys()].at(-1) ?? -1;
    pair.server.handle({ kind: 'child-first-inbound', now: pair.now, childId });
    expect(pair.server.activations).toEqual([childId]);
  });

  for (const side of sides) {
    it(`survives the loss of any one packet when the ${side} asks`, () => {
      for (let lost = 0; lost < 4; lost += 1) {
        const pair = new Pair().open();
        const first = pair.flights.length;
        pair.wire = (flight) => (flight.index === first + lost ? [] : [{ flight }]);
        rekey(pair[side]);
        pair.drive(30_000);
        expectAgreement(pair);
        expect(pair.client.seen('child-rekeyed')).toHaveLength(1);
        expect(pair.server.seen('child-rekeyed')).toHaveLength(1);
      }
    });
  }

  it('is due by time, earlier by up to the jitter, again and again', () => {
    const children = [child({ rekeyMs: 60_000, rekeyJitterMs: 10_000, hardLifetimeMs: 90_000 })];
    const pair = new Pair({ client: { children } }).open();
    pair.drive(59_500);
    expect(pair.client.seen('child-rekeyed')).toHaveLength(1);
    pair.drive(590_000);
    expectAgreement(pair);
    expect(pair.client.seen('child-rekeyed')).toHaveLength(10);
    expect(pair.client.seen('child-closed')).toHaveLength(0);
  });

  it('is rarely begun by both at once where both have the same lifetimes and jitter', () => {
    const children = [child({ rekeyMs: 60_000, rekeyJitterMs: 20_000, hardLifetimeMs: 90_000 })];
    const pair = new Pair({ client: { children }, server: { children }, jitters: true }).open();
    pair.drive(3_600_000);
    expectAgreement(pair);
    const begun = [pair.client, pair.server].map(
      ({ story }) => story.filter((line) => line.startsWith('sent CREATE_CHILD_SA request')).length,
    );
    const rekeys = pair.client.seen('child-rekeyed').length;
    expect(Math.min(...begun)).toBeGreaterThan(rekeys / 4);
    expect((begun[0] ?? 0) + (begun[1] ?? 0)).toBeLessThan(rekeys * 1.05);
  });

  it('is due when the packet path says so', () => {
    for (const limit of ['soft', 'hard'] as const) {
      const pair = new Pair().open();
      const { childId } = only(pair.server);
      pair.server.handle({ kind: 'child-limit', now: pair.now, childId, limit });
      pair.server.handle({ kind: 'child-limit', now: pair.now, childId, limit });
      pair.drive(10_000);
      expectAgreement(pair);
      expect(pair.server.seen('child-rekeyed')).toHaveLength(1);
    }
  });

  it('has limits in bytes and packets that each end draws for itself, below what is configured (RFC 7296 §2.8)', () => {
    const limits = { rekeyBytes: 10_000, rekeyJitterBytes: 4_000, hardBytes: 11_000 };
    const children = [child({ ...limits, rekeyPackets: 500, rekeyJitterPackets: 200 })];
    const drawn = (seed: string): readonly ChildInstallation['limits'][] => {
      const pair = new Pair({ client: { children }, server: { children }, seed, jitters: true });
      pair.open();
      return [only(pair.client).limits, only(pair.server).limits];
    };
    const all = ['a', 'b', 'c', 'd', 'e'].flatMap(drawn);
    for (const { softBytes = 0, softPackets = 0, ...hard } of all) {
      expect(softBytes).toBeGreaterThanOrEqual(6_000);
      expect(softBytes).toBeLessThanOrEqual(10_000);
      expect(softPackets).toBeGreaterThanOrEqual(300);
      expect(softPackets).toBeLessThanOrEqual(500);
      expect(hard).toEqual({ hardBytes: 11_000 });
    }
    expect(new Set(all.map(({ softBytes }) => softBytes)).size).toBe(all.length);
    expect(new Set(all.map(({ softPackets }) => softPackets)).size).toBeGreaterThan(5);
  });

  it('comes before the end when both are due at one late wake (RFC 7296 §2.8)', () => {
    const children = [child({ rekeyMs: 60_000, hardLifetimeMs: 90_000 })];
    const pair = new Pair({ client: { children } }).open();
    pair.sleep(500_000);
    pair.drive(20_000);
    expectAgreement(pair);
    expect(pair.client.seen('child-rekeyed')).toHaveLength(1);
    expect(pair.client.seen('child-closed')).toHaveLength(0);
  });
});

describe('a Child SA that cannot be replaced (RFC 7296 §2.8)', () => {
  const refusing = { children: [child({ proposals: [withGroups(Ke.ECP_256)] })] };
  const lifetimes = { rekeyMs: 60_000, hardLifetimeMs: 90_000 };

  it('is tried again with pauses, ends at its hard lifetime and not before, and is asked for anew', () => {
    const client = { children: [child(lifetimes)] };
    const pair = new Pair({ client, server: refusing }).open();
    pair.drive(88_000);
    expect(pair.client.seen('rekey-failed').length).toBeGreaterThanOrEqual(1);
    expect(pair.client.seen('rekey-failed').length).toBeLessThanOrEqual(3);
    expect(pair.client.seen('child-closed')).toHaveLength(0);
    pair.drive(3_000);
    expect(pair.client.seen('child-closed')[0]?.reason).toContain('lifetime');
    expect(pair.client.seen('child-failed')[0]?.failure.code).toBe('no-proposal-chosen');
    expect(pair.client.seen('session-closed')).toHaveLength(0);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([0, 0]);
  });

  it('is not asked about so shortly before its end that one lost packet would end the IKE SA', () => {
    const client = { children: [child({ rekeyMs: 60_000, hardLifetimeMs: 80_000 })] };
    const pair = new Pair({ client, server: refusing }).open();
    pair.drive(70_000);
    expect(pair.client.seen('rekey-failed')).toHaveLength(1);
    // The retry of 75 s would have to be answered before 80 s.
    pair.wire = () => [];
    pair.drive(11_000);
    pair.wire = (flight) => [{ flight }];
    pair.drive(20_000);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
    expect(pair.client.seen('child-closed')[0]?.reason).toContain('lifetime');
  });

  it('ends alone when its replacement stands already (RFC 7296 §2.8)', () => {
    const server = { children: [child({ hardLifetimeMs: 60_000 })] };
    const pair = new Pair({ server }).open();
    pair.drive(55_000);
    // The DELETE of the initiator does not come through for a while.
    pair.wire = (flight) =>
      flight.from === 'client' && flight.data[18] === 37 ? [] : [{ flight }];
    rekey(pair.client);
    pair.drive(7_000);
    pair.wire = (flight) => [{ flight }];
    pair.drive(30_000);
    expectAgreement(pair);
    expect(pair.server.seen('child-closed')).toHaveLength(0);
  });

  it('is not asked about longer than it may live (RFC 7296 §2.1)', () => {
    const pair = new Pair({ client: { children: [child(lifetimes)] } }).open();
    pair.drive(50_000);
    pair.wire = () => [];
    pair.drive(38_000);
    expect(pair.client.closeCode).toBeUndefined();
    pair.drive(3_000);
    expect(pair.client.closeCode).toBe('peer-dead');
  });

  it('stands on its own again when the peer withdraws what was to replace it, and is replaced later', () => {
    const pair = new Pair().open();
    pair.client.installRefusal = 'no room';
    rekey(pair.client);
    pair.drive(500);
    expectAgreement(pair);
    pair.client.installRefusal = undefined;
    pair.drive(10_000);
    rekey(pair.server);
    pair.drive(10_000);
    expectAgreement(pair);
    expect(pair.client.seen('child-rekeyed').length).toBeGreaterThanOrEqual(2);
  });
});

describe('both sides rekey the same Child SA (RFC 7296 §2.8.1)', () => {
  it('leaves one, whoever had the lowest nonce, with nothing over and nothing deleted twice', () => {
    const survivors = new Set<string>();
    for (let seed = 0; seed < 12; seed += 1) {
      const pair = new Pair({ seed: `both/${seed}` }).open();
      rekey(pair.client);
      rekey(pair.server);
      pair.drive(20_000);
      expectAgreement(pair);
      const [by] = pair.client.seen('child-rekeyed');
      survivors.add(by?.by ?? 'nobody');
      for (const name of sides) {
        expect(pair[name].seen('child-rekeyed')).toHaveLength(1);
        expect(pair[name].seen('child-closed')).toHaveLength(0);
        const deletes = pair[name].story.filter((line) => line === 'sent INFORMATIONAL request: D');
        expect(deletes).toHaveLength(1);
      }
    }
    expect([...survivors].sort()).toEqual(['local', 'peer']);
  });

  it('leaves one when any one packet is lost, or all are repeated', () => {
    for (let lost = -1; lost < 8; lost += 1) {
      const pair = new Pair({ seed: `lost/${lost}` }).open();
      const first = pair.flights.length;
      pair.wire = (flight) =>
        flight.index === first + lost ? [] : [{ flight }, { flight, delayMs: 7 }];
      rekey(pair.client);
      rekey(pair.server);
      pair.drive(60_000);
      expectAgreement(pair);
    }
  });
});
