import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { addresses } from './lab/lab.ts';
import { Background, run } from './lab/shell.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan', 'tshark'],
  'decryption of our packets by tshark',
);

/** Runs tshark on a capture with a profile directory that holds our key tables. */
async function dissect(dir: string, capture: string, ...args: string[]): Promise<string> {
  const configuration = join(dir, 'wireshark');
  mkdirSync(configuration, { recursive: true });
  for (const file of readdirSync(join(dir, 'keys')))
    await run('cp', [join(dir, 'keys', file), configuration]);
  const tshark = new Background(
    'tshark',
    [
      '-r',
      capture,
      '-o',
      'esp.enable_encryption_decode:TRUE',
      '-d',
      'udp.port==4500,udpencap',
      ...args,
    ],
    { WIRESHARK_CONFIG_DIR: configuration },
  );
  await tshark.exited;
  return tshark.output;
}

describe.skipIf(gate.skip)('the key log and the capture', () => {
  for (const [ike, esp] of [
    ['aes256-sha256-x25519', 'aes256gcm16'],
    ['aes128gcm16-prfsha256-ecp256', 'aes128-sha256'],
  ] as const) {
    for (const ours of ['client', 'server'] as const) {
      it(`ours as ${ours}: tshark decrypts IKE ${ike} and ESP ${esp} and finds nothing malformed`, () => {
        let dir = '';
        return withTunnel(
          ours,
          { ike, esp },
          async ({ lab, client, server }) => {
            const host = client ? lab.left : lab.right;
            dir = join(host.dir, 'log');
            await lab.left.ping(addresses.right.inner4);
            await (client ?? server)?.stop();
            const capture = join(dir, 'capture.pcapng');
            const inside = await dissect(
              dir,
              capture,
              '-Y',
              'isakmp.exchangetype == 35',
              '-T',
              'fields',
              '-e',
              'isakmp.typepayload',
            );
            // IDi 35, AUTH 39, CP 47, SA 33, TSi 44, TSr 45 inside SK 46.
            for (const payload of ['46', '35', '39', '47', '33', '44', '45'])
              expect(inside).toMatch(new RegExp(`\\b${payload}\\b`));
            const pings = await dissect(
              dir,
              capture,
              '-Y',
              'esp && icmp',
              '-T',
              'fields',
              '-e',
              'ip.src',
              '-e',
              'ip.dst',
            );
            expect(pings).toContain('10.88.0.1');
            expect(pings).toContain(addresses.right.inner4);
            const frames = ['-T', 'fields', '-e', 'frame.number'];
            const malformed = await dissect(dir, capture, '-Y', '_ws.malformed', ...frames);
            expect(malformed).not.toMatch(/^\d+$/m);
            // The same question with an answer: it is not the filter that finds nothing.
            expect(await dissect(dir, capture, '-Y', 'isakmp', ...frames)).toMatch(/^\d+$/m);
          },
          {
            prepare: async (lab) => {
              dir = join((ours === 'client' ? lab.left : lab.right).dir, 'log');
              mkdirSync(join(dir, 'keys'), { recursive: true });
            },
            ourArgs: (host) => [
              '--keylog',
              join(host.dir, 'log', 'keys'),
              '--pcap',
              join(host.dir, 'log', 'capture.pcapng'),
            ],
          },
        );
      });
    }
  }
});
