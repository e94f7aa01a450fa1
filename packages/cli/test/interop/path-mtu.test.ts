import { setTimeout as pause } from 'node:timers/promises';
import { requestStatus } from '@ipsec-kit/vpn';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { address, addresses, build, createNatLab, type Host, type Lab, link } from './lab/lab.ts';
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

/** Two hosts with links of 1500 bytes, and a router between them whose link to the right one carries `hopBytes`, and which says so
 * to whoever sends more (RFC 1191, RFC 8201).
 */
async function createNarrowRouter(hopBytes: number): Promise<Lab> {
  const lab = await createNatLab();
  const { left, right, router } = lab;
  await router.run('nft', 'flush ruleset');
  for (const [host, device] of [
    [router, 'outside'],
    [right, 'eth0'],
  ] as const)
    await host.run('ip', 'link', 'set', device, 'mtu', `${hopBytes}`);
  await right.run('ip', 'route', 'add', '10.98.0.0/24', 'via', addresses.left.v4);
  await right.run('ip', '-6', 'route', 'add', 'fd98::/64', 'via', addresses.left.v6);
  // Between namespaces the kernel would carry up to 64 KB as one: the router is to see packets as a wire has them.
  await left.run('ip', 'link', 'set', 'eth0', 'gso_max_segs', '1');
  return lab;
}

/** Fragments that came to a host. */
async function fragmentsAt(host: Host): Promise<number> {
  const [names = [], values = []] = (await host.run('cat', '/proc/net/snmp'))
    .split('\n')
    .filter((line) => line.startsWith('Ip: '))
    .map((line) => line.split(' '));
  const of6 = (await host.run('cat', '/proc/net/snmp6')).match(/Ip6ReasmReqds\s+(\d+)/);
  return Number(values[names.indexOf('ReasmReqds')]) + Number(of6?.[1]);
}

describe.skipIf(gate.skip)('a router that says what it cannot pass on (RFC 8899 §4.6)', () => {
  for (const [outer, hopBytes] of [
    [4, 1400],
    [4, 1337],
    [6, 1400],
  ] as const) {
    it(`${hopBytes} bytes, IPv${outer} outside: what it says is tried and used at once, nothing is fragmented, and TCP both ways goes on`, ({
      task,
    }) =>
      withTunnel(
        'both',
        { outer },
        async ({ lab, client }) => {
          const began = performance.now();
          const used = async (): Promise<number | undefined> =>
            (client && (await requestStatus(client.control)))?.sessions[0]?.pathMtuBytes;
          // Without a word from the router it takes three lost probes, 6 s.
          await expect.poll(used, { interval: 50, timeout: 4_000 }).toBeGreaterThan(hopBytes - 10);
          task.meta.figures = `${await used()} bytes after ${Math.round(performance.now() - began)} ms`;
          expect(await used()).toBeLessThanOrEqual(hopBytes);
          await transfer(lab.left, lab.right, addresses.right.inner4, 5, 'up');
          await transfer(lab.left, lab.right, addresses.right.inner4, 5, 'down');
          for (const host of [lab.left, lab.right]) expect(await fragmentsAt(host)).toBe(0);
        },
        { makeLab: () => createNarrowRouter(hopBytes) },
      ));
  }
});

describe.skipIf(gate.skip)('a load that begins with the tunnel', () => {
  for (const [title, ourArgs] of [
    ['', []],
    [' without FFI', ['--portable']],
  ] as const) {
    it(`both ends know what comes through while TCP goes on both ways${title}`, ({ task }) =>
      withTunnel(
        'both',
        { pool: false },
        async ({ lab, client, server }) => {
          const began = performance.now();
          const flow = (way: 'up' | 'down') =>
            transfer(lab.left, lab.right, addresses.right.inner4, 24, way, 4);
          const flows = Promise.all([flow('up'), flow('down')]);
          const hasEnded = flows.then(() => true);
          for (const end of [client, server]) {
            const known = end?.process.waitFor(/packets of 1500 bytes come through/);
            expect(await Promise.race([known?.then(() => false), hasEnded])).toBe(false);
          }
          task.meta.figures = `known after ${Math.round(performance.now() - began)} ms`;
          await flows;
        },
        { ourArgs: () => ourArgs },
      ));
  }
});

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
