import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuthenticationOptions, VpnOptions } from '../../src/options.ts';
import { type Issued, issuedBy, newCa, revocationList } from '../credentials/home-ca.ts';
import {
  type ClientBench,
  clientOn,
  clientOptions,
  createMemoryWorld,
  eventOf,
  type ServerBench,
  serverOn,
  serverOptions,
} from '../memory-world.ts';

const SERVER = 'vpn.example.org';

let ca: Issued;
let server: Issued;
let people: readonly Issued[];
let crl: Uint8Array;
let s: ServerBench;
let clients: ClientBench[];

beforeEach(async () => {
  ca = await newCa();
  server = await issuedBy(ca, SERVER, { role: 'server' });
  const names = ['alice.example.org', 'bob.example.org'];
  people = await Promise.all(names.map((name) => issuedBy(ca, name, { role: 'client' })));
  crl = await revocationList(ca, []);
});
afterEach(async () => {
  await Promise.all(clients.map(({ client }) => client.close({ patienceMs: 0 })));
  await s.server.close({ patienceMs: 0 });
});

const known = (own: Issued): Partial<VpnOptions> => ({
  keys: [{ data: own.keyPem }],
  secrets: [],
  eapSecrets: [{ ids: ['alice.example.org', 'bob.example.org'], secret: 'Ar3etTnp' }],
  crls: [crl],
  crlSource: () => [crl],
});

/** A server, and two clients who prove themselves by EAP-TLS, or as `remote` says. @param serverAuth - what proves the server */
async function openAll(
  serverAuth: 'pubkey' | 'eap-tls' | 'eap-ttls',
  remote: AuthenticationOptions = {},
): Promise<void> {
  const { auth = 'eap-tls' } = remote;
  const { hostAt } = createMemoryWorld();
  const cacerts = [ca.pem];
  const local = { auth: serverAuth, certs: [server.pem], id: SERVER };
  const options = serverOptions({ local, remote: { auth, cacerts, ...remote } }, known(server));
  s = serverOn(hostAt('192.0.2.1'), { options });
  await s.server.open();
  clients = people.map((own, index) => {
    const id = index === 0 ? 'alice.example.org' : 'bob.example.org';
    const sides = {
      local: { auth, certs: [own.pem], id },
      remote: { auth: serverAuth, cacerts, id: SERVER },
    };
    return clientOn(hostAt(`192.0.2.${10 + index}`), { options: clientOptions(sides, known(own)) });
  });
  await Promise.all(clients.map(({ client }) => client.open()));
}

const names = () => s.server.status().sessions.map((one) => one.remoteIdentity);

describe('revalidation of certificates that were shown inside of EAP-TLS and TTLS (RFC 5216 §5.3, RFC 5281 §7.1)', () => {
  it.each([
    ['pubkey', 'eap-tls', {}],
    ['eap-tls', 'eap-tls', {}],
    ['pubkey', 'eap-ttls', { ttlsCert: true }],
    ['eap-ttls', 'eap-ttls', { ttlsCert: true }],
  ] as const)(
    'ends exactly the session whose certificate is revoked, the server being proven by %s, and the clients by %s',
    async (serverAuth, auth, more) => {
      await openAll(serverAuth, { auth, ...more });
      expect(await s.server.revalidate()).toMatchObject({ checked: 2, good: 2, bad: [] });
      crl = await revocationList(ca, people.slice(1));
      const report = await s.server.revalidate();
      expect(report).toMatchObject({ checked: 2, good: 1, withoutCertificate: 0 });
      expect(report.bad).toMatchObject([{ standing: 'revoked', action: 'close' }]);
      expect(names()).toEqual(['alice.example.org']);
      expect(eventOf(s.events, 'session-closed')).toMatchObject({
        sentence: 'A certificate in the path of the peer has been revoked.',
      });
      await clients[1]?.client.ended;
    },
  );

  it('with alert it is told, and the session stays', async () => {
    await openAll('pubkey', { revalidation: 'alert' });
    crl = await revocationList(ca, people);
    expect((await s.server.revalidate()).bad).toHaveLength(2);
    expect(names()).toHaveLength(2);
  });

  it.each(['pubkey', 'eap-tls'] as const)(
    'a client looks at its server, which was proven by %s',
    async (serverAuth) => {
      await openAll(serverAuth);
      crl = await revocationList(ca, [server]);
      expect((await clients[0]?.client.revalidate())?.bad).toMatchObject([{ standing: 'revoked' }]);
      expect(await clients[0]?.client.ended).toMatchObject({ code: 'authentication-failed' });
    },
  );
});
