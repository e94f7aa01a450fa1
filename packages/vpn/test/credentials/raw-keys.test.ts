import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { compileOptions } from '../../src/compile/index.ts';
import type { AuthenticationOptions, VpnOptions } from '../../src/options.ts';
import {
  clientOn,
  clientOptions,
  createMemoryWorld,
  eventOf,
  serverOn,
  serverOptions,
} from '../memory-world.ts';

interface Pair {
  readonly publicKey: string;
  readonly privateKey: string;
}

function newPair(): Pair {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

const [server, alice, bob] = [newPair(), newPair(), newPair()];
const ALICE = 'alice.example.org';

function serverWith(remote: Partial<AuthenticationOptions>): VpnOptions {
  return serverOptions(
    {
      local: { auth: 'pubkey', pubkeys: [server.publicKey], id: 'vpn.example.org' },
      remote: { auth: 'pubkey', ...remote },
    },
    { keys: [{ data: server.privateKey }], secrets: [] },
  );
}

function clientWith(
  own: Pair,
  local: Partial<AuthenticationOptions> = { id: ALICE },
  trusted: readonly Pair[] = [server],
): VpnOptions {
  const pubkeys = trusted.map(({ publicKey }) => publicKey);
  return clientOptions(
    {
      local: { auth: 'pubkey', pubkeys: [own.publicKey], ...local },
      remote: { auth: 'pubkey', pubkeys, id: 'vpn.example.org' },
    },
    { keys: [{ data: own.privateKey }], secrets: [] },
  );
}

async function meet(serverSide: VpnOptions, clientSide: VpnOptions) {
  const { hostAt } = createMemoryWorld();
  const s = serverOn(hostAt('192.0.2.1'), { options: serverSide });
  await s.server.open();
  const c = clientOn(hostAt('192.0.2.7'), { options: clientSide });
  const failure = await c.client.open().then(
    () => undefined,
    (error: Error) => error.message,
  );
  const report = await s.server.revalidate();
  await c.client.close({ patienceMs: 500 });
  await s.server.close({ patienceMs: 500 });
  return {
    failure,
    report,
    reason: eventOf(s.events, 'session-closed')?.sentence,
    opened: eventOf(s.events, 'session-opened')?.remoteIdentity,
  };
}

describe('raw public keys (RFC 7670 §3)', () => {
  it('open a tunnel under the identity that is configured for the key', async () => {
    const remote = { pubkeys: [bob.publicKey, alice.publicKey], id: ALICE };
    const { failure, opened } = await meet(serverWith(remote), clientWith(alice));
    expect(failure).toBeUndefined();
    expect(opened).toBe(ALICE);
  });

  it('without an id the key goes by its own, which any server takes that has it', async () => {
    const remote = { pubkeys: [alice.publicKey, bob.publicKey] };
    const { failure, opened } = await meet(serverWith(remote), clientWith(alice, {}));
    expect(failure).toBeUndefined();
    expect(opened).toMatch(/^keyid:#[0-9a-f]{40}$/);
  });

  it('one of which is known does not lend its holder the name of another', async () => {
    const remote = { pubkeys: [alice.publicKey, bob.publicKey], id: '*.example.org' };
    const { failure, reason } = await meet(serverWith(remote), clientWith(bob));
    expect(failure).toContain('AUTHENTICATION_FAILED');
    expect(reason).toMatch(/its raw public key is for the one name that remote\.id has/);
  });

  it('that nobody knows are refused on either side', async () => {
    const remote = { pubkeys: [bob.publicKey], id: ALICE };
    const refused = await meet(serverWith(remote), clientWith(alice));
    expect(refused.failure).toContain('AUTHENTICATION_FAILED');
    expect(refused.reason).toMatch(/its key is none of those in remote\.pubkeys/);
    const known = serverWith({ pubkeys: [alice.publicKey], id: ALICE });
    const refusing = await meet(known, clientWith(alice, { id: ALICE }, [bob]));
    expect(refusing.failure).toMatch(/its key is none of those in remote\.pubkeys/);
  });

  it.each([
    ['a key that is not sent', 'never'],
    ['a key that is sent unasked', 'always'],
  ] as const)('%s is found among those that are trusted', async (_, sendCert) => {
    const remote = { pubkeys: [bob.publicKey, alice.publicKey], id: ALICE };
    const options = clientWith(alice);
    const home = options.connections.home;
    if (!home) throw new Error('no connection');
    const sending = { ...options, connections: { home: { ...home, sendCert } } };
    expect((await meet(serverWith(remote), sending)).failure).toBeUndefined();
  });

  it('have nothing that could be revoked: a revalidation passes them over', async () => {
    const known = serverWith({ pubkeys: [alice.publicKey], id: ALICE });
    const { report } = await meet(known, clientWith(alice));
    expect(report).toMatchObject({ checked: 0, withoutCertificate: 1 });
  });

  it('need a private key that fits, and have to be keys', async () => {
    const { hostAt } = createMemoryWorld();
    const options = { ...clientWith(alice), keys: [{ data: bob.privateKey }] };
    const { client } = clientOn(hostAt('192.0.2.7'), { options });
    await expect(client.open()).rejects.toThrow(/There is no private key for .*pubkeys\[0\]/);
    const broken = compileOptions(clientWith(alice, { pubkeys: [alice.privateKey] }));
    const errors = broken.ok ? [] : broken.errors.map(({ message }) => message);
    expect(errors.join()).toMatch(/pubkeys\[0\] holds no public key in PEM or DER/);
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const short = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    const weak = compileOptions(serverWith({ pubkeys: [short] }));
    const why = weak.ok ? [] : weak.errors.map(({ message }) => message);
    expect(why.join()).toMatch(/an RSA key below 2048 bits/);
  });
});
