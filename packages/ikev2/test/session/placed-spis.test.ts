import { describe, expect, it } from 'vitest';
import type { PlaceChildSpi } from '../../src/index.ts';
import { child, Pair, selector } from '../pair.ts';

const LANES = 8;
const children = ['10.1.0.0/16', '10.2.0.0/16'].map((prefix, index) => {
  const both = [selector(prefix)];
  return child({ name: `net-${index + 1}`, localSelectors: both, remoteSelectors: both });
});

/** Gives the SAs of each peer a lane of their own, beginning with 0. */
function lanes(): PlaceChildSpi {
  let next = 0;
  return (drawn, beside) => {
    const lane = beside === undefined ? next : beside % LANES;
    if (beside === undefined) next += 1;
    return drawn - (drawn % LANES) + lane;
  };
}

describe('SPIs that the packet path places', () => {
  for (const [way, work] of Object.entries({
    'a further Child SA': { kind: 'create-child', sessionId: 1, child: 'net-2' },
    'a rekey of a Child SA': { kind: 'rekey-child', sessionId: 1, childId: 1 },
    'a reauthentication': { kind: 'reauthenticate', sessionId: 1 },
  } as const)) {
    it(`stay where the first one of the peer is, through ${way} (RFC 7296 §1.3)`, () => {
      const pair = new Pair({
        client: { children, makeBeforeBreak: true },
        server: { children },
        // The client draws first, then the server: 0 and 1.
        placeSpi: lanes(),
      });
      const placed = { client: new Set<number>(), server: new Set<number>() };
      let installed = 0;
      for (const name of ['client', 'server'] as const) {
        pair[name].onInstall = ({ inboundSpi }) => {
          installed += 1;
          placed[name].add(inboundSpi % LANES);
        };
      }
      pair.open();
      pair.client.command(work);
      pair.drive(20_000);
      expect(installed).toBe(4);
      expect([...placed.client]).toEqual([0]);
      expect([...placed.server]).toEqual([1]);
    });
  }

  it('are drawn again where the place is taken, and are none that is reserved (RFC 4303 §2.1)', () => {
    let calls = 0;
    const taken = 0x1000;
    const pair = new Pair({
      client: { children },
      server: { children },
      placeSpi: (drawn) => {
        expect(drawn).toBeGreaterThanOrEqual(256);
        calls += 1;
        return [taken, taken, 5, taken, taken + 1][calls - 1] ?? drawn;
      },
    }).open();
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
    pair.drive(1_000);
    const spis = [...pair.client.children.values()].map(({ inboundSpi }) => inboundSpi);
    expect(spis).toEqual([taken, taken + 1]);
    expect(pair.client.seen('child-opened')).toHaveLength(2);
  });
});
