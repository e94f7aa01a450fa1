import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { byCertificate, layOut, type Pki, strongSwanPki } from './lab/certificates.ts';
import type { SideAuthentication, Tunnel } from './lab/configuration.ts';
import { addresses } from './lab/lab.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan', 'pki'],
  'methods of signatures with strongSwan in both roles',
);

const roles = ['client', 'server'] as const;
const words = { client: 'ours begins', server: 'ours answers' };

/** Without the hash negotiation of RFC 7427: what was before. */
const OLD = 'signature_authentication = no';

/** Both sides have this in place of `auth = pubkey`. */
function withAuth(auth: string): Tunnel {
  const of = ({ local, remote }: SideAuthentication): SideAuthentication => ({
    local: local.replace('auth = pubkey', `auth = ${auth}`),
    remote: remote.replace('auth = pubkey', `auth = ${auth}`),
  });
  return { client: of(byCertificate.client), server: of(byCertificate.server) };
}

/** Opens a tunnel, and expects strongSwan to have made and taken a signature of this kind. */
async function signsAs(
  ours: (typeof roles)[number],
  pki: Pki,
  name: string,
  more: { readonly tunnel?: Tunnel; readonly swanSettings?: string } = {},
): Promise<void> {
  const { tunnel = byCertificate, swanSettings } = more;
  await withTunnel(
    ours,
    tunnel,
    async ({ lab, swan }) => {
      await lab.left.ping(addresses.right.inner4);
      const log = (await swan?.log()) ?? '';
      const seen = [...log.matchAll(/authentication of .*? (?:\(myself\) )?with (.*) successful/g)];
      expect(seen.map(([, kind]) => kind)).toEqual([name, name]);
    },
    {
      prepare: async (lab) => layOut(lab, pki),
      ...(swanSettings === undefined ? {} : { swanSettings }),
    },
  );
}

describe.skipIf(gate.skip)('signatures with strongSwan 5.9.8', () => {
  for (const ours of roles) {
    it.each([
      ['ecdsa521', 'ECDSA_WITH_SHA512_DER'],
      ['ed448', 'ED448'],
    ] as const)(`${words[ours]}: %s as %s (RFC 7427 §3, RFC 8420 §2)`, async (kind, name) =>
      signsAs(ours, strongSwanPki(kind), name),
    );

    it.each([
      ['ecdsa256', 9, 'ECDSA-256 signature'],
      ['ecdsa', 10, 'ECDSA-384 signature'],
      ['ecdsa521', 11, 'ECDSA-521 signature'],
    ] as const)(
      `${words[ours]}: %s by method %i, with a peer that knows no other (RFC 4754 §2)`,
      async (kind, _, name) => signsAs(ours, strongSwanPki(kind), name, { swanSettings: OLD }),
    );

    it(`${words[ours]}: RSA by method 1, SHA-1 being allowed by name (RFC 7296 §2.15)`, async () => {
      const tunnel = withAuth('rsa-sha1-sha256');
      const swanSettings = OLD;
      await signsAs(ours, strongSwanPki('rsa'), 'RSA signature', { tunnel, swanSettings });
    });

    it(`${words[ours]}: no SHA-1, though it is allowed, where the peer has better (RFC 8247 §3.2)`, async () =>
      signsAs(ours, strongSwanPki('rsa'), 'RSA_EMSA_PKCS1_SHA2_256', {
        tunnel: withAuth('rsa/pkcs1-sha1-sha256'),
      }));
  }
});
