import { webcrypto } from 'node:crypto';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { readPem } from '@ipsec-kit/x509';
import { writePkcs12 } from '@ipsec-kit/x509/issue';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AuthenticationOptions, KeyOptions, VpnOptions } from '../../src/options.ts';
import {
  clientOn,
  clientOptions,
  createMemoryWorld,
  serverOn,
  serverOptions,
} from '../memory-world.ts';
import { type Issued, TestPki } from './test-pki.ts';

const SERVER = 'vpn.example.org';
const CAROL = 'carol@example.org';
const PASSWORD = 'tiger-of-carol';

let pki: TestPki;
let server: KeyOptions;
let carol: KeyOptions;
let dave: KeyOptions;
beforeAll(async () => {
  pki = await TestPki.create();
  server = await container(await pki.issue('server', SERVER));
  carol = await container(await pki.issue('client', CAROL));
  dave = await container(await pki.issue('client', 'dave@example.org'));
});

function derOf(pem: string): Uint8Array {
  const [block] = readPem(pem) ?? [];
  if (!block) throw new Error('no PEM');
  return block.der;
}

/** A key with its certificate and the CA, as one file. */
async function container({ key, certificate }: Issued): Promise<KeyOptions> {
  const certificates = [derOf(certificate), derOf(pki.ca)];
  const entry = { friendlyName: 'one', key: new KeyMaterial(derOf(key)), certificates };
  const password = new KeyMaterial(new TextEncoder().encode(PASSWORD));
  const data = await writePkcs12(entry, password, webcrypto, createNodeProvider());
  return { data, name: 'one.p12', secret: PASSWORD };
}

const common = (more: Partial<VpnOptions>): Partial<VpnOptions> => ({
  authorities: [{ cacert: pki.ca }],
  secrets: [],
  settings: { retransmitTimeoutMs: 5_000 },
  ...more,
});

/** Neither side names a certificate. */
async function open(auth: string, keys: { client: KeyOptions[]; server: KeyOptions[] }) {
  const { hostAt } = createMemoryWorld();
  const signing: AuthenticationOptions = { auth: 'pubkey', id: SERVER };
  const s = serverOn(hostAt('192.0.2.1'), {
    options: serverOptions(
      { local: signing, remote: { auth, id: '*@example.org' } },
      common({ keys: keys.server }),
    ),
  });
  const c = clientOn(hostAt('192.0.2.7'), {
    options: clientOptions(
      { local: { auth, id: CAROL }, remote: signing },
      common({ keys: keys.client }),
    ),
  });
  try {
    await s.server.open();
    await c.client.open();
    return s.server.status().sessions.map(({ eapIdentity }) => eapIdentity);
  } finally {
    await c.client.close();
    await s.server.close();
  }
}

describe('certificates for TLS inside of EAP that no connection names (RFC 7292)', () => {
  it('are those of PKCS #12 files that are for this side', async () => {
    const keys = { client: [dave, carol], server: [server] };
    expect(await open('eap-tls', keys)).toEqual([CAROL]);
  });

  it('are missing in words where the file is for somebody else, or its password is wrong', async () => {
    const own = [server];
    await expect(open('eap-tls', { client: [dave], server: own })).rejects.toThrow(
      /^There is no certificate for TLS inside EAP of the connection \w+, with its private key: name it in certs of local, or a PKCS #12 file that holds both in the secrets\.$/,
    );
    const locked = [{ ...carol, secret: 'lion-king' }];
    const failure = open('eap-tls', { client: locked, server: own });
    await expect(failure).rejects.toThrow(/ one\.p12: The password of the file is wrong\.$/);
    await expect(failure).rejects.not.toThrow(/lion-king/);
  });
});
