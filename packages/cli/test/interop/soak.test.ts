import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { soak } from './lab/soak.ts';

const gate = interopGate(['root', 'tun', 'netns', 'nft', 'conntrack'], 'a tunnel for a minute');

describe.skipIf(gate.skip)('a minute of TCP both ways', () => {
  it('through rekeys, reauthentications, lost packets and NAT mappings that change: every byte arrives, and nothing grows', async ({
    task,
  }) => {
    const { rows, faults } = await soak(50);
    task.meta.figures = rows.map(([name, ...ends]) => `${name}: ${ends.join(', ')}`).join('; ');
    expect(faults).toEqual([]);
  });
});
