import { addMs, instantFromMs } from '@ipsec-kit/clock';
import type { EncryptedFragmentPayload } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import {
  MAX_FRAGMENTS_PER_MESSAGE,
  REASSEMBLY_TIMEOUT_MS,
  Reassembly,
} from '../../src/protect/reassembly.ts';
import { Pair, type PairOptions } from '../pair.ts';

const SMALL = { fragmentBytes: 200 };
const HEADERS = 20 + 8 + 4;

const fragment = (fragmentNumber: number, totalFragments: number): EncryptedFragmentPayload => ({
  type: 'SKF',
  firstPayload: fragmentNumber === 1 ? 35 : 0,
  fragmentNumber,
  totalFragments,
  body: new Uint8Array(0),
});

describe('fragmentation (RFC 7383 §2.5)', () => {
  const open = (options: PairOptions): Pair => new Pair(options).open();

  it('splits what is too large on both sides, and no packet exceeds the limit', () => {
    const pair = open({ clientSettings: SMALL, serverSettings: SMALL });
    const auth = pair.client.seen('message').filter(({ exchange }) => exchange === 'IKE_AUTH');
    expect(auth.map(({ fragments }) => fragments > 1)).toEqual([true, true]);
    const sent = pair.server.seen('message').find(({ fragments }) => fragments > 1);
    expect(sent?.bytes).toBe(auth[0]?.bytes);
    for (const flight of pair.flights.filter(({ marker }) => marker)) {
      expect(flight.data.length + HEADERS).toBeLessThanOrEqual(200);
    }
    expect(pair.client.children.size).toBe(1);
  });

  it('takes fragments in any order', () => {
    const pair = new Pair({ clientSettings: SMALL, serverSettings: SMALL });
    pair.wire = (flight) => [{ flight, delayMs: 100 - flight.index * 10 }];
    pair.open();
    expect(pair.client.children.size).toBe(1);
  });

  it('is done by one side alone where only one limit is small', () => {
    const pair = open({ clientSettings: SMALL });
    const auth = pair.client.seen('message').filter(({ exchange }) => exchange === 'IKE_AUTH');
    expect(auth.map(({ direction, fragments }) => [direction, fragments > 1])).toEqual([
      ['sent', true],
      ['received', false],
    ]);
  });

  it('is neither announced nor done with "no", on either side (RFC 7383 §2.3)', () => {
    for (const side of ['client', 'server'] as const) {
      const pair = open({
        [side]: { fragmentation: 'no' },
        clientSettings: SMALL,
        serverSettings: SMALL,
      });
      expect(pair.client.children.size).toBe(1);
      expect(pair.client.seen('message').every(({ fragments }) => fragments === 1)).toBe(true);
    }
  });

  it('with "accept" reassembles what comes but sends whole messages', () => {
    const pair = open({
      client: { fragmentation: 'accept' },
      clientSettings: SMALL,
      serverSettings: SMALL,
    });
    const auth = pair.client.seen('message').filter(({ exchange }) => exchange === 'IKE_AUTH');
    expect(auth.map(({ fragments }) => fragments > 1)).toEqual([false, true]);
  });

  it('repeats the response for the first fragment of a repeated request only (RFC 7383 §2.6.1)', () => {
    const pair = open({ clientSettings: SMALL });
    const fragments = pair.flights.filter(({ from, marker }) => from === 'client' && marker);
    expect(fragments.length).toBeGreaterThan(1);
    const answers = fragments.map(
      (flight) => pair.deliver(flight).filter(({ kind }) => kind === 'send').length,
    );
    expect(answers).toEqual([1, ...fragments.slice(1).map(() => 0)]);
  });
});

describe('reassembly (RFC 7383 §2.6)', () => {
  const now = instantFromMs(0);

  it('discards numbers that cannot be, and totals that are too large', () => {
    const reassembly = new Reassembly();
    expect(reassembly.wants(1, fragment(0, 3), now)).toBe(false);
    expect(reassembly.wants(1, fragment(1, 0), now)).toBe(false);
    expect(reassembly.wants(1, fragment(4, 3), now)).toBe(false);
    expect(reassembly.wants(1, fragment(1, MAX_FRAGMENTS_PER_MESSAGE + 1), now)).toBe(false);
    expect(reassembly.wants(1, fragment(3, 3), now)).toBe(true);
  });

  it('starts over with a larger total, and ignores a smaller one and repetitions', () => {
    const reassembly = new Reassembly();
    reassembly.add(1, fragment(1, 2), Uint8Array.of(1), now);
    expect(reassembly.wants(1, fragment(1, 2), now)).toBe(false);
    expect(reassembly.wants(1, fragment(1, 1), now)).toBe(false);
    expect(reassembly.wants(1, fragment(2, 3), now)).toBe(true);
    reassembly.add(1, fragment(2, 3), Uint8Array.of(2), now);
    reassembly.add(1, fragment(3, 3), Uint8Array.of(3), now);
    expect(reassembly.add(1, fragment(1, 3), Uint8Array.of(1), now)).toEqual({
      firstPayload: 35,
      content: Uint8Array.of(1, 2, 3),
      fragments: 3,
      datagramBytes: 0,
      reserved: 0,
    });
  });

  it('forgets an incomplete message after the timeout', () => {
    const reassembly = new Reassembly();
    reassembly.add(1, fragment(1, 2), Uint8Array.of(1), now);
    const later = addMs(now, REASSEMBLY_TIMEOUT_MS);
    expect(reassembly.wants(1, fragment(1, 2), later)).toBe(true);
    expect(reassembly.add(1, fragment(2, 2), Uint8Array.of(2), later)).toBeUndefined();
  });

  it('keeps no more than 64 KiB', () => {
    const reassembly = new Reassembly();
    const big = new Uint8Array(40_000);
    reassembly.add(1, fragment(1, 3), big, now);
    reassembly.add(1, fragment(2, 3), big, now);
    expect(reassembly.expiresAt).toBeUndefined();
  });
});
