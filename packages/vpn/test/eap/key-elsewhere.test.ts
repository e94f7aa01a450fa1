import { createPrivateKey } from 'node:crypto';
import { KeyMaterial, type SigningKey } from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import { beforeAll, describe, expect, it } from 'vitest';
import type { VpnOptions } from '../../src/options.ts';
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

let pki: TestPki;
let server: Issued;
let carol: Issued;
beforeAll(async () => {
  pki = await TestPki.create();
  server = await pki.issue('server', SERVER);
  carol = await pki.issue('client', CAROL);
});

/** A key that signs when it is asked, and is nowhere to be read. */
function elsewhere({ key }: Issued): SigningKey {
  const der = createPrivateKey(key).export({ format: 'der', type: 'pkcs8' });
  const imported = createNodeSignatures().importPrivateKey(new KeyMaterial(Uint8Array.from(der)));
  if (!imported.ok) throw new Error(imported.code);
  const { info, publicKey, sign } = imported.key;
  return { info, publicKey, sign: (...wanted) => sign(...wanted) };
}

const common = (): Partial<VpnOptions> => ({
  authorities: [{ cacert: pki.ca }],
  secrets: [],
  eapSecrets: [{ ids: [CAROL], secret: 'Ar3etTnp-of-carol' }],
  settings: { retransmitTimeoutMs: 5_000 },
});

const serverBy = (auth: string): VpnOptions =>
  serverOptions(
    {
      local: { auth: 'pubkey', id: SERVER, certs: [server.certificate] },
      remote: { auth, id: CAROL },
    },
    { ...common(), keys: [{ key: elsewhere(server) }] },
  );

describe('a private key that is elsewhere, and EAP', () => {
  it.each(['eap-tls', 'eap-ttls', 'eap'])(
    '%s: is refused in words at both ends, since node:tls cannot ask for a signature',
    async (auth) => {
      const { hostAt } = createMemoryWorld();
      const s = serverOn(hostAt('192.0.2.1'), { options: serverBy(auth) });
      await expect(s.server.open()).rejects.toMatchObject({
        code: 'config',
        message: expect.stringMatching(
          /^The private key for .* is elsewhere, and node:tls, .*: name its file, or use auth = pubkey or another EAP method\.$/,
        ),
      });
      const c = clientOn(hostAt('192.0.2.7'), {
        options: clientOptions(
          {
            local: { auth, id: CAROL, certs: [carol.certificate] },
            remote: { auth: 'pubkey', id: SERVER },
          },
          { ...common(), keys: [{ key: elsewhere(carol) }] },
        ),
      });
      await expect(c.client.open()).rejects.toThrow(/ is elsewhere, and node:tls/);
    },
  );

  it('goes with a method that needs no TLS: the key signs for the server in IKE alone', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'), { options: serverBy('eap-mschapv2') });
    const c = clientOn(hostAt('192.0.2.7'), {
      options: clientOptions(
        { local: { auth: 'eap-mschapv2', id: CAROL }, remote: { auth: 'pubkey', id: SERVER } },
        common(),
      ),
    });
    await s.server.open();
    await c.client.open();
    expect(s.server.status().sessions).toMatchObject([{ state: 'open', eapIdentity: CAROL }]);
    await c.client.close();
    await s.server.close();
  });
});
