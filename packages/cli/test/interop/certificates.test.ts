import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import {
  byCertificate,
  CLIENT_NAME,
  layOut,
  ownPki,
  type Pki,
  pkiWithRevokedClient,
  SERVER_NAME,
  strongSwanPki,
} from './lab/certificates.ts';
import { clientConfiguration, serverConfiguration, type Tunnel } from './lab/configuration.ts';
import { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, createLab } from './lab/lab.ts';
import { StrongSwan } from './lab/strongswan.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan', 'pki'],
  'certificates with strongSwan in both roles',
);

const DAY_MS = 86_400_000;
const ends = ['client', 'server', 'both'] as const;
const words = { client: 'ours begins', server: 'ours answers', both: 'ours with ours' };

const openssl = (...args: readonly string[]): Buffer =>
  execFileSync('openssl', args, { stdio: 'pipe' });

async function carries(ours: (typeof ends)[number], pki: Pki, tunnel: Tunnel): Promise<void> {
  await withTunnel(
    ours,
    tunnel,
    async ({ lab, client, swan }) => {
      await lab.left.ping(addresses.right.inner4);
      if (client) expect(client.process.output).toMatch(/IKE_AUTH response 1 .*: IDr (CERT )+AUTH/);
      if (swan) expect(await swan.log()).toMatch(/authentication of .* with .* successful/);
    },
    { prepare: async (lab) => layOut(lab, pki) },
  );
}

describe.skipIf(gate.skip)('certificates with strongSwan 5.9.8 (RFC 7427, RFC 4945)', () => {
  for (const ours of ends) {
    it.each(['rsa', 'ecdsa', 'ecdsa384', 'ed25519'] as const)(
      `${words[ours]}: %s, made by ipsec-kit pki`,
      async (key) => carries(ours, await ownPki(key), byCertificate),
    );

    it.each(['rsa', 'ecdsa', 'ed25519'] as const)(
      `${words[ours]}: %s, made by strongSwan, below an intermediate CA that is sent along`,
      async (type) => carries(ours, strongSwanPki(type), byCertificate),
    );

    it(`${words[ours]}: certificates for serverAuth and IKE on both sides, as gateways have them (RFC 4945 §5.1.3.12)`, async () =>
      carries(ours, strongSwanPki('ecdsa', ['serverAuth', 'ikeIntermediate']), byCertificate));

    it(`${words[ours]}: RSA-PSS, wanted by name`, async () => {
      const local = (side: 'client' | 'server'): string =>
        byCertificate[side].local.replace('pubkey', 'rsa/pss-sha256');
      const tunnel = {
        client: { ...byCertificate.client, local: local('client') },
        server: { ...byCertificate.server, local: local('server') },
      };
      await carries(ours, await ownPki('rsa'), tunnel);
    });
  }

  it('ours begins with two certificates, of which the peer does not say that it takes the second alone', async () => {
    const [pki, other] = [await ownPki('ecdsa'), await ownPki('rsa')];
    const { client, server } = byCertificate;
    const tunnel: Tunnel = {
      client: { ...client, local: client.local.replace('certs = ', 'certs = other.pem, ') },
      server,
      clientExtra: 'send_cert = always',
      serverExtra: 'send_certreq = no',
    };
    await withTunnel(
      'client',
      tunnel,
      async ({ lab, client: ours, swan }) => {
        await lab.left.ping(addresses.right.inner4);
        expect(ours?.process.output).toMatch(/IKE_AUTH response 1 .*: N\(AUTHENTICATION_FAILED\)/);
        expect(await swan?.log()).toMatch(
          /authentication of .* with ECDSA_WITH_SHA256_DER successful/,
        );
      },
      {
        prepare: async (lab) => {
          layOut(lab, pki);
          lab.left.file('ipsec-kit/x509/other.pem', readFileSync(other.client.certificate, 'utf8'));
          lab.left.file('ipsec-kit/private/other.pem', readFileSync(other.client.key, 'utf8'));
        },
      },
    );
  });

  it('ours begins with all that it has in one PKCS #12 file of OpenSSL, whose CA it trusts (RFC 7292)', async () => {
    const pki = await ownPki('ecdsa');
    const tunnel: Tunnel = {
      client: {
        local: `auth = pubkey\n id = ${CLIENT_NAME}`,
        remote: `auth = pubkey\n cacerts = pkcs12/alice.p12\n id = ${SERVER_NAME}`,
      },
      server: byCertificate.server,
      clientSecrets: 'pkcs12-alice {\n file = alice.p12\n secret = "tiger of alice"\n }',
    };
    await withTunnel('client', tunnel, async ({ lab }) => lab.left.ping(addresses.right.inner4), {
      prepare: async (lab) => {
        layOut(lab, pki);
        for (const name of ['x509/client.pem', 'private/client.pem', 'x509ca/ca.pem']) {
          rmSync(join(lab.left.dir, 'ipsec-kit', name));
        }
        const file = join(lab.left.dir, 'ipsec-kit', 'pkcs12', 'alice.p12');
        mkdirSync(join(file, '..'));
        const { certificate, key } = pki.client;
        const inside = ['-in', certificate, '-inkey', key, '-certfile', pki.ca];
        openssl('pkcs12', '-export', ...inside, '-out', file, '-passout', 'pass:tiger of alice');
      },
    });
  });

  it('ours answers with a key in encrypted PKCS #8 (RFC 5958 §3)', async () => {
    const pki = await ownPki('rsa');
    const tunnel: Tunnel = {
      ...byCertificate,
      serverSecrets: 'private-server {\n file = server.pem\n secret = "tiger of vpn"\n }',
    };
    await withTunnel('server', tunnel, async ({ lab }) => lab.left.ping(addresses.right.inner4), {
      prepare: async (lab) => {
        layOut(lab, pki);
        const file = join(lab.right.dir, 'ipsec-kit', 'private', 'server.pem');
        const inside = ['-topk8', '-v2', 'aes-256-cbc', '-in', pki.server.key];
        openssl('pkcs8', ...inside, '-out', file, '-passout', 'pass:tiger of vpn');
      },
    });
  });

  it('ours begins with a certificate, strongSwan answers with a pre-shared key: each side in its own way', async () => {
    const pki = await ownPki('ecdsa');
    const tunnel: Tunnel = {
      client: { local: byCertificate.client.local, remote: 'auth = psk\n id = server' },
      server: { local: 'auth = psk\n id = server', remote: byCertificate.server.remote },
      serverSecret: 'correct horse battery staple',
    };
    const configurations = {
      client: clientConfiguration(tunnel),
      server: serverConfiguration(tunnel).replace('id = client', `id = ${CLIENT_NAME}`),
    };
    const lab = await createLab();
    try {
      layOut(lab, pki);
      await StrongSwan.start(lab.right, configurations.server);
      const client = await IpsecKit.start(lab.left, 'connect', configurations.client);
      await client.process.waitFor(/Child SA net.*(open|established)/i);
      await lab.left.ping(addresses.right.inner4);
    } finally {
      await lab.close();
    }
  });
});

/** Our server refuses strongSwan: what it says, and what strongSwan hears. */
async function refusedByOurs(pki: Pki, tunnel: Tunnel, ca: { server?: string } = {}) {
  const lab = await createLab();
  try {
    layOut(lab, pki, ca);
    const server = await IpsecKit.start(lab.right, 'serve', serverConfiguration(tunnel));
    await server.process.waitFor(/listening/i);
    const swan = await StrongSwan.start(lab.left, clientConfiguration(tunnel));
    await swan.initiate('net').catch(() => undefined);
    // Its words may come later than its answer.
    await server.process.waitFor(/could not be authenticated/);
    return { ours: server.process.output, theirs: await swan.log() };
  } finally {
    await lab.close();
  }
}

/** Our client refuses strongSwan as server, or is refused by it. */
async function refusingClient(pki: Pki, tunnel: Tunnel, ca: { client?: string } = {}) {
  const lab = await createLab();
  try {
    layOut(lab, pki, ca);
    const swan = await StrongSwan.start(lab.right, serverConfiguration(tunnel));
    const client = await IpsecKit.start(lab.left, 'connect', clientConfiguration(tunnel), {
      wait: false,
    });
    const code = await client.process.exited;
    return { code, ours: client.process.output, theirs: await swan.log() };
  } finally {
    await lab.close();
  }
}

describe.skipIf(gate.skip)(
  'certificates that are refused, with strongSwan 5.9.8 (RFC 7296 §2.21.2)',
  () => {
    const isRefusal = /AUTH_FAILED/;

    it('ours answers: a client of another CA', async () => {
      const [pki, other] = [await ownPki('ecdsa'), await ownPki('ecdsa')];
      const { ours, theirs } = await refusedByOurs(pki, byCertificate, { server: other.ca });
      expect(ours).toMatch(/alice@example.org could not be authenticated: no trusted CA leads/);
      expect(theirs).toMatch(isRefusal);
      expect(theirs).not.toMatch(/trusted CA leads/);
    });

    it('ours answers: a certificate that has expired', async () => {
      const pki = await ownPki('ecdsa', Date.now() - 60 * DAY_MS);
      const { ours, theirs } = await refusedByOurs(pki, byCertificate);
      expect(ours).toMatch(/could not be authenticated: .*has expired/);
      expect(theirs).toMatch(isRefusal);
    });

    it('ours answers: a certificate that the CRL has', async () => {
      const { ours, theirs } = await refusedByOurs(await pkiWithRevokedClient(), byCertificate);
      expect(ours).toMatch(/could not be authenticated: .*has been revoked/);
      expect(theirs).toMatch(isRefusal);
    });

    it('ours answers: a certificate that is for serverAuth alone (RFC 4945 §5.1.3.12)', async () => {
      const pki = strongSwanPki('ecdsa', ['serverAuth']);
      const { ours, theirs } = await refusedByOurs(pki, byCertificate);
      expect(ours).toMatch(/could not be authenticated: .*is for another use .*ipsecIKE/);
      expect(theirs).toMatch(isRefusal);
    });

    it('ours answers: no CRL, where revocation = strict wants one', async () => {
      const { server } = byCertificate;
      const strict = { ...server, remote: `${server.remote}\n revocation = strict` };
      const tunnel = { ...byCertificate, server: strict };
      const { ours, theirs } = await refusedByOurs(await ownPki('ecdsa'), tunnel);
      expect(ours).toMatch(/nothing fresh says whether its certificate has been revoked/);
      expect(theirs).toMatch(isRefusal);
    });

    it('ours begins: a server of another name, and it is told no more than that it failed', async () => {
      const { client, server } = byCertificate;
      const name = 'other.example.org';
      // strongSwan would not claim a name that its certificate lacks: it says who it is instead.
      const tunnel: Tunnel = {
        server: { ...server, local: server.local.replace(/\n id = .*/, '') },
        client: { ...client, remote: client.remote.replace(SERVER_NAME, name) },
      };
      const { code, ours } = await refusingClient(await ownPki('ecdsa'), tunnel);
      expect(ours).toMatch(/AUTHENTICATION_FAILED|other\.example\.org is configured/);
      expect(code).toBe(4);
    });

    it('ours begins: a server of another CA', async () => {
      const [pki, other] = [await ownPki('ecdsa'), await ownPki('ecdsa')];
      const { client } = byCertificate;
      const { code, ours, theirs } = await refusingClient(
        pki,
        // It sends its certificate although another CA is asked for.
        { ...byCertificate, serverExtra: 'send_cert = always', client },
        { client: other.ca },
      );
      expect(ours).toMatch(/vpn.example.org could not be authenticated: no trusted CA leads/);
      expect(theirs).toMatch(isRefusal);
      expect(code).toBe(4);
    });

    it('ours begins: refused by a server that does not know our CA, after other keys and algorithms were tried', async () => {
      const [pki, other] = [await ownPki('rsa'), await ownPki('ecdsa')];
      const lab = await createLab();
      try {
        layOut(lab, pki, { server: other.ca });
        await StrongSwan.start(lab.right, serverConfiguration(byCertificate));
        const client = await IpsecKit.start(
          lab.left,
          'connect',
          clientConfiguration(byCertificate),
          {
            wait: false,
          },
        );
        expect(await client.process.exited).toBe(4);
        expect(client.process.output).toMatch(/trusts the CA of our certificate/);
      } finally {
        await lab.close();
      }
    });
  },
);
