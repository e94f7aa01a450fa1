import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { byCertificate, CLIENT_NAME, layOut, ownPki } from './lab/certificates.ts';
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
/** The same with a name that nobody asks for. */
const OTHERS = KEY.replaceAll('carol', 'dave');
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
        {
          ...withKey,
          clientExtra: `${REQUIRED}\n    reauth_time = 4s\n    rand_time = 0s\n    over_time = 20s`,
        },
        async ({ lab, swan, client, server }) => {
          const uses = async (): Promise<number> =>
            (await swan?.log())?.match(/using PPK for PPK_ID/g)?.length ?? 0;
          await expect.poll(uses, { timeout: 15_000, interval: 200 }).toBeGreaterThan(1);
          const own = client ?? server;
          await expect
            .poll(() => own?.process.output, { timeout: 20_000 })
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
      const tunnel = { clientExtra: NAMED, clientSecrets: KEY, serverSecrets: OTHERS };
      return withTunnel(ours, tunnel, async ({ lab, client, server }) => {
        const output = (client ?? server)?.process.output;
        expect(output).toContain('WITHOUT a post-quantum pre-shared key');
        expect(output).toContain('NO_PPK_AUTH');
        await lab.left.ping(addresses.right.inner4);
      });
    });
  }

  const user = `eap-alice {\n    id = ${CLIENT_NAME}\n    secret = "a password of a user"\n  }`;
  const byEap: Tunnel = {
    ...withKey,
    client: {
      local: `auth = eap-mschapv2\n      id = ${CLIENT_NAME}`,
      remote: byCertificate.client.remote,
    },
    server: {
      local: byCertificate.server.local,
      remote: 'auth = eap-mschapv2\n      id = *@example.org',
    },
    clientSecrets: `${KEY}\n  ${user}`,
    serverSecrets: `${KEY}\n  ${user}`,
  };
  const certified: Tunnel = {
    ...byCertificate,
    clientExtra: NAMED,
    clientSecrets: KEY,
    serverSecrets: KEY,
  };
  const rows: readonly [string, Tunnel, RegExp][] = [
    ['EAP and a certificate', byEap, /; with the post-quantum pre-shared key/],
    [
      'EAP where the key is optional and the responder has others',
      { ...byEap, clientExtra: NAMED, serverExtra: '', serverSecrets: `${OTHERS}\n  ${user}` },
      /; WITHOUT a post-quantum pre-shared key/,
    ],
    ['certificates', certified, /; with the post-quantum pre-shared key/],
    [
      'certificates where the responder has other keys, by the second of two signatures',
      { ...certified, serverSecrets: OTHERS },
      /; WITHOUT a post-quantum pre-shared key/,
    ],
  ];
  for (const ours of ['client', 'server'] as const) {
    it.each(rows)(`ours as ${ours}: with %s`, async (_, tunnel, outcome) => {
      const pki = await ownPki('ecdsa');
      await withTunnel(
        ours,
        tunnel,
        async ({ lab, client, server }) => {
          expect((client ?? server)?.process.output).toMatch(outcome);
          await lab.left.ping(addresses.right.inner4);
        },
        {
          swanSettings: `load = ${plugins} eap-identity eap-mschapv2`,
          prepare: async (lab) => layOut(lab, pki),
        },
      );
    });
  }
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

describe.skipIf(gate.skip)(
  'post-quantum pre-shared keys that do not fit, with strongSwan 5.9.8 (RFC 8784 §3)',
  () => {
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
        const tunnel = { clientExtra: REQUIRED, clientSecrets: KEY, serverSecrets: OTHERS };
        return refused(ours, tunnel, ({ ours: output }) => {
          expect(output).toContain('AUTHENTICATION_FAILED');
          if (ours === 'server')
            expect(output).toContain(
              'names a post-quantum pre-shared key that is not there for it',
            );
        });
      });
    }
  },
);
