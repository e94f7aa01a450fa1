import { parseAddress, parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import type { PairOptions } from '../pair.ts';
import { LTE, RoamingPair, SERVER, WIFI } from './roaming-pair.ts';

const any = parseAddress('0.0.0.0');
const range = parsePrefix('10.9.0.0/24');
if (!any || !range) throw new Error('not an address');

/** The server has no MOBIKE, and gives virtual addresses. */
const WITHOUT: PairOptions = {
  client: { virtualAddresses: [any], sendInitialContact: true },
  server: { mobike: false, pools: ['pool'] },
  pools: [{ name: 'pool', addresses: { kind: 'prefix', prefix: range }, dns: [] }],
};

describe('an initiator whose peer has no MOBIKE', () => {
  it('opens the session anew from a new address, make before break while the old one works, with the same virtual address', () => {
    const pair = new RoamingPair(WITHOUT).start();
    const [before] = pair.client.seen('session-opened');
    pair.change(pair.client, [], [LTE, WIFI]).drive(10_000);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.client.seen('session-interrupted')).toEqual([]);
    expect(pair.client.closeCode).toBeUndefined();
    const [child] = [...pair.client.children.values()];
    expect(child?.virtualAddresses).toEqual(before?.virtualAddresses);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });

  it('opens it anew after the old address is gone, with the same virtual address', () => {
    const pair = new RoamingPair(WITHOUT).start();
    const [before] = pair.client.seen('session-opened');
    pair.change(pair.client, [WIFI], [LTE]).drive(10_000);
    const [, after] = pair.client.seen('session-opened');
    expect(pair.client.seen('session-interrupted')[0]?.failure.sentence).toContain('no MOBIKE');
    expect(after?.virtualAddresses).toEqual(before?.virtualAddresses);
    expect(after?.sessionId).toBe(before?.sessionId);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });

  it('waits without an address, and opens it anew when there is one', () => {
    const pair = new RoamingPair(WITHOUT).start();
    pair.change(pair.client, [WIFI], []).drive(3_600_000);
    expect(pair.client.closeCode).toBeUndefined();
    pair.change(pair.client, [], [LTE]).drive(10_000);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });

  it('tells it nothing, and announces nothing', () => {
    const pair = new RoamingPair(WITHOUT).start();
    const sent = pair.requestsOf(pair.client, 0).length;
    pair.change(pair.client, [], [WIFI, LTE]).drive(10_000);
    expect(pair.requestsOf(pair.client, sent)).toEqual([]);
  });

  it('makes no storm of addresses that flap ten times a second, and ends where they do, with one session', () => {
    for (const both of [false, true]) {
      const pair = new RoamingPair(WITHOUT).start();
      for (let i = 0; i < 200; i += 1) {
        const [before, after] = i % 2 === 0 ? [WIFI, LTE] : [LTE, WIFI];
        pair.change(pair.client, [before], both ? [after, before] : [after]).drive(100);
      }
      const sent = pair.client.seen('message').filter(({ direction }) => direction === 'sent');
      expect([both, sent.length < 100]).toEqual([both, true]);
      pair.drive(120_000);
      expect(pair.client.closeCode).toBeUndefined();
      expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SERVER}`]);
      expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${WIFI}`]);
    }
  });

  it('leaves at once when the address goes that it was about to leave in time', () => {
    const pair = new RoamingPair(WITHOUT).start();
    pair.change(pair.client, [], [LTE, WIFI]).drive(1_000);
    pair.change(pair.client, [WIFI], [LTE]).drive(3_000);
    expect(pair.espPaths(pair.client)).toEqual([`${LTE} -> ${SERVER}`]);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });
});
