import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { CLIENT_NAME, SERVER_NAME } from './lab/certificates.ts';
import type { Tunnel } from './lab/configuration.ts';
import { addresses, type Host, type Lab } from './lab/lab.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'raw public keys with strongSwan in both roles',
);

const words = { client: 'ours begins', server: 'ours answers', both: 'ours with ours' };

/** Each side knows the other's key, under a name; the server another one as well, which it tries first. */
const byKey: Tunnel = {
  client: {
    local: `auth = pubkey\n pubkeys = client.pem\n id = ${CLIENT_NAME}`,
    remote: `auth = pubkey\n pubkeys = server.pem\n id = ${SERVER_NAME}`,
  },
  server: {
    local: `auth = pubkey\n pubkeys = server.pem\n id = ${SERVER_NAME}`,
    remote: `auth = pubkey\n pubkeys = other.pem, client.pem\n id = ${CLIENT_NAME}`,
  },
};

/** The same under the ids of the keys. */
const byKeyId: Tunnel = {
  client: { local: 'auth = pubkey\n pubkeys = client.pem', remote: byKey.client?.remote ?? '' },
  server: {
    local: byKey.server?.local ?? '',
    remote: 'auth = pubkey\n pubkeys = client.pem',
  },
};

type Kind = 'rsa' | 'ecdsa' | 'ed25519';

function newPair(kind: Kind): { readonly own: string; readonly shown: string } {
  const pair =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'ecdsa'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519');
  return {
    own: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    shown: pair.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  };
}

function layOut({ left, right }: Lab, kind: Kind): void {
  const [client, server, other] = [newPair(kind), newPair(kind), newPair(kind)];
  const place = (host: Host, own: string): void => {
    for (const program of ['strongswan', 'ipsec-kit']) {
      host.file(`${program}/pubkey/client.pem`, client.shown);
      host.file(`${program}/pubkey/server.pem`, server.shown);
      host.file(`${program}/pubkey/other.pem`, other.shown);
      host.file(`${program}/private/own.pem`, own);
    }
  };
  place(left, client.own);
  place(right, server.own);
}

describe.skipIf(gate.skip)('raw public keys with strongSwan 5.9.8 (RFC 7670)', () => {
  for (const ours of ['client', 'server', 'both'] as const) {
    const kinds = ours === 'both' ? (['ed25519'] as const) : (['rsa', 'ecdsa'] as const);
    it.each(kinds)(`${words[ours]}: %s`, async (kind) => {
      await withTunnel(
        ours,
        byKey,
        async ({ lab, client, server, swan }) => {
          await lab.left.ping(addresses.right.inner4);
          if (client && server) {
            // Both ask for the other's key, and send their own as one (encoding 15).
            expect(client.process.output).toMatch(/IKE_AUTH response 1 .*: IDr CERT AUTH/);
            expect(server.process.output).toMatch(/IKE_AUTH request 1 .*: IDi CERT CERTREQ/);
          }
          if (swan) expect(await swan.log()).toMatch(/authentication of .* with .* successful/);
        },
        { prepare: async (lab) => layOut(lab, kind) },
      );
    });
  }

  it.each(['client', 'server'] as const)('%s ours: named by the id of the key', async (ours) => {
    await withTunnel(ours, byKeyId, async ({ lab }) => lab.left.ping(addresses.right.inner4), {
      prepare: async (lab) => layOut(lab, 'ed25519'),
    });
  });
});
