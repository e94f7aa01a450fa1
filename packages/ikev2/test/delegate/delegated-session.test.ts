import { Encr, Ke, Prf, TransformType } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';
import type { ConfiguredProposal } from '../../src/index.ts';
import { LTE, SERVER, WIFI } from '../mobike/roaming-pair.ts';
import { child, selector } from '../pair.ts';
import { DelegatedPair } from './delegated-pair.ts';

const GCM: ConfiguredProposal = {
  transforms: [
    { type: TransformType.ENCR, id: Encr.ENCR_AES_GCM_16, keyBits: 256 },
    { type: TransformType.PRF, id: Prf.PRF_HMAC_SHA2_256 },
    { type: TransformType.KE, id: Ke.CURVE25519 },
  ],
};
const fixed = (own: string, other: string) => ({
  proposals: [GCM],
  children: [child({ localSelectors: [selector(own)], remoteSelectors: [selector(other)] })],
});

/** The server asks whether the client lives after 30 s of silence. */
function opened(clientOptions: { rekeyMs?: number; dpdDelayMs?: number } = {}): DelegatedPair {
  const pair = new DelegatedPair({
    client: { ...fixed('10.1.0.0/16', '10.2.0.0/16'), ...clientOptions },
    server: { ...fixed('10.2.0.0/16', '10.1.0.0/16'), dpdDelayMs: 30_000 },
    clientSettings: { keepAliveForced: true },
  });
  pair.start().drive(5_000);
  return pair;
}

describe('a delegated session (RFC 7296 §2.1, §2.4)', () => {
  it('lives for two hours in which its owner does nothing, and goes on in step', () => {
    const pair = opened();
    const server = pair.server.seen('liveness-confirmed').length;
    const sent = pair.client.seen('message').length;
    pair.handOver();
    pair.drive(2 * 3_600_000);
    expect(pair.server.seen('liveness-confirmed').length - server).toBeGreaterThan(200);
    // Answers renew the mapping as well: one keepalive between two of them.
    expect(pair.keepalives).toBeGreaterThan(200);
    expect(pair.keepalives).toBeLessThan(300);
    expect(pair.wakes).toEqual([]);
    expect(pair.client.seen('message')).toHaveLength(sent);
    expect(pair.takeBack()).toEqual({ ok: true });
    for (const host of [pair.client, pair.server]) {
      const [id = 0] = host.seen('session-opened').map(({ sessionId }) => sessionId);
      host.command({ kind: 'check-liveness', sessionId: id });
      pair.drive(1_000);
      host.command({ kind: 'rekey-ike', sessionId: id });
      pair.drive(40_000);
      expect(host.closeCode).toBeUndefined();
    }
    expect(pair.client.seen('session-rekeyed')).toHaveLength(2);
    expect(pair.server.closeCode).toBeUndefined();
  });

  it('never uses an IV twice, whoever seals', () => {
    const pair = opened();
    pair.handOver();
    pair.drive(600_000);
    pair.takeBack();
    pair.drive(100_000);
    pair.handOver();
    pair.drive(600_000);
    pair.takeBack();
    pair.drive(100_000);
    // SK: generic header of 4 bytes behind the IKE header of 28, then the IV of 8.
    const ivs = pair.flights
      .filter(({ from, data }) => from === 'client' && data[16] === 46)
      .map(({ data }) => data.subarray(32, 40).join('.'));
    expect(ivs.length).toBeGreaterThan(40);
    expect(new Set(ivs).size).toBe(ivs.length);
  });

  it('is wanted back for whatever is more than a sign of life, which its owner then answers', () => {
    const pair = opened();
    pair.handOver();
    pair.drive(100_000);
    const [id = 0] = pair.server.seen('session-opened').map(({ sessionId }) => sessionId);
    const childId = [...pair.server.children.keys()][0] ?? 0;
    pair.server.command({ kind: 'rekey-child', sessionId: id, childId });
    pair.drive(100);
    expect(pair.wakes.map(({ reason }) => reason)).toEqual(['request']);
    expect(pair.server.seen('child-rekeyed')).toEqual([]);
    pair.takeBack();
    pair.drive(1_000);
    expect(pair.server.seen('child-rekeyed')).toHaveLength(1);
    expect(pair.client.seen('child-rekeyed')).toHaveLength(1);
  });

  it('answers a copy of a request with the same bytes, before, during and after', () => {
    const pair = opened();
    pair.drive(40_000);
    const requests = () => pair.flights.filter(({ from }) => from === 'server');
    const answers = () => pair.flights.filter(({ from }) => from === 'client');
    const repeated = (): boolean => {
      const request = requests().at(-1);
      const before = answers().at(-1);
      if (!request || !before) throw new Error('nothing was asked');
      pair.deliver(request);
      return pair.flights.at(-1) !== before && answers().at(-1)?.data.join() === before.data.join();
    };
    expect(repeated()).toBe(true);
    pair.handOver();
    expect(repeated()).toBe(true);
    pair.drive(45_000);
    expect(repeated()).toBe(true);
    pair.takeBack();
    expect(repeated()).toBe(true);
  });

  it('sends nothing of what its owner is asked for until that has it back', () => {
    const pair = opened();
    pair.handOver();
    const sent = pair.flights.length;
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.client.command({ kind: 'rekey-ike', sessionId: 1 });
    pair.client.handle({ kind: 'slept', now: pair.now, sleptMs: 600_000 });
    pair.client.handle({ kind: 'connectivity', now: pair.now });
    pair.change(pair.client, [], [WIFI, LTE]);
    pair.drive(5_000);
    expect(pair.flights).toHaveLength(sent);
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
    pair.takeBack();
    pair.drive(5_000);
    expect(pair.client.seen('session-rekeyed')).toHaveLength(1);
  });

  it('follows a change of addresses that came meanwhile, once it is back', () => {
    const pair = opened();
    pair.handOver();
    pair.change(pair.client, [WIFI], [LTE]).drive(5_000);
    expect(pair.client.seen('addresses-updated')).toEqual([]);
    pair.takeBack();
    pair.drive(5_000);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
    expect(pair.client.closeCode).toBeUndefined();
  });

  it('wakes its owner in time for a rekey, and when the peer has gone silent', () => {
    const rekeyed = opened({ rekeyMs: 600_000 });
    rekeyed.handOver();
    rekeyed.drive(590_000);
    expect(rekeyed.wakes).toEqual([]);
    rekeyed.drive(10_000);
    expect(rekeyed.wakes.map(({ reason }) => reason)).toEqual(['deadline']);
    rekeyed.takeBack();
    rekeyed.drive(5_000);
    expect(rekeyed.client.seen('session-rekeyed')).toHaveLength(1);

    const silent = opened({ dpdDelayMs: 60_000 });
    silent.handOver();
    silent.alive.delete(SERVER);
    silent.drive(120_000);
    expect(silent.wakes.map(({ reason }) => reason)).toEqual(['silence']);
  });

  it('is refused while something is under way, and twice', () => {
    const pair = opened();
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    expect(pair.client.machine.delegate(1, pair.now)).toMatchObject({ ok: false, code: 'busy' });
    pair.drive(1_000);
    pair.handOver();
    expect(pair.client.machine.delegate(1, pair.now)).toMatchObject({
      ok: false,
      code: 'delegated',
    });
    expect(pair.client.machine.delegate(9, pair.now)).toMatchObject({
      ok: false,
      code: 'not-open',
    });
  });

  it('stays delegated when a report cannot be of it', () => {
    const pair = opened();
    const { machine } = pair.client;
    expect(machine.takeBack(1, {}, pair.now)).toMatchObject({ code: 'not-delegated' });
    pair.handOver();
    pair.drive(100_000);
    const report = pair.delegate?.release(pair.now);
    const codes = [
      null,
      { ...report, version: 2 },
      { ...report, expectedRequestId: -1 },
      { ...report, lastResponse: { messageId: 1, datagrams: ['zz'] } },
      { ...report, sessionId: 2 },
      { ...report, lastResponse: undefined },
      { ...report, expectedRequestId: 2 ** 21 },
    ].map((forged) => {
      const result = machine.takeBack(1, forged, pair.now);
      return result.ok ? 'ok' : result.code;
    });
    expect(codes).toEqual([
      ...['malformed', 'malformed', 'malformed', 'malformed'],
      ...['out-of-step', 'out-of-step', 'out-of-step'],
    ]);
    expect(machine.takeBack(1, report, pair.now)).toMatchObject({ ok: true });
  });
});
