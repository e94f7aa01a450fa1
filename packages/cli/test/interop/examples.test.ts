import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { serverConfiguration } from './lab/configuration.ts';
import { fromSource } from './lab/ipsec-kit.ts';
import { addresses, createLab } from './lab/lab.ts';
import { StrongSwan } from './lab/strongswan.ts';

const gate = interopGate(['root', 'tun', 'netns'], 'the examples with TUN devices');
const swanGate = interopGate(['root', 'tun', 'netns', 'strongswan'], 'a delegate of strongSwan');

const example = (name: string): string =>
  fileURLToPath(new URL(`../../../../examples/${name}/main.ts`, import.meta.url));

describe.skipIf(gate.skip)('the examples', () => {
  it('client and server, wired by hand, carry packets both ways and clean up', async () => {
    const lab = await createLab();
    try {
      const start = (host: typeof lab.left, name: string, ...args: string[]) =>
        host.start(process.execPath, fromSource(example(name), ...args));
      const server = start(lab.right, 'server', 'a secret', '10.77.0.0/16');
      await server.waitFor(/listening/);
      const client = start(lab.left, 'client', addresses.right.v4, 'a secret', '10.77.0.0/16');
      await client.waitFor(/child-opened/);
      await lab.left.ping(addresses.right.inner4);
      await lab.right.ping('10.88.0.1', { source: addresses.right.inner4 });
      expect(await client.stop('SIGINT')).toBe(0);
      expect(await server.stop('SIGINT')).toBe(0);
      for (const host of [lab.left, lab.right]) {
        expect(await host.run('ip', 'link')).not.toContain('ipsec');
        expect(await host.run('ip', 'rule')).not.toMatch(/45\d{5}/);
      }
    } finally {
      await lab.close();
    }
  });
});

describe.skipIf(swanGate.skip)('a session with strongSwan 5.9.8, kept alive by a delegate', () => {
  it('answers what strongSwan asks every second, and goes on in step (RFC 7296 §2.1, §2.4)', async ({
    task,
  }) => {
    const lab = await createLab();
    try {
      const swan = await StrongSwan.start(
        lab.right,
        serverConfiguration({ serverExtra: 'dpd_delay = 1s' }),
      );
      const secret = 'correct horse battery staple';
      const owner = lab.left.start(
        process.execPath,
        fromSource(example('delegation'), addresses.right.v4, secret, '8'),
      );
      await owner.waitFor(/taken back \((asked|silence)\): ([4-9]|\d\d) requests answered/, 30_000);
      const answered = /(\d+) requests answered/.exec(lab.outputs())?.[1];
      task.meta.figures = `${answered} questions of strongSwan answered by the delegate in 8 s`;
      await owner.waitFor(/in step/, 10_000);
      await owner.waitFor(/closed on this side/, 10_000);
      expect(await swan.listSas()).not.toContain('ESTABLISHED');
    } finally {
      await lab.close();
    }
  });
});
