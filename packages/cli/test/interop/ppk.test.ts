import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { clientConfiguration, serverConfiguration, type Tunnel } from './lab/configuration.ts';
import { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, createLab, type Lab } from './lab/lab.ts';
import { plugins, StrongSwan } from './lab/strongswan.ts';
import { type Ours, withTunnel } from './lab/tunnel.ts';

const gate = interopGate(['root', 'tun', 'netns', 'strongswan'], 'post-quantum pre-shared keys');

const ppk = (secret: string): string => `ppk-carol {
    id = carol@example.org
    secret = "${secret}"
  }`;
const KEY = ppk('0sT3RoZXJzIHdpbGwgZ3Vlc3MgdGhpcyBrZXkgbmV2ZXI=');
const OTHER = ppk('0sYW5vdGhlciBrZXkgdGhhdCBpcyBub3QgdGhlIHNhbWU=');
const NAMED = 'ppk_id = carol@example.org';
const REQUIRED = `${NAMED}\n    ppk_required = yes`;

const withKey = {
  clientExtra: REQUIRED,
  serverExtra: REQUIRED,
  clientSecrets: KEY,
  serverSecrets: KEY,
} as const;

describe.skipIf(gate.skip)('post-quantum pre-shared keys with strongSwan 5.9.8 (RFC 8784)', () => {
  for (const ours of ['client', 'server'] as const) {
    it(`ours as ${ours}: the right key carries packets, through rekeys of both sides, where it is not applied again`, () =>
      withTunnel(ours, withKey, async ({ lab, swan, client, server }) => {
        const own = client ?? server;
        expect(own?.process.output).toMatch(
          /established: .*; with the post-quantum pre-shared key/,
        );
        await lab.left.ping(addresses.right.inner4);
        await own?.ask({ action: 'rekey' });
        await own?.ask({ action: 'rekey', child: 'net' });
        await lab.left.ping(addresses.right.inner4);
        await swan?.swanctl('--rekey', '--ike', ours === 'client' ? 'rw' : 'home');
        await own?.process.waitFor(/IKE SA rekeyed by the peer/);
        await swan?.swanctl('--rekey', '--child', 'net');
        await lab.left.ping(addresses.right.inner4);
        expect(await swan?.log()).toMatch(/using PPK for PPK_ID 'carol@example.org'/);
      }));

    it(`ours as ${ours}: the right key goes into a new IKE SA of a reauthentication as well`, () =>
      withTunnel(
        ours,
        { ...withKey, clientExtra: `${REQUIRED}\n    reauth_time = 4s\n    rand_time = 0s` },
        async ({ lab, swan, client, server }) => {
          const uses = async (): Promise<number> =>
            (await swan?.log())?.match(/using PPK for PPK_ID/g)?.length ?? 0;
          await expect.poll(uses, { timeout: 15_000, interval: 200 }).toBeGreaterThan(1);
          const own = client ?? server;
          await expect
            .poll(() => own?.process.output, { timeout: 5_000 })
            .toMatch(/reauthenticated by|established(.|\n)*established/);
          await lab.left.ping(addresses.right.inner4);
        },
      ));

    it(`ours as ${ours}: a peer without any does without, where the key is optional`, () => {
      const client = ours === 'client';
      const tunnel = client
        ? { clientExtra: NAMED, clientSecrets: KEY }
        : { serverExtra: NAMED, serverSecrets: KEY };
      return withTunnel(ours, tunnel, async ({ lab, ...sides }) => {
        const own = sides.client ?? sides.server;
        expect(own?.process.output).toContain('WITHOUT a post-quantum pre-shared key');
        await lab.left.ping(addresses.right.inner4);
      });
    });

    it(`ours as ${ours}: a responder with keys of other names goes on with what was proven without (NO_PPK_AUTH)`, () => {
      const others = KEY.replaceAll('carol', 'dave');
      const tunnel = { clientExtra: NAMED, clientSecrets: KEY, serverSecrets: others };
      return withTunnel(ours, tunnel, async ({ lab, client, server }) => {
        const output = (client ?? server)?.process.output;
        expect(output).toContain('WITHOUT a post-quantum pre-shared key');
        expect(output).toContain('NO_PPK_AUTH');
        await lab.left.ping(addresses.right.inner4);
      });
    });
  }

  it('with EAP as both, the key is in AUTH behind the conversation', async () => {
    const eap = 'eap-user {\n    id = client\n    secret = "a password of a user"\n  }';
    for (const ours of ['client', 'server'] as const) {
      const tunnel: Tunnel = {
        ...withKey,
        client: {
          local: 'auth = eap-mschapv2\n      id = client',
          remote: 'auth = psk\n      id = server',
        },
        server: {
          local: 'auth = psk\n      id = server',
          remote: 'auth = eap-mschapv2\n      id = client',
        },
        clientSecrets: `${KEY}\n  ${eap}`,
        serverSecrets: `${KEY}\n  ${eap}`,
      };
      await withTunnel(
        ours,
        tunnel,
        async ({ lab, client, server }) => {
          const output = (client ?? server)?.process.output;
          expect(output).toContain('; with the post-quantum pre-shared key');
          await lab.left.ping(addresses.right.inner4);
        },
        { swanSettings: `load = ${plugins} eap-identity eap-mschapv2` },
      );
    }
  });
});

/** Starts both sides of a tunnel that does not come to stand, and hands over what they wrote. */
async function refused(
  ours: Ours,
  tunnel: Tunnel,
  body: (output: { readonly ours: string; readonly swan: string }) => void,
): Promise<void> {
  const lab: Lab = await createLab();
  try {
    const server =
      ours === 'server'
        ? await IpsecKit.start(lab.right, 'serve', serverConfiguration(tunnel))
        : undefined;
    await server?.process.waitFor(/listening/i);
    const swan = server
      ? await StrongSwan.start(lab.left, clientConfiguration(tunnel))
      : await StrongSwan.start(lab.right, serverConfiguration(tunnel));
    if (server) {
      await swan.initiate('net').then(
        () => expect.unreachable('the tunnel came to stand'),
        () => undefined,
      );
      body({ ours: server.process.output, swan: await swan.log() });
      return;
    }
    const client = await IpsecKit.start(lab.left, 'connect', clientConfiguration(tunnel));
    await client.process.waitFor(
      /IKE SA .*failed|closed|AUTHENTICATION_FAILED|uses no post-quantum/i,
    );
    body({ ours: client.process.output, swan: await swan.log() });
  } finally {
    await lab.close();
  }
}

describe.skipIf(gate.skip)('post-quantum pre-shared keys that do not fit (RFC 8784 §3)', () => {
  for (const ours of ['client', 'server'] as const) {
    it(`ours as ${ours}: a wrong key is AUTHENTICATION_FAILED, whatever else is allowed, and no hint to the peer`, () => {
      const tunnel = {
        clientExtra: NAMED,
        serverExtra: NAMED,
        clientSecrets: KEY,
        serverSecrets: OTHER,
      };
      return refused(ours, tunnel, ({ ours: output, swan }) => {
        expect(output).toContain('AUTHENTICATION_FAILED');
        if (ours === 'server') {
          expect(output).toContain('or the post-quantum pre-shared key that is in it');
          expect(swan).toContain('parsed IKE_AUTH response 1 [ N(AUTH_FAILED) ]');
        }
        expect(output + swan).not.toContain('guess this key');
      });
    });

    it(`ours as ${ours}: a peer that has none is refused where a key is required`, () => {
      const tunnel =
        ours === 'client'
          ? { clientExtra: REQUIRED, clientSecrets: KEY }
          : { serverExtra: REQUIRED, serverSecrets: KEY };
      return refused(ours, tunnel, ({ ours: output, swan }) => {
        expect(output).toMatch(/uses no post-quantum pre-shared key.*requires/);
        if (ours === 'server')
          expect(swan).toContain('parsed IKE_AUTH response 1 [ N(AUTH_FAILED) ]');
      });
    });

    it(`ours as ${ours}: a name that the responder has no key for is AUTHENTICATION_FAILED where one side requires it`, () => {
      const others = KEY.replaceAll('carol', 'dave');
      const tunnel = { clientExtra: REQUIRED, clientSecrets: KEY, serverSecrets: others };
      return refused(ours, tunnel, ({ ours: output }) => {
        expect(output).toContain('AUTHENTICATION_FAILED');
        if (ours === 'server')
          expect(output).toContain('names a post-quantum pre-shared key that is not there for it');
      });
    });
  }
});
