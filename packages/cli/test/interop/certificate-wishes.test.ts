import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { runPki } from '../../src/pki/run-pki.ts';
import { byCertificate, layOut, ownPki, type Pki } from './lab/certificates.ts';
import { addresses, type Lab } from './lab/lab.ts';
import { type Established, withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'what strongSwan asks of certificates, and what it is asked',
);

const ends = ['client', 'server'] as const;
const words = { client: 'ours begins', server: 'ours answers' };

/** What our side has told of its messages. */
function told({ client, server }: Established): string {
  return client?.process.output ?? server?.process.output ?? '';
}

/** Gives our side a second certificate for the same name, from another CA, which is named first. */
function addOther(lab: Lab, ours: (typeof ends)[number], other: Pki): void {
  const host = ours === 'client' ? lab.left : lab.right;
  host.file('ipsec-kit/x509/other.pem', readFileSync(other[ours].certificate, 'utf8'));
  host.file('ipsec-kit/private/other.pem', readFileSync(other[ours].key, 'utf8'));
}

describe.skipIf(gate.skip)(
  'wishes about certificates, with strongSwan 5.9.8 (RFC 7296 §3.7)',
  () => {
    for (const ours of ends) {
      it(`${words[ours]}: of two certificates, of CAs with one name, it shows the one whose CA strongSwan asks for, at once`, async () => {
        const [pki, other] = [await ownPki('ecdsa'), await ownPki('ecdsa384')];
        const { local, remote } = byCertificate[ours];
        const both = { local: local.replace('certs = ', 'certs = other.pem, '), remote };
        await withTunnel(
          ours,
          { ...byCertificate, [ours]: both },
          async (established) => {
            await established.lab.left.ping(addresses.right.inner4);
            const log = await established.swan?.log();
            expect(log).toMatch(/authentication of .* with ECDSA_WITH_SHA256_DER successful/);
            expect(`${log}${told(established)}`).not.toMatch(/N\(AUTH(ENTICATION)?_FAILED\)/);
          },
          {
            prepare: async (lab) => {
              layOut(lab, pki);
              addOther(lab, ours, other);
            },
          },
        );
      });

      it(`${words[ours]}: asks for an OCSP response, which strongSwan does not know, and takes the CRL (RFC 4806 §4.1)`, async () => {
        const pki = await ownPki('ecdsa');
        const { local, remote } = byCertificate[ours];
        const strict = { local, remote: `${remote}\n revocation = strict` };
        await withTunnel(
          ours,
          { ...byCertificate, [ours]: strict },
          async (established) => {
            await established.lab.left.ping(addresses.right.inner4);
            // One for X.509, one for OCSP.
            expect(told(established)).toMatch(/ CERTREQ CERTREQ\b/);
          },
          {
            prepare: async (lab) => {
              const dir = join(pki.ca, '..');
              await runPki({ action: 'crl', args: { dir, days: 30 } }, Date.now());
              layOut(lab, { ...pki, crl: join(dir, 'ca.crl.pem') });
            },
          },
        );
      });

      it(`${words[ours]}: strongSwan takes certificates by URL, and gets them as they are (RFC 7296 §3.6)`, async () => {
        await withTunnel(
          ours,
          byCertificate,
          async (established) => {
            await established.lab.left.ping(addresses.right.inner4);
            expect(told(established)).toContain('N(HTTP_CERT_LOOKUP_SUPPORTED)');
          },
          {
            swanSettings: 'hash_and_url = yes',
            prepare: async (lab) => layOut(lab, await ownPki('ecdsa')),
          },
        );
      });
    }
  },
);
