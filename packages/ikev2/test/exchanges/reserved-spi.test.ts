import { Ke, TransformType } from '@ipsec-kit/crypto';
import { describe, expect, it } from 'vitest';
import type { ConfiguredProposal } from '../../src/index.ts';
import { child, ESP_GCM, Pair, selector } from '../pair.ts';

const [FIRST, SECOND] = ['10.1.0.0/16', '10.2.0.0/16'].map((prefix, index) => {
  const both = [selector(prefix)];
  return child({ name: `net-${index + 1}`, localSelectors: both, remoteSelectors: both });
});
if (!FIRST || !SECOND) throw new Error('two children');

function withGroups(...methods: number[]): ConfiguredProposal {
  const groups = methods.map((id) => ({ type: TransformType.KE, id }));
  return { transforms: [...ESP_GCM.transforms, ...groups] };
}

/** What the packet path was told and what was sent since, without what came. */
function doneSince(pair: Pair, from: Pair['now']): string[] {
  return pair.client.stepsSince(from).filter((step) => !step.startsWith('received'));
}

describe('the SPI that a CREATE_CHILD_SA request promises (RFC 7296 §2.8)', () => {
  for (const kind of ['create-child', 'rekey-child'] as const) {
    it(`takes packets before the answer comes: ${kind}`, () => {
      const children = [FIRST, SECOND];
      const pair = new Pair({ client: { children }, server: { children } }).open();
      const from = pair.now;
      pair.client.command(
        kind === 'create-child'
          ? { kind, sessionId: 1, child: 'net-2' }
          : { kind, sessionId: 1, childId: 1 },
      );
      pair.drive(1_000);
      const install = kind === 'create-child' ? 'install 2' : 'install 2 for 1';
      expect(doneSince(pair, from).slice(0, 3)).toEqual([
        'reserve',
        'sent CREATE_CHILD_SA request',
        install,
      ]);
      expect(doneSince(pair, from)).not.toContain('release');
    });
  }

  it('is given back when the peer refuses, and kept while it wants another group', () => {
    const pair = new Pair({
      client: { children: [FIRST, { ...SECOND, proposals: [withGroups(Ke.CURVE25519)] }] },
      server: { children: [FIRST, { ...SECOND, proposals: [withGroups(Ke.ECP_256)] }] },
    }).open();
    const from = pair.now;
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
    pair.drive(1_000);
    expect(pair.client.seen('child-failed')).toHaveLength(1);
    expect(doneSince(pair, from)).toEqual(['reserve', 'sent CREATE_CHILD_SA request', 'release']);

    const both = [withGroups(Ke.CURVE25519, Ke.ECP_256)];
    const again = new Pair({
      client: { children: [FIRST, { ...SECOND, proposals: both }] },
      server: { children: [FIRST, { ...SECOND, proposals: [withGroups(Ke.ECP_256)] }] },
    }).open();
    again.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
    again.drive(1_000);
    const steps = again.client.steps.map(({ what }) => what);
    expect(steps.filter((step) => step === 'sent CREATE_CHILD_SA request')).toHaveLength(2);
    expect(steps).not.toContain('release');
    expect(again.client.children.size).toBe(2);
  });

  it('is given back when the session ends before the answer', () => {
    const children = [FIRST, SECOND];
    const pair = new Pair({ client: { children }, server: { children } }).open();
    const from = pair.now;
    pair.wire = () => [];
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net-2' });
    pair.drive(300_000);
    expect(pair.client.closeCode).toBe('peer-dead');
    const steps = doneSince(pair, from);
    expect(steps.filter((step) => step === 'reserve' || step === 'release')).toEqual([
      'reserve',
      'release',
    ]);
  });
});
