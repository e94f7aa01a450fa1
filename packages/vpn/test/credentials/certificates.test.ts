import { createPrivateKey } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { compileOptions } from '../../src/compile/index.ts';
import type { VpnOptions } from '../../src/options.ts';
import {
  clientOn,
  clientOptions,
  createMemoryWorld,
  eventOf,
  serverOn,
  serverOptions,
} from '../memory-world.ts';
import { homeCa } from './home-ca.ts';

type Ca = Awaited<ReturnType<typeof homeCa>>;

function serverWith(
  { ca, server }: Ca,
  more: { revocation?: 'strict' | 'ifuri' } = {},
): VpnOptions {
  return serverOptions(
    {
      local: { auth: 'pubkey', certs: [server.pem], id: 'vpn.example.org' },
      remote: { auth: 'pubkey', cacerts: [ca.pem], ...more },
    },
    { keys: [{ data: server.keyPem }], secrets: [] },
  );
}

function clientWith({ ca, client }: Ca, more: Partial<VpnOptions> = {}): VpnOptions {
  return clientOptions(
    {
      local: { auth: 'pubkey', certs: [client.pem] },
      remote: { auth: 'pubkey', cacerts: [ca.pem], id: 'vpn.example.org' },
    },
    { keys: [{ data: client.keyPem }], secrets: [], ...more },
  );
}

/** Opens one against the other. @returns what the client says when it fails, and both sides' events. */
async function meet(server: VpnOptions, client: VpnOptions) {
  const { hostAt } = createMemoryWorld();
  const s = serverOn(hostAt('192.0.2.1'), { options: server });
  await s.server.open();
  const c = clientOn(hostAt('192.0.2.7'), { options: client });
  const failure = await c.client.open().then(
    () => undefined,
    (error: Error) => error.message,
  );
  await c.client.close({ patienceMs: 500 });
  await s.server.close({ patienceMs: 500 });
  const reason = eventOf(s.events, 'session-closed')?.sentence;
  return { failure, serverEvents: s.events, reason };
}

const errorsOf = (options: VpnOptions): readonly string[] => {
  const compiled = compileOptions(options);
  return compiled.ok ? [] : compiled.errors.map(({ message }) => message);
};

describe('certificates as options', () => {
  it('open a tunnel; without an id the subject of the certificate is the identity (RFC 4945 §3.1)', async () => {
    const ca = await homeCa();
    const { failure, serverEvents } = await meet(serverWith(ca), clientWith(ca));
    expect(failure).toBeUndefined();
    expect(eventOf(serverEvents, 'session-opened')?.remoteIdentity).toBe('CN=alice.example.org');
  });

  it('may have their key elsewhere: an object that signs in its own time', async () => {
    const ca = await homeCa();
    const { info, publicKey, sign } = ca.client.key;
    const key = {
      info,
      publicKey,
      sign: async (...wanted: Parameters<typeof sign>) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return sign(...wanted);
      },
    };
    const { failure } = await meet(serverWith(ca), clientWith(ca, { keys: [{ key }] }));
    expect(failure).toBeUndefined();
  });

  it('end the client in words when the token fails', async () => {
    const ca = await homeCa();
    const { info, publicKey } = ca.client.key;
    const sign = (): Promise<Uint8Array> => Promise.reject(new Error('the token was unplugged'));
    const keys = [{ key: { info, publicKey, sign } }];
    const { failure } = await meet(serverWith(ca), clientWith(ca, { keys }));
    expect(failure).toContain('the token was unplugged');
  });

  it('need a key that fits', async () => {
    const [ca, other] = [await homeCa(), await homeCa()];
    const { hostAt } = createMemoryWorld();
    const options = clientWith(ca, { keys: [{ data: other.client.keyPem }] });
    const { client } = clientOn(hostAt('192.0.2.7'), { options });
    await expect(client.open()).rejects.toThrow(
      /There is no private key for .*certs\[0\].*: put it into the directory private/,
    );
  });

  it('say why a file with keys could not be opened, rather than where to put one', async () => {
    const ca = await homeCa();
    const locked = {
      cipher: 'aes-256-cbc',
      passphrase: 'tiger',
      type: 'pkcs8',
      format: 'pem',
    } as const;
    const data = createPrivateKey(ca.client.keyPem).export(locked);
    const { hostAt } = createMemoryWorld();
    const keys = [{ data, name: 'alice.key', secret: 'lion-king' }];
    const { client } = clientOn(hostAt('192.0.2.7'), { options: clientWith(ca, { keys }) });
    const failure = client.open();
    await expect(failure).rejects.toThrow(
      /: it may be in what could not be opened\. alice\.key: The password of the file is wrong\.$/,
    );
    await expect(failure).rejects.not.toThrow(/lion-king|tiger/);
  });

  it('are refused where they are not for the id, are no CA, or are nothing at all', async () => {
    const { ca, client, server } = await homeCa();
    const remote = { auth: 'pubkey', cacerts: [ca.pem], id: 'vpn.example.org' };
    const local = { auth: 'pubkey', certs: [client.pem], id: 'bob.example.org' };
    expect(errorsOf(clientOptions({ local, remote })).join()).toMatch(
      /is not for bob\.example\.org: it is for CN=alice\.example\.org, alice\.example\.org/,
    );
    const noCa = { ...remote, cacerts: [server.pem] };
    expect(errorsOf(clientOptions({ remote: noCa })).join()).toMatch(/not the certificate of a CA/);
    const junk = { ...remote, cacerts: ['-----BEGIN'] };
    expect(errorsOf(clientOptions({ remote: junk })).join()).toMatch(/holds no certificate/);
    const nothing = { auth: 'pubkey', id: 'vpn.example.org' };
    expect(errorsOf(clientOptions({ remote: nothing })).join()).toMatch(/there is no CA/);
  });
});

describe('private keys of the options', () => {
  it('are in no text that is made of them', async () => {
    const ca = await homeCa();
    const compiled = compileOptions(
      clientWith(ca, { keys: [{ data: ca.client.keyPem, secret: 'tiger' }] }),
    );
    const text = JSON.stringify(compiled, (_, value) =>
      value instanceof Map ? [...value] : value instanceof Uint8Array ? [...value] : value,
    );
    const asNumbers = [...new TextEncoder().encode(ca.client.keyPem.slice(30, 60))].join(',');
    expect(compiled.ok).toBe(true);
    expect(text).not.toContain(asNumbers);
    expect(text).not.toMatch(/tiger|PRIVATE/);
  });
});

describe('revocation = ifuri (RFC 5280 §6.3)', () => {
  it('refuses a client whose CRL cannot be had, and tells it nothing of that', async () => {
    const http = createHttpServer((_, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const { port } = http.address() as AddressInfo;
    const ca = await homeCa({ crlUrl: `http://127.0.0.1:${port}/ca.crl` });
    try {
      const refused = await meet(serverWith(ca, { revocation: 'ifuri' }), clientWith(ca));
      expect(refused.failure).toContain('AUTHENTICATION_FAILED');
      expect(refused.failure).not.toMatch(/revo|CRL/);
      expect(refused.reason).toMatch(/nothing fresh says whether its certificate has been revoked/);
      const relaxed = await meet(serverWith(ca), clientWith(ca));
      expect(relaxed.failure).toBeUndefined();
    } finally {
      http.close();
    }
  });
});
