import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { clientConfiguration } from './lab/configuration.ts';
import { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, createLab } from './lab/lab.ts';
import { transfer } from './lab/transfer.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan', 'python3'],
  'packet paths with strongSwan 5.9.8',
);

const portable = { ourArgs: () => ['--portable'] } as const;

const preload = fileURLToPath(new URL('./lab/without-ffi.cjs', import.meta.url));

/** Node as on a machine that lacks functions, or `koffi` altogether. */
function lacking(functions: string): Record<string, string> {
  return { NODE_OPTIONS: `--require ${preload}`, IPSEC_KIT_LAB_WITHOUT: functions };
}

/** Opens the device before the command starts, as it has to be where Node has no FFI. */
const ourLauncher = ['python3', fileURLToPath(new URL('./lab/open-tun.py', import.meta.url))];

/** The TUN devices of a host. */
function devicesOf(host: string): string {
  return execFileSync('ip', ['netns', 'exec', host, 'ip', '-details', 'tuntap', 'list'], {
    encoding: 'utf8',
  });
}

/** Whether a device of the tunnel was made with vnet headers, without which there are no offloads. */
function hasOffloads(host: string): boolean {
  return /tun.*vnet_hdr/.test(devicesOf(host));
}

describe.skipIf(gate.skip)('who carries packets', () => {
  for (const ours of ['client', 'server'] as const) {
    it(`ours as ${ours}: a worker with offloads, and says nothing of a slower way`, () =>
      withTunnel(ours, {}, async ({ lab, client, server }) => {
        await transfer(lab.left, lab.right, addresses.right.inner4, 50, 'up');
        await transfer(lab.left, lab.right, addresses.right.inner4, 50, 'down');
        expect(hasOffloads((client ? lab.left : lab.right).name)).toBe(true);
        expect((client ?? server)?.process.output).not.toMatch(/slower/);
      }));

    it(`ours as ${ours}: --portable, node:dgram and node:crypto`, () =>
      withTunnel(
        ours,
        {},
        async ({ lab, client, server }) => {
          await transfer(lab.left, lab.right, addresses.right.inner4, 10, 'up');
          await transfer(lab.left, lab.right, addresses.right.inner4, 10, 'down');
          expect(hasOffloads((client ? lab.left : lab.right).name)).toBe(true);
          expect(await (client ?? server)?.stop()).toBe(0);
        },
        portable,
      ));
  }

  for (const [what, functions, sentence] of [
    [
      'batched system calls',
      'recvmmsg',
      /Packets are carried with node:dgram and node:crypto, which is slower: /,
    ],
    [
      'OpenSSL in reach',
      'EVP_.*',
      /Packets are carried slower than they could be: node:crypto seals and opens packets: /,
    ],
  ] as const) {
    it(`ours as both, without ${what}: one line says so, and everything is carried all the same`, () =>
      withTunnel(
        'both',
        {},
        async ({ lab, client, server }) => {
          await transfer(lab.left, lab.right, addresses.right.inner4, 10, 'up');
          await transfer(lab.left, lab.right, addresses.right.inner4, 10, 'down');
          for (const end of [client, server]) {
            const lines = end?.process.output.split('\n') ?? [];
            expect(lines.filter((line) => sentence.test(line))).toHaveLength(1);
            expect(lines.filter((line) => /slower/.test(line))).toHaveLength(1);
          }
          for (const host of [lab.left, lab.right]) expect(hasOffloads(host.name)).toBe(true);
        },
        { ourEnvironment: lacking(functions) },
      ));
  }

  for (const [how, environment, slower] of [
    ['without koffi, and one line says that it is slower', lacking('koffi'), 1],
    ['by a worker', {}, 0],
  ] as const) {
    it(`ours as both, a TUN device that came as a descriptor: carried ${how}`, () =>
      withTunnel(
        'both',
        {},
        async ({ lab, client, server }) => {
          await lab.left.ping(addresses.right.inner4);
          await transfer(lab.left, lab.right, addresses.right.inner4, 2, 'up');
          await transfer(lab.left, lab.right, addresses.right.inner4, 2, 'down');
          for (const end of [client, server]) {
            const lines = end?.process.output.split('\n') ?? [];
            expect(lines.filter((line) => /slower/.test(line))).toHaveLength(slower);
            expect(await end?.stop()).toBe(0);
          }
          for (const { name } of [lab.left, lab.right]) expect(devicesOf(name)).toBe('');
        },
        { ourEnvironment: environment, ourLauncher, ourArgs: () => ['--tun-fd', '3'] },
      ));
  }

  it('ours as client, where koffi is not installed: no device can be made, and the last line says what to do', async () => {
    const lab = await createLab();
    try {
      const configuration = clientConfiguration();
      const options = { environment: lacking('koffi'), wait: false };
      const client = await IpsecKit.start(lab.left, 'connect', configuration, options);
      expect(await client.process.exited).not.toBe(0);
      expect(client.process.output.trim().split('\n').at(-1)).toMatch(
        /package koffi, .* cannot be loaded: install it .*, or hand over .* TUN device \(`--tun-fd`\)/,
      );
    } finally {
      await lab.close();
    }
  });

  for (const ours of ['client', 'both'] as const) {
    it(`ours as ${ours}: SIGTERM while packets flow ends it in order`, () =>
      withTunnel(ours, {}, async ({ lab, client, server }) => {
        const flood = ['-q', '-f', '-c', '100000', '-s', '1000', addresses.right.inner4];
        const ping = lab.left.start('ping', flood);
        await lab.left.ping(addresses.right.inner4);
        expect(await client?.stop()).toBe(0);
        if (server) expect(await server.stop()).toBe(0);
        await ping.stop();
        expect(await lab.left.run('ip', '-details', 'tuntap', 'list')).toBe('');
      }));
  }
});
