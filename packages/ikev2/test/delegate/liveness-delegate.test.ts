import { instantFromMs } from '@ipsec-kit/clock';
import { createLivenessDelegate } from '@ipsec-kit/ikev2/delegate';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { child, selector } from '../pair.ts';
import { DELEGATE_OPTIONS, DelegatedPair } from './delegated-pair.ts';

const between = (own: string, other: string) => ({
  children: [child({ localSelectors: [selector(own)], remoteSelectors: [selector(other)] })],
});

function opened(): DelegatedPair {
  const pair = new DelegatedPair({
    client: between('10.1.0.0/16', '10.2.0.0/16'),
    server: { ...between('10.2.0.0/16', '10.1.0.0/16'), dpdDelayMs: 30_000 },
  });
  pair.start().drive(5_000);
  return pair;
}

describe('a delegate', () => {
  it('drops forgeries, answers, and requests of other numbers, and wakes nobody for them', () => {
    const pair = opened();
    const before = pair.flights.filter(({ from }) => from === 'server');
    pair.handOver();
    pair.drive(40_000);
    const [asked] = pair.flights.filter(({ from }) => from === 'server').slice(before.length);
    if (!asked) throw new Error('nobody asked');
    const path = { local: asked.path.remote, remote: asked.path.local };
    const give = (data: Uint8Array) =>
      pair.give({ kind: 'datagram', now: pair.now, path, data, marker: true });
    for (const old of before.slice(0, -1)) expect(give(old.data)).toEqual([]);
    fc.assert(
      fc.property(fc.nat(asked.data.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const forged = asked.data.slice();
        forged[at] = (forged[at] ?? 0) ^ bits;
        expect(give(forged)).toEqual([]);
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(give(bytes)).toEqual([]);
      }),
      { numRuns: 300 },
    );
    expect(pair.wakes).toEqual([]);
    expect(give(asked.data)).toHaveLength(1);
  });

  it('is made of nothing that is not a whole delegation', () => {
    const text = opened().handOver();
    const now = instantFromMs(0);
    expect(createLivenessDelegate(now, JSON.parse(text), DELEGATE_OPTIONS).ok).toBe(true);
    for (const name of Object.keys(JSON.parse(text))) {
      if (name === 'lastResponse' || name === 'wakeInMs') continue;
      const { [name]: _, ...rest } = JSON.parse(text);
      expect([name, createLivenessDelegate(now, rest, DELEGATE_OPTIONS)]).toEqual([
        name,
        { ok: false, code: 'malformed' },
      ]);
    }
    const short = { ...JSON.parse(text), keys: { skEi: '00', skEr: '00', skAi: '', skAr: '' } };
    expect(createLivenessDelegate(now, short, DELEGATE_OPTIONS).ok).toBe(false);
    const strange = {
      ...JSON.parse(text),
      suite: { encryption: 999, keyBits: 256, integrity: 0 },
    };
    expect(createLivenessDelegate(now, strange, DELEGATE_OPTIONS)).toEqual({
      ok: false,
      code: 'unsupported-suite',
    });
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(createLivenessDelegate(now, value, DELEGATE_OPTIONS).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('holds no key from which others follow, and forgets those that it has', () => {
    const pair = opened();
    const delegation = JSON.parse(pair.handOver());
    expect(Object.keys(delegation.keys)).toEqual(['skEi', 'skEr', 'skAi', 'skAr']);
    expect(JSON.stringify(delegation).length).toBeLessThan(10_000);
    expect(JSON.stringify(pair.delegate?.release(pair.now))).not.toContain(delegation.keys.skEi);
  });
});
