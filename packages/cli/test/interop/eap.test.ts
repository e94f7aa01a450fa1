import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { RADIUS_SECRET } from '../../../../.ci/free-radius.ts';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import {
  CLIENT_NAME,
  layOut,
  ownPki,
  type Pki,
  revokeClient,
  SERVER_NAME,
} from './lab/certificates.ts';
import { clientConfiguration, serverConfiguration, type Tunnel } from './lab/configuration.ts';
import { startFreeRadius } from './lab/free-radius.ts';
import { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, createLab, type Lab } from './lab/lab.ts';
import { plugins, StrongSwan } from './lab/strongswan.ts';
import { type Ours, type Preparation, withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan', 'pki', 'freeradius'],
  'EAP with strongSwan in both roles, and with FreeRADIUS',
);

const PASSWORD = 'Ar3etTnp-of-alice';
const WRONG = 'not-her-password';
const METHODS = 'eap-identity eap-mschapv2 eap-md5 eap-gtc eap-tls eap-ttls eap-radius md5';
const RADIUS = `eap-radius {\n servers {\n one {\n address = 127.0.0.1\n secret = ${RADIUS_SECRET}\n }\n }\n }`;
const swanSettings = `load = ${plugins} ${METHODS}`;
const radiusSettings = `plugins {\n ${RADIUS}\n }`;
const words = { client: 'ours begins', server: 'ours answers', both: 'ours with ours' };

const secrets = (password: string): string =>
  `eap-alice {\n id = ${CLIENT_NAME}\n secret = "${password}"\n }`;

/** The client by EAP, the server with a certificate. */
function byEap(
  auth: string,
  more: { serverAuth?: string; eapId?: string; isCertified?: boolean } = {},
): Tunnel {
  const { serverAuth = auth, eapId } = more;
  const certs = auth === 'eap-tls' || more.isCertified ? 'certs = client.pem' : '';
  const asked = eapId === undefined ? '' : `eap_id = ${eapId}`;
  return {
    client: {
      local: `auth = ${auth}\n id = ${CLIENT_NAME}\n ${certs}`,
      remote: `auth = pubkey\n cacerts = ca.pem\n id = ${SERVER_NAME}`,
    },
    server: {
      local: `auth = pubkey\n certs = server.pem\n id = ${SERVER_NAME}`,
      remote: `auth = ${serverAuth}\n id = *@example.org\n ${asked}`,
    },
    clientSecrets: secrets(PASSWORD),
    serverSecrets: secrets(PASSWORD),
  };
}

/** The same with TTLS, and how the client shows its password inside. */
function byTtls(inner: 'eap' | 'mschapv2' | 'pap' | 'certificate'): Tunnel {
  const tunnel = byEap('eap-ttls', { isCertified: inner === 'certificate' });
  const { local = '', remote = '' } = tunnel.client ?? {};
  return { ...tunnel, client: { local: `${local}\n ttls_inner = ${inner}`, remote } };
}

/** Both by EAP-TLS, and nothing else. @see RFC 5998 */
const eapOnly: Tunnel = {
  client: {
    local: `auth = eap-tls\n id = ${CLIENT_NAME}\n certs = client.pem`,
    remote: `auth = eap-tls\n id = ${SERVER_NAME}`,
  },
  server: {
    local: `auth = eap-tls\n id = ${SERVER_NAME}\n certs = server.pem`,
    remote: `auth = eap-tls\n id = *@example.org`,
  },
};

let pki: Pki;
beforeAll(async () => {
  pki = await ownPki('ecdsa');
});
const isSecret = new RegExp(`${PASSWORD}|${WRONG}|${RADIUS_SECRET}`);

function preparation(more: Preparation = {}): Preparation {
  return {
    swanSettings,
    ...more,
    prepare: async (lab) => {
      layOut(lab, pki);
      await more.prepare?.(lab);
    },
  };
}

async function carries(ours: Ours, tunnel: Tunnel, more: Preparation = {}): Promise<void> {
  await withTunnel(
    ours,
    tunnel,
    async ({ lab, client, server, swan }) => {
      await lab.left.ping(addresses.right.inner4);
      if (client) expect(client.process.output).toMatch(/IKE_AUTH response 2 .*: .*EAP/);
      if (server) {
        expect(server.process.output).toContain(`EAP has proven ${CLIENT_NAME}`);
        expect(await server.command('status')).toContain(`EAP has proven ${CLIENT_NAME}`);
      }
      if (swan) expect(await swan.log()).toMatch(/authentication of .* with EAP successful/);
      for (const one of [client, server]) expect(one?.process.output ?? '').not.toMatch(isSecret);
    },
    preparation(more),
  );
}

/** Two ends of which one refuses: what each of them says. */
async function refused(
  ours: 'client' | 'server',
  tunnel: Tunnel,
  more: { settings?: string; swan?: string; prepare?: (lab: Lab) => Promise<unknown> } = {},
) {
  const lab = await createLab();
  try {
    layOut(lab, pki);
    await more.prepare?.(lab);
    const swanLines = `${swanSettings}\n${more.swan ?? ''}`;
    const options = more.settings === undefined ? {} : { settings: more.settings };
    if (ours === 'client') {
      const swan = await StrongSwan.start(lab.right, serverConfiguration(tunnel), swanLines);
      const client = await IpsecKit.start(lab.left, 'connect', clientConfiguration(tunnel), {
        wait: false,
        ...options,
      });
      const from = performance.now();
      const code = await client.process.exited;
      const ms = performance.now() - from;
      return { code, ours: client.process.output, theirs: await swan.log(), ms };
    }
    const server = await IpsecKit.start(lab.right, 'serve', serverConfiguration(tunnel), options);
    await server.process.waitFor(/listening/i);
    const swan = await StrongSwan.start(lab.left, clientConfiguration(tunnel), swanLines);
    const from = performance.now();
    await swan.initiate('net').catch(() => undefined);
    const ms = performance.now() - from;
    await server.process.waitFor(/closed: /);
    return { code: undefined, ours: server.process.output, theirs: await swan.log(), ms };
  } finally {
    await lab.close();
  }
}

describe.skipIf(gate.skip)('EAP with strongSwan 5.9.8 (RFC 7296 §2.16)', () => {
  for (const ours of ['client', 'server', 'both'] as const) {
    it.each(['eap-mschapv2', 'eap-md5', 'eap-tls', 'eap-ttls'])(
      `${words[ours]}: %s`,
      async (auth) => carries(ours, byEap(auth)),
    );

    it(`${words[ours]}: eap-tls on both sides and nothing else (RFC 5998)`, async () =>
      carries(ours, eapOnly));
  }

  it.each(['client', 'server'] as const)(
    '%s ours: eap-ttls, with MSCHAPv2 inside as strongSwan wants it',
    async (ours) => {
      const swan = `${swanSettings}\n plugins { eap-ttls { phase2_method = mschapv2 } }`;
      await carries(ours, byEap('eap-ttls'), { swanSettings: swan });
    },
  );
  it.each(['mschapv2', 'pap'] as const)('ours with ours: eap-ttls with %s inside', async (inner) =>
    carries('both', byTtls(inner)),
  );

  const certified = `plugins {\n eap-ttls {\n request_peer_auth = yes\n phase2_method = mschapv2\n }\n }`;
  const bothCertified = { ourSettings: certified, swanSettings: `${swanSettings}\n${certified}` };

  it.each(['server', 'both'] as const)(
    '%s ours: eap-ttls with a certificate of the client as well (RFC 5281 §7.1)',
    async (ours) => carries(ours, byEap('eap-ttls', { isCertified: true }), bothCertified),
  );

  it('ours begins: eap-ttls with a certificate, after which strongSwan asks no password (RFC 5281 §7.6)', async () =>
    carries('client', byTtls('certificate'), bothCertified));

  it('ours answers: eap-ttls without the certificate that is wanted as well', async () => {
    const { ours, theirs } = await refused('server', byEap('eap-ttls'), {
      settings: certified,
      prepare: (lab) => lab.left.run('rm', join(lab.left.dir, 'strongswan/x509/client.pem')),
    });
    expect(ours).toMatch(/password or certificate of alice@example.org is wrong|ended the EAP/);
    expect(theirs).toMatch(/EAP_FAILURE|EAP\/FAIL|AUTH_FAILED/);
  });

  it.each([
    ['eap-tls', {}],
    ['eap-ttls', { isCertified: true }],
  ] as const)(
    'ours answers: %s with a certificate that is revoked later ends on revalidate',
    async (auth, more) => {
      const own = await ownPki('ecdsa');
      await withTunnel(
        'server',
        byEap(auth, more),
        async ({ lab, server, swan }) => {
          if (!server || !swan) throw new Error('no server of ours');
          await lab.left.ping(addresses.right.inner4);
          expect(await server.command('revalidate')).toMatch(/^1 session in [\d.]+ s: 1 good$/m);
          lab.right.file('ipsec-kit/x509crl/ca.pem', await revokeClient(own));
          expect(await server.command('revalidate')).toMatch(/alice@example\.org.* revoked/);
          await server.process.waitFor(
            /closed: A certificate in the path of the peer has been revoked/,
          );
          expect(await swan.log()).toMatch(/received DELETE for IKE_SA/);
        },
        { ...bothCertified, prepare: async (lab) => layOut(lab, own) },
      );
    },
  );

  // As server strongSwan has EAP-GTC ask a backend of XAuth: this one knows the passwords of swanctl.conf.
  it.each(['client', 'server', 'both'] as const)('%s ours: eap-gtc', async (ours) =>
    carries(ours, byEap('eap-gtc'), {
      swanSettings: `${swanSettings} xauth-generic\n plugins { eap-gtc { backend = generic } }`,
    }),
  );

  it('ours answers: the name that EAP has proven chooses the connection', async () => {
    const lab = await createLab();
    try {
      layOut(lab, pki);
      const tunnel = byEap('eap-mschapv2', { eapId: 'bob@example.org' });
      const text = serverConfiguration(tunnel);
      const [, other = ''] = /(\n {2}rw \{[\s\S]*?\n {2}\}\n)/.exec(text) ?? [];
      const own = other.replace(' rw ', ' of-alice ').replace('bob@', 'alice@');
      const both = text.replace(other, `${other}${own.replace('pools = pool4', 'pools = alice')}`);
      const pools = both.replace('pools {', 'pools {\n alice { addrs = 10.88.7.0/24 }');
      const server = await IpsecKit.start(lab.right, 'serve', pools);
      await server.process.waitFor(/listening/i);
      const swan = await StrongSwan.start(lab.left, clientConfiguration(tunnel), swanSettings);
      await swan.initiate('net');
      await server.process.waitFor(/IKE SA of-alice established: .*EAP has proven alice/);
      expect(await swan.log()).toContain('installing new virtual IP 10.88.7.1');
      expect(server.process.output).not.toContain('IKE SA rw established');
    } finally {
      await lab.close();
    }
  });

  it.each(['client', 'server'] as const)('%s ours: the name is asked for (eap_id)', async (ours) =>
    carries(ours, byEap('eap-mschapv2', { eapId: '%any' })),
  );

  it('ours begins, strongSwan wants another method than the one that is configured', async () => {
    const tunnel = { ...byEap('eap-mschapv2', { serverAuth: 'eap-md5' }) };
    const { code, ours } = await refused('client', tunnel);
    expect(ours).toMatch(/the server wants MD5.CHALLENGE, and this side has eap-mschapv2/i);
    expect(code).toBe(4);
  });

  it.each(['eap-mschapv2', 'eap-md5', 'eap-ttls'])(
    'ours begins: a wrong password for %s ends with exit code 4 and one sentence',
    async (auth) => {
      const { code, ours } = await refused('client', {
        ...byEap(auth),
        clientSecrets: secrets(WRONG),
      });
      expect(ours).toMatch(/EAP for alice@example.org failed: the server (refused|does not take)/);
      expect(code).toBe(4);
      expect(ours).not.toMatch(isSecret);
      expect(ours).not.toMatch(/\n\s+at /);
    },
  );

  it('ours answers: a wrong password, of which the peer hears no more than that it failed', async () => {
    const { ours, theirs } = await refused('server', {
      ...byEap('eap-mschapv2'),
      clientSecrets: secrets(WRONG),
    });
    expect(ours).toMatch(/alice@example.org ended the EAP conversation: its password is wrong/);
    expect(theirs).toMatch(/EAP-MS-CHAPv2 failed with error ERROR_AUTHENTICATION_FAILURE/);
    expect(ours).not.toMatch(isSecret);
    expect(theirs).not.toMatch(/is wrong/);
  });
});

describe.skipIf(gate.skip)('EAP with FreeRADIUS behind the server (RFC 3579)', () => {
  const alice = { name: CLIENT_NAME, password: PASSWORD };
  const byRadius = (auth: string): Tunnel => ({
    ...byEap(auth, { serverAuth: 'eap-radius', eapId: '%any' }),
    serverSecrets: '',
  });

  it.each(['server', 'both'] as const)('%s ours: MSCHAPv2, which FreeRADIUS judges', async (ours) =>
    carries(ours, byRadius('eap-mschapv2'), {
      ourSettings: radiusSettings,
      prepare: async (lab) => {
        await startFreeRadius(lab.right, pki, 'mschapv2', alice);
      },
    }),
  );

  it.each([
    ['strongSwan', 'client'],
    ['our server', 'both'],
  ] as const)('TTLS of ours, through %s', async (_, ours) =>
    carries(ours, byRadius('eap-ttls'), {
      ourSettings: radiusSettings,
      swanSettings: `${swanSettings}\n${radiusSettings}`,
      prepare: async (lab) => {
        await startFreeRadius(lab.right, pki, 'ttls', alice);
      },
    }),
  );

  it('ours answers: a wrong password is what FreeRADIUS rejects', async () => {
    const tunnel = { ...byRadius('eap-mschapv2'), clientSecrets: secrets(WRONG) };
    const { ours } = await refused('server', tunnel, {
      settings: radiusSettings,
      prepare: (lab) => startFreeRadius(lab.right, pki, 'mschapv2', alice),
    });
    expect(ours).toContain('the RADIUS server rejected alice@example.org');
    expect(ours).not.toMatch(isSecret);
    expect(ours).not.toContain(RADIUS_SECRET);
  });

  it('ours answers: a RADIUS server that is silent fails the session in seconds', async () => {
    const { ours, ms } = await refused('server', byRadius('eap-mschapv2'), {
      settings: radiusSettings,
    });
    expect(ours).toContain('no RADIUS server answered in time');
    expect(ms).toBeLessThan(15_000);
  });

  it('ours begins: the RADIUS server behind strongSwan is silent, and one sentence ends it in seconds', async () => {
    const patience = 'retransmit_tries = 1\n retransmit_timeout = 1';
    const { code, ours, theirs, ms } = await refused('client', byRadius('eap-mschapv2'), {
      swan: radiusSettings.replace('eap-radius {', `eap-radius {\n ${patience}`),
      prepare: async (lab) => {
        const socket = "require('node:dgram').createSocket('udp4')";
        const silent = `${socket}.bind(1812, '127.0.0.1', () => console.log('ready'))`;
        await lab.right.start(process.execPath, ['-e', silent]).waitFor(/ready/);
      },
    });
    expect(theirs).toMatch(/RADIUS Access-Request timed out/);
    expect(ours).toMatch(
      /^ipsec-kit: EAP for alice@example\.org failed: the server refused alice@example\.org before it asked for any proof; check .*\.$/m,
    );
    expect(ours).not.toMatch(isSecret);
    expect(code).toBe(4);
    expect(ms).toBeLessThan(15_000);
  });
});
