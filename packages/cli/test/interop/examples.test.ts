import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { byCertificate, layOut, SERVER_NAME, strongSwanPki } from './lab/certificates.ts';
import { serverConfiguration } from './lab/configuration.ts';
import { fromSource } from './lab/ipsec-kit.ts';
import { addresses, createLab, type Lab } from './lab/lab.ts';
import type { Background } from './lab/shell.ts';
import { StrongSwan } from './lab/strongswan.ts';

const gate = interopGate(['root', 'tun', 'netns'], 'the examples with TUN devices');
const swanGate = interopGate(['root', 'tun', 'netns', 'strongswan'], 'a delegate of strongSwan');

const keyGate = interopGate(
  ['root', 'tun', 'netns', 'strongswan', 'pki'],
  'a private key in another process',
);

const example = (name: string, file = 'main'): string =>
  fileURLToPath(new URL(`../../../../examples/${name}/${file}.ts`, import.meta.url));

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
  const secret = 'correct horse battery staple';

  /** The example, with a strongSwan that asks every second and whose list of addresses is final. */
  async function delegated(
    story: (owner: Background, lab: Lab, swan: StrongSwan) => Promise<void>,
  ): Promise<void> {
    const lab = await createLab();
    try {
      // A link-local address that is still being checked would be told in the middle, as a request that is no question.
      await expect
        .poll(() => lab.right.run('ip', '-6', 'addr', 'show', 'dev', 'eth0'), { timeout: 10_000 })
        .not.toContain('tentative');
      const configuration = serverConfiguration({ serverExtra: 'dpd_delay = 1s' });
      const swan = await StrongSwan.start(lab.right, configuration);
      const main = example('delegation');
      const owner = lab.left.start(
        process.execPath,
        fromSource(main, addresses.right.v4, secret, '8'),
      );
      await story(owner, lab, swan);
      await owner.waitFor(/in step/);
      await owner.waitFor(/closed on this side/);
      expect(await swan.listSas()).not.toContain('ESTABLISHED');
      expect(await owner.exited).toBe(0);
    } finally {
      await lab.close();
    }
  }

  it('answers what strongSwan asks every second, and goes on in step (RFC 7296 §2.1, §2.4)', async ({
    task,
  }) => {
    await delegated(async (owner) => {
      const [, answered] = await owner.waitFor(/taken back \(asked\): (\d+) requests/);
      expect(Number(answered)).toBeGreaterThanOrEqual(4);
      task.meta.figures = `${answered} questions of strongSwan answered by the delegate in 8 s`;
    });
  });

  it('wakes the owner for a request that is more than a question, which the owner answers (RFC 4555 §3.6)', async () => {
    await delegated(async (owner, lab, swan) => {
      await owner.waitFor(/delegated:/);
      await lab.right.run('ip', 'addr', 'add', '10.99.0.77/24', 'dev', 'eth0');
      await owner.waitFor(/taken back \(request\)/);
      const exchange = async (): Promise<string> => {
        const log = await swan.log();
        const [, id] = /generating INFORMATIONAL request (\d+) \[ .*ADD_4_ADDR/.exec(log) ?? [];
        return log.includes(`parsed INFORMATIONAL response ${id} `)
          ? 'answered'
          : `open: ${id}\n${log}`;
      };
      await expect.poll(exchange, { timeout: 10_000 }).toBe('answered');
    });
  });
});

describe.skipIf(keyGate.skip)(
  'a client of strongSwan 5.9.8 whose private key another process has',
  () => {
    /** The example, with a signer of one manner, and what the client said. */
    async function withSigner(kind: 'rsa' | 'ecdsa256', manner: string) {
      const lab = await createLab();
      try {
        const pki = strongSwanPki(kind);
        layOut(lab, pki);
        const configuration = serverConfiguration({
          server: {
            local: byCertificate.server.local,
            remote: 'auth = pubkey\n cacerts = ca.pem',
          },
        });
        const swan = await StrongSwan.start(lab.right, configuration);
        const socket = join(lab.left.dir, 'signer.sock');
        const files = [pki.client.certificate, ...(pki.client.intermediates ?? [])];
        const chain = lab.left.file(
          'chain.pem',
          files.map((file) => readFileSync(file, 'utf8')).join(''),
        );
        const start = (name: string, ...args: string[]) =>
          lab.left.start(process.execPath, fromSource(example('key-elsewhere', name), ...args));
        const signer = start('signer', socket, pki.client.key, manner);
        await signer.waitFor(/ready to sign/);
        const client = start('main', addresses.right.v4, SERVER_NAME, chain, pki.ca, socket);
        await signer.waitFor(/asked for/);
        const from = performance.now();
        const code = await client.exited;
        const ms = performance.now() - from;
        await signer.stop('SIGTERM');
        return { code, ms, said: client.output, heard: signer.output, theirs: await swan.log() };
      } finally {
        await lab.close();
      }
    }

    it.each([
      ['rsa', 'rsa-pss', '1500'],
      ['ecdsa256', 'ecdsa', '2000'],
    ] as const)(
      '%s: signs by %s, in its own time: %s ms (RFC 7427 §3)',
      async (kind, algorithm, manner) => {
        const { code, said, heard, theirs } = await withSigner(kind, manner);
        const [, tookMs] = /open: signed elsewhere, in (\d+) ms/.exec(said) ?? [];
        expect(Number(tookMs)).toBeGreaterThanOrEqual(Number(manner));
        expect(said).toContain('10.77.0.1 answered "hello"');
        expect(code).toBe(0);
        expect(heard.match(/asked for .*/g)).toEqual([`asked for ${algorithm}`]);
        expect(theirs).toMatch(/authentication of '.*CN=alice' with \S+ successful/);
      },
    );

    it.each([
      ['refuse', 'the signer refused to sign'],
      ['die', 'the signer went away before it had signed'],
      ['silent', 'the signer said nothing for 5000 ms'],
    ])('a signer in the mood %s: the client says why, soon, and ends', async (manner, reason) => {
      const { code, ms, said, theirs } = await withSigner('ecdsa256', manner);
      expect(said).toMatch(
        new RegExp(`^The signature for .*CN=alice.* failed: ${reason}\\.$`, 'm'),
      );
      expect(said).not.toMatch(/\n\s+at /);
      expect(code).toBe(1);
      expect(ms).toBeLessThan(15_000);
      expect(theirs).not.toContain('established');
    });
  },
);
