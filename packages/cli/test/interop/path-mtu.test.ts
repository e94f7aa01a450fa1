import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { address, addresses, build, type Lab, link } from './lab/lab.ts';
import { run } from './lab/shell.ts';
import { transfer } from './lab/transfer.ts';
import { type Ours, withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'strongswan'],
  'a path with a hop that silently drops large packets',
);

/** Two hosts with links of 1500 bytes, and a router between them that takes such packets in and passes on only those of
 * `hopBytes`: it says nothing about the others.
 */
async function createBlackHole(hopBytes: number): Promise<Lab> {
  const lab = await build(async (left, right, router) => {
    await link(router, left, 'near');
    await link(router, right, 'far');
    await address(left, addresses.left);
    await address(right, addresses.right);
    // Between namespaces the kernel would carry up to 64 KB as one: the hop is to see packets as a wire has them.
    for (const host of [left, right]) {
      await run('ip', ['-n', host.name, 'link', 'set', 'eth0', 'gso_max_segs', '1']);
    }
    // One bridge, so that both hosts are on one network.
    const ip = (...args: string[]): Promise<string> => run('ip', ['-n', router.name, ...args]);
    await ip('link', 'add', 'bridge', 'type', 'bridge');
    for (const device of ['near', 'far']) await ip('link', 'set', device, 'master', 'bridge', 'up');
    await ip('link', 'set', 'bridge', 'up');
  });
  await narrow(lab, hopBytes);
  return lab;
}

/** Has the hop pass on packets of this size from now on, and no larger ones. */
async function narrow({ router }: Lab, hopBytes: number): Promise<void> {
  await router.run('nft', 'flush ruleset');
  await router.run('nft', 'add table bridge hop');
  await router.run(
    'nft',
    'add chain bridge hop pass { type filter hook forward priority 0 ; policy accept ; }',
  );
  await router.run('nft', `add rule bridge hop pass ip length > ${hopBytes} drop`);
}

describe.skipIf(gate.skip)('a black hole (RFC 8899, RFC 2923)', () => {
  const rows: readonly (readonly [Ours, string, number])[] = [
    ['both', 'two of ours', 1280],
    ['both', 'two of ours', 1400],
    ['client', 'our client with strongSwan', 1280],
    ['client', 'our client with strongSwan', 1400],
    ['server', 'our server with strongSwan', 1400],
  ];
  for (const [ours, who, hopBytes] of rows) {
    it(`of ${hopBytes} bytes between ${who}: TCP both ways goes on, and the status says what comes through`, () =>
      withTunnel(
        ours,
        {},
        async ({ lab, client, server }) => {
          const began = performance.now();
          await transfer(lab.left, lab.right, addresses.right.inner4, 5, 'up');
          await transfer(lab.left, lab.right, addresses.right.inner4, 5, 'down');
          expect(performance.now() - began).toBeLessThan(60_000);
          for (const side of [client, server]) {
            if (!side) continue;
            const [, found] = await side.process.waitFor(
              /packets of (\d+) bytes come through/,
              60_000,
            );
            expect(Number(found)).toBeLessThanOrEqual(hopBytes);
            expect(Number(found)).toBeGreaterThan(hopBytes - 10);
            expect(await side.command('status')).toContain(`path MTU ${found}`);
          }
        },
        { makeLab: () => createBlackHole(hopBytes) },
      ));
  }

  it('that opens under a connection which has begun with large packets: it goes on within seconds', () =>
    withTunnel(
      'both',
      {},
      async ({ lab, client, server }) => {
        for (const side of [client, server]) {
          await side?.process.waitFor(/packets of 1500 bytes come through/);
        }
        const whole = transfer(lab.left, lab.right, addresses.right.inner4, 60, 'up', 2);
        await pause(3_000);
        await narrow(lab, 1300);
        await client?.process.waitFor(/large packets do not come through/, 90_000);
        await whole;
        // Padding makes steps of 4 bytes of what is sent.
        await client?.process.waitFor(/packets of 1(29\d|30[0-3]) bytes come through/, 60_000);
      },
      { makeLab: () => createBlackHole(1500) },
    ));
});
