import { describe, expect, it } from 'vitest';
import type { PairOptions } from '../pair.ts';
import { MEASURING, MeasuringPair } from './measuring-pair.ts';

const SEARCH_MS = 45 * 60_000;

const isSame = (a: Uint8Array, b: Uint8Array | undefined): boolean => a.join() === b?.join();

/** Loses what comes from or goes to a scratch port. */
const scratchPorts: MeasuringPair['loses'] = ({ path }) =>
  path.local.port > 50_000 || path.remote.port > 20_002;

describe('the lifetime of a NAT mapping (RFC 4787 §4.3)', () => {
  it.each([20, 30, 60, 120, 300])('of %i s is found, and keepalives go by it', (seconds) => {
    const pair = new MeasuringPair(seconds * 1000).open().rest(SEARCH_MS);
    const [found, ...more] = pair.discovered;
    expect(more).toEqual([]);
    expect(found?.keepaliveMs).toBeGreaterThanOrEqual(0.7 * seconds * 1000);
    expect(found?.keepaliveMs).toBeLessThan(seconds * 1000);
    expect(found?.lifetimeMs).toBeLessThan(seconds * 1000);
    expect(found?.probes).toBeLessThanOrEqual(12);
    const { keepaliveMs = 0, lifetimeMs } = found ?? {};
    expect(pair.client.machine.path(1)).toMatchObject({
      keepaliveMs,
      binding: { state: 'found', keepaliveMs, lifetimeMs },
    });
    const before = pair.client.keepalives.length;
    pair.rest(10 * (found?.keepaliveMs ?? 0) + 1_000);
    expect(pair.client.keepalives.length - before).toBeGreaterThanOrEqual(9);
    expect(pair.client.keepalives.length - before).toBeLessThanOrEqual(11);
  });

  it('is measured without moving anything: the server stays with the mapping of the session (RFC 4555 §3.8)', () => {
    const pair = new MeasuringPair(60_000).open().rest(SEARCH_MS);
    expect(pair.discovered).toHaveLength(1);
    expect(pair.probes.length).toBeGreaterThan(10);
    for (const host of [pair.client, pair.server]) {
      expect(host.seen('peer-path-changed')).toEqual([]);
      expect(host.seen('mapping-changed')).toEqual([]);
      expect(host.moves).toEqual([]);
    }
    pair.server.command({ kind: 'check-liveness', sessionId: 1_000_000 });
    pair.rest(1_000);
    expect(pair.server.seen('liveness-confirmed')).toHaveLength(1);
  });

  it('closes every scratch port it has opened, the last one when the session ends', () => {
    const pair = new MeasuringPair(60_000).open().rest(SEARCH_MS);
    const opened = new Set(pair.probes.map(({ path }) => path.local.port));
    expect(new Set(pair.client.closedScratchPorts)).toEqual(opened);
    const other = new MeasuringPair(60_000).open();
    expect(other.client.closedScratchPorts).toEqual([]);
    other.client.command({ kind: 'close', sessionId: 1 });
    other.rest(1_000);
    expect(other.client.closedScratchPorts).toEqual([50_001]);
  });

  it('closes a port that comes after the session has ended', () => {
    const pair = new MeasuringPair(60_000, { ...MEASURING, answerDelayMs: 300 }).open();
    pair.rest(10_000);
    const { length } = pair.probes;
    expect(length).toBeGreaterThan(0);
    // The first idle mapping has died young: the next port is asked for, and the session ends meanwhile.
    pair.lifetimeMs = 5_000;
    while (pair.client.closedScratchPorts.length === 0) pair.rest(100);
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.rest(1_000);
    expect(pair.client.closeCode).toBe('closed-by-user');
    expect(pair.client.closedScratchPorts).toEqual([50_001, 50_002]);
  });

  it.each<[string, PairOptions, string | undefined]>([
    ['without MOBIKE', { ...MEASURING, server: { ...MEASURING.server, mobike: false } }, 'wifi'],
    [
      'when that is not wanted',
      { ...MEASURING, client: { ...MEASURING.client, bindingDiscovery: false } },
      'wifi',
    ],
    ['without keepalives', { ...MEASURING, clientSettings: { keepaliveMs: 0 } }, 'wifi'],
    ['in no known network', MEASURING, undefined],
  ])('is not measured %s', (_, options, network) => {
    const pair = new MeasuringPair(60_000, options);
    pair.tellNetwork(network);
    pair.initiate();
    pair.rest(60_000);
    expect(pair.client.seen('session-opened')).toHaveLength(1);
    expect(pair.probes).toEqual([]);
    expect(pair.client.machine.path(1)?.binding).toBeUndefined();
  });
});

describe('a probe', () => {
  it('that gets no answer is sent once more from its port, and over the path in use from then on: nothing ends', () => {
    const pair = new MeasuringPair(60_000);
    pair.loses = scratchPorts;
    pair.open();
    expect(pair.client.machine.path(1)?.binding).toEqual({
      state: 'searching',
      keepaliveMs: 20_000,
    });
    pair.rest(20_000);
    const [first, again, next] = pair.probes;
    expect(again?.data).toEqual(first?.data);
    const copies = pair.flights.filter(
      ({ from, data, path }) =>
        from === 'client' && path.local.port === 4500 && isSame(data, first?.data),
    );
    expect(copies).toHaveLength(1);
    expect(next?.path.local.port).toBe(50_002);
    pair.rest(SEARCH_MS);
    expect(pair.client.seen('session-closed')).toEqual([]);
    expect(pair.discovered).toMatchObject([{ keepaliveMs: 20_000, probes: 12 }]);
    expect(pair.discovered[0]).not.toHaveProperty('lifetimeMs');
  });

  it('that is looked at a second time, since the first was lost, proves life and no death', () => {
    const searched = (lifetimeMs: number): number => {
      const pair = new MeasuringPair(lifetimeMs);
      // The first look of all, after 15 s of rest.
      let looks = 0;
      pair.loses = ({ from, path }) => {
        if (from !== 'client' || path.local.port !== 50_001) return false;
        looks += 1;
        return looks === 2;
      };
      pair.open().rest(40_000);
      expect(looks).toBe(3);
      const idle = { state: 'searching', keepaliveMs: 20_000 };
      expect(pair.client.machine.path(1)?.binding).toEqual(idle);
      return pair.client.closedScratchPorts.length;
    };
    // Dead only by the time of the second look, 19 s after the first packet: the next idles for 15 s again.
    expect(searched(17_000)).toBe(2);
    // Alive still: the next idles for twice as long.
    expect(searched(35_000)).toBe(1);
  });

  it('gives way: whatever else there is to ask leaves a round trip later', () => {
    const pair = new MeasuringPair(60_000);
    pair.loses = scratchPorts;
    pair.open();
    expect(pair.probes).toHaveLength(1);
    const [childId = 0] = pair.client.children.keys();
    const { now } = pair;
    pair.client.command({ kind: 'rekey-child', sessionId: 1, childId });
    pair.drive(100);
    expect(pair.client.seen('child-rekeyed')).toHaveLength(1);
    const [probe] = pair.probes;
    const given = pair.flights.filter(
      ({ data, path }) => path.local.port === 4500 && isSame(data, probe?.data),
    );
    expect(given).toHaveLength(1);
    expect(pair.now - now).toBe(100);
  });

  it('waits for all else, also for what was wanted later', () => {
    const pair = new MeasuringPair(60_000);
    pair.tellNetwork('wifi');
    // The answer to the first question is lost, so that the window is occupied.
    let isLosing = true;
    pair.loses = ({ from, path }) =>
      isLosing &&
      from === 'server' &&
      path.local.port === 4500 &&
      pair.client.seen('session-opened').length > 0;
    pair.open();
    pair.client.command({ kind: 'rekey-ike', sessionId: 1 });
    isLosing = false;
    pair.rest(5_000);
    const sent = pair.client.story.filter(
      (line) => line.startsWith('sent') && !line.includes(' again'),
    );
    const rekey = sent.findIndex((line) => line.includes('CREATE_CHILD_SA'));
    expect(rekey).toBeGreaterThan(0);
    const [probe] = pair.probes;
    const firstProbe = probe ? pair.flights.indexOf(probe) : -1;
    const rekeys = pair.client.seen('session-rekeyed');
    expect(rekeys).toHaveLength(1);
    expect(firstProbe).toBeGreaterThan(pair.flights.findIndex(({ data }) => data[18] === 36));
  });

  it('renews nothing and shows nothing of the session: keepalives go on in their time', () => {
    const pair = new MeasuringPair(600_000).open();
    pair.rest(14_000);
    // The first probe is looked at after 15 s, which is no packet of the session.
    pair.rest(7_000);
    expect(pair.probes.length).toBeGreaterThanOrEqual(2);
    expect(pair.client.keepalives).toHaveLength(1);
  });

  it('that a rekey of the IKE SA comes between proves nothing', () => {
    const pair = new MeasuringPair(600_000).open();
    pair.rest(10_000);
    pair.client.command({ kind: 'rekey-ike', sessionId: 1 });
    pair.rest(10_000);
    expect(pair.client.closedScratchPorts).toEqual([50_001]);
    pair.lifetimeMs = 60_000;
    pair.rest(SEARCH_MS);
    expect(pair.discovered[0]?.keepaliveMs).toBeGreaterThanOrEqual(42_000);
  });

  it('goes on in the IKE SA that a reauthentication makes', () => {
    const pair = new MeasuringPair(60_000, {
      ...MEASURING,
      client: { ...MEASURING.client, makeBeforeBreak: true },
    }).open();
    pair.rest(100_000);
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.rest(SEARCH_MS);
    expect(pair.client.seen('session-reauthenticated')).toHaveLength(1);
    expect(pair.discovered).toHaveLength(1);
    expect(pair.discovered[0]?.keepaliveMs).toBeGreaterThanOrEqual(42_000);
    expect(pair.client.seen('session-closed')).toEqual([]);
  });
});

describe('what is known of a network', () => {
  it('goes for that network alone, and is remembered', () => {
    const pair = new MeasuringPair(60_000).open().rest(SEARCH_MS);
    const [home] = pair.discovered;
    pair.tellNetwork('train');
    pair.rest(1_000);
    expect(pair.client.closedScratchPorts.length).toBeGreaterThan(0);
    const before = pair.client.keepalives.length;
    pair.rest(60_000);
    // The interval of before, until more is known.
    expect(pair.client.keepalives.length - before).toBeGreaterThanOrEqual(2);
    const probes = pair.probes.length;
    pair.tellNetwork('wifi');
    pair.rest(60_000);
    expect(pair.discovered.at(-1)).toEqual({ ...home, probes: 0 });
    expect(pair.probes).toHaveLength(probes);
  });

  it('is distrusted after a miss: the interval shrinks by 30%', () => {
    const pair = new MeasuringPair(60_000).open().rest(SEARCH_MS);
    const [found] = pair.discovered;
    pair.lifetimeMs = 20_000;
    pair.rest(200_000);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.rest(2_000);
    expect(pair.client.seen('mapping-changed').length).toBeGreaterThan(0);
    expect(pair.discovered.at(-1)?.keepaliveMs).toBe(Math.floor(0.7 * (found?.keepaliveMs ?? 0)));
    expect(pair.client.seen('addresses-updated')).toHaveLength(1);
  });
});
