import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { fromSource } from './lab/ipsec-kit.ts';
import { addresses, type Lab } from './lab/lab.ts';
import type { StrongSwan } from './lab/strongswan.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'exchanges with strongSwan in both roles',
);

const halfOpen = fileURLToPath(new URL('./lab/half-open.ts', import.meta.url));

async function swanLogs(swan: StrongSwan | undefined, pattern: RegExp): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (pattern.test((await swan?.log()) ?? '')) return;
    await pause(100);
  }
  throw new Error(`strongSwan never logged ${pattern}`);
}

describe.skipIf(gate.skip)('exchanges with strongSwan 5.9.8', () => {
  for (const ours of ['client', 'server'] as const) {
    const extra = ours === 'client' ? 'serverExtra' : 'clientExtra';

    it(`ours as ${ours}: the peer's DPD is answered (RFC 7296 §2.4)`, () =>
      withTunnel(ours, { [extra]: 'dpd_delay = 1s' }, async ({ swan }) => {
        await swanLogs(swan, /parsed INFORMATIONAL (request|response) \d+ \[ \]/);
        await pause(3000);
        expect(await swan?.listSas()).toContain('ESTABLISHED');
      }));

    it(`ours as ${ours}: the peer's DELETE of the IKE SA is honoured (RFC 7296 §1.4.1)`, () =>
      withTunnel(ours, {}, async ({ lab, swan, client, server }) => {
        await swan?.swanctl('--terminate', '--ike', ours === 'client' ? 'rw' : 'home');
        if (client) expect(await client.process.exited).toBe(7);
        if (server) {
          await server.process.waitFor(/closed/);
          expect(await lab.right.run('ip', 'route')).not.toContain('10.88.0.1');
        }
      }));

    it(`ours as ${ours}: the peer's DELETE of the Child SA is honoured (RFC 7296 §1.4.1)`, () =>
      withTunnel(ours, {}, async ({ lab, swan, client, server }) => {
        await swan?.swanctl('--terminate', '--child', 'net');
        await (client ?? server)?.process.waitFor(/Child SA.*closed/);
        await expect(
          lab.left.ping(addresses.right.inner4, { count: 1, waitSeconds: 2 }),
        ).rejects.toThrow();
      }));

    it(`ours as ${ours}: SIGTERM closes with DELETE, also while packets flow (RFC 7296 §1.4.1)`, () =>
      withTunnel(ours, {}, async ({ lab, swan, client, server }) => {
        const flood = lab.left.start('ping', ['-i', '0.01', '-q', addresses.right.inner4]);
        await pause(500);
        expect(await (client ?? server)?.stop('SIGTERM')).toBe(0);
        await flood.stop('SIGINT');
        expect(await swan?.listSas()).not.toContain('ESTABLISHED');
        const host = client ? lab.left : lab.right;
        expect(await host.run('ip', 'link')).not.toMatch(/tun|ipsec/);
        expect(await host.run('ip', 'route')).not.toMatch(/10\.(77|88)/);
      }));

    it(`ours as ${ours}: another key exchange method is found through INVALID_KE_PAYLOAD (RFC 7296 §1.2)`, () => {
      const [clientIke, serverIke] = [
        'aes256-sha256-ecp256, aes256-sha256-modp2048',
        'aes256-sha256-modp2048',
      ];
      return withTunnel(ours, { clientIke, serverIke }, async ({ lab, client, server, swan }) => {
        await lab.left.ping(addresses.right.inner4);
        if (client) expect(client.process.output).toContain('INVALID_KE_PAYLOAD');
        if (server) expect(server.process.output).toContain('INVALID_KE_PAYLOAD');
        if (server)
          expect(await swan?.log()).toMatch(/didn't accept (DH group|key exchange method) ECP_256/);
      });
    });

    for (const where of ['ours', 'theirs'] as const) {
      it(`ours as ${ours}: IKE_AUTH in fragments with fragment_size = 300 at ${where} (RFC 7383)`, () => {
        const settings = 'fragment_size = 300';
        return withTunnel(
          ours,
          { [extra]: 'fragmentation = yes', longNames: true },
          async ({ lab, client, server, swan }) => {
            await lab.left.ping(addresses.right.inner4);
            expect(`${(client ?? server)?.process.output}`).toMatch(/fragments/);
            expect(await swan?.log()).toMatch(
              where === 'ours'
                ? /received fragment #\d of \d/
                : /splitting IKE message .* into \d fragments/,
            );
          },
          where === 'ours' ? { ourSettings: settings } : { swanSettings: settings },
        );
      });
    }
  }

  // One half-open IKE SA from somewhere else is what makes a responder ask for cookies.
  const halfOpenElsewhere = {
    beforeClient: async (lab: Lab): Promise<void> => {
      const other = lab.left.start(process.execPath, fromSource(halfOpen, addresses.right.v4));
      await other.waitFor(/answered/);
    },
  };
  const askEarly = 'cookie_threshold = 1';

  it('ours as client: a COOKIE is returned (RFC 7296 §2.6)', () =>
    withTunnel(
      'client',
      {},
      async ({ lab, client }) => {
        await lab.left.ping(addresses.right.inner4);
        expect(client?.process.output).toContain('COOKIE');
      },
      { swanSettings: askEarly, ...halfOpenElsewhere },
    ));

  it('ours as server: a COOKIE is asked for and the returned one accepted (RFC 7296 §2.6)', () =>
    withTunnel(
      'server',
      {},
      async ({ lab, swan }) => {
        await lab.left.ping(addresses.right.inner4);
        expect(await swan?.log()).toMatch(/parsed IKE_SA_INIT response 0 \[ N\(COOKIE\) \]/);
      },
      { ourSettings: askEarly, ...halfOpenElsewhere },
    ));
});
