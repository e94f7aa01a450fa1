import { webcrypto } from 'node:crypto';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { readPem } from '@ipsec-kit/x509';
import { writePkcs12 } from '@ipsec-kit/x509/issue';
import { describe, expect, it } from 'vitest';
import { compileOptions } from '../../src/compile/index.ts';
import type { AuthenticationOptions, VpnOptions } from '../../src/options.ts';
import {
  clientOn,
  clientOptions,
  createMemoryWorld,
  serverOn,
  serverOptions,
} from '../memory-world.ts';
import { homeCa, type Issued } from './home-ca.ts';

const PASSWORD = 'tiger-of-alice';

/** What a telephone imports: its key, its certificate, and perhaps the CA. */
async function container(own: Issued, ca?: Issued): Promise<Uint8Array> {
  const [block] = readPem(own.keyPem) ?? [];
  if (!block) throw new Error('no key');
  const certificates = [own, ...(ca ? [ca] : [])].map(({ certificate }) => certificate.der);
  const password = new KeyMaterial(new TextEncoder().encode(PASSWORD));
  const entry = { friendlyName: 'alice', key: new KeyMaterial(block.der), certificates };
  return writePkcs12(entry, password, webcrypto, createNodeProvider());
}

type Ca = Awaited<ReturnType<typeof homeCa>>;

function serverWith({ ca, server }: Ca): VpnOptions {
  return serverOptions(
    {
      local: { auth: 'pubkey', certs: [server.pem], id: 'vpn.example.org' },
      remote: { auth: 'pubkey', cacerts: [ca.pem] },
    },
    { keys: [{ data: server.keyPem }], secrets: [] },
  );
}

/** All that the client has is one file. */
function clientWith(
  file: Uint8Array,
  remote: AuthenticationOptions = { cacerts: [{ name: 'alice.p12', data: file }] },
  more: Partial<VpnOptions> = {},
): VpnOptions {
  return clientOptions(
    {
      local: { auth: 'pubkey', id: 'alice.example.org' },
      remote: { auth: 'pubkey', id: 'vpn.example.org', ...remote },
    },
    { keys: [{ data: file, name: 'alice.p12', secret: PASSWORD }], secrets: [], ...more },
  );
}

async function failureOf(server: VpnOptions, options: VpnOptions): Promise<string | undefined> {
  const { hostAt } = createMemoryWorld();
  const s = serverOn(hostAt('192.0.2.1'), { options: server });
  await s.server.open();
  const { client } = clientOn(hostAt('192.0.2.7'), { options });
  const failure = await client.open().then(
    () => undefined,
    (error: Error) => error.message,
  );
  await client.close({ patienceMs: 500 });
  await s.server.close({ patienceMs: 500 });
  return failure;
}

const errorsOf = (options: VpnOptions): string => {
  const compiled = compileOptions(options);
  return compiled.ok ? '' : compiled.errors.map(({ message }) => message).join();
};

describe('a PKCS #12 file with a key, its certificate and a CA (RFC 7292)', () => {
  it('is all that a client needs: its CA is trusted where the connection names the file', async () => {
    const home = await homeCa();
    const file = await container(home.client, home.ca);
    expect(await failureOf(serverWith(home), clientWith(file))).toBeUndefined();
  });

  it('is trusted for all connections where it stands among the authorities', async () => {
    const home = await homeCa();
    const file = await container(home.client, home.ca);
    const authorities = [{ cacert: { name: 'alice.p12', data: file } }];
    const options = clientWith(file, {}, { authorities });
    expect(await failureOf(serverWith(home), options)).toBeUndefined();
  });

  it('is not trusted for being among the keys alone', async () => {
    const home = await homeCa();
    const file = await container(home.client, home.ca);
    expect(errorsOf(clientWith(file, {}))).toMatch(/there is no CA that/);
  });

  it('still has to be the CA of the peer', async () => {
    const [home, other] = [await homeCa(), await homeCa()];
    const file = await container(home.client, other.ca);
    expect(await failureOf(serverWith(home), clientWith(file))).toMatch(/no trusted CA leads/);
  });

  it('is refused without a CA, with a wrong password, and without one', async () => {
    const home = await homeCa();
    const bare = await container(home.client);
    expect(await failureOf(serverWith(home), clientWith(bare))).toBe(
      'alice.p12: There is no CA in it that could be trusted.',
    );
    const file = await container(home.client, home.ca);
    const keys = [{ data: file, name: 'alice.p12', secret: 'lion' }];
    const wrong = await failureOf(serverWith(home), clientWith(file, undefined, { keys }));
    expect(wrong).toBe('alice.p12: The password of the file is wrong.');
    expect(errorsOf(clientWith(file, undefined, { keys: [] }))).toMatch(
      /alice\.p12 is a PKCS #12 file: name it among the secrets as well, with its password/,
    );
  });
});
