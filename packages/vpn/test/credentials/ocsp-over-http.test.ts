import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import {
  type ClientBench,
  clientOn,
  clientOptions,
  createMemoryWorld,
  eventOf,
  type MemoryWorld,
  type ServerBench,
  serverOn,
  serverOptions,
} from '../memory-world.ts';
import { type Issued, issuedBy, newCa } from './home-ca.ts';
import { OpensslResponder } from './openssl-responder.ts';

const gate = interopGate(['openssl'], 'answers of openssl ocsp');

describe.skipIf(gate.skip)('OCSP over HTTP, answered by openssl (RFC 6960 Appendix A)', () => {
  let responder: OpensslResponder;
  let ca: Issued;
  let world: MemoryWorld;
  let server: Issued;
  let clients: readonly Issued[];
  let s: ServerBench;
  let benches: ClientBench[];

  beforeEach(async () => {
    ca = await newCa();
    server = await issuedBy(ca, 'vpn.example.org', { role: 'server' });
    clients = await Promise.all(
      ['alice', 'bob'].map((name) => issuedBy(ca, `${name}.example.org`, { role: 'client' })),
    );
    responder = new OpensslResponder(ca, [server, ...clients]);
    const url = await responder.open();
    world = createMemoryWorld();
    s = serverOn(world.hostAt('192.0.2.1'), {
      options: serverOptions(
        {
          local: { auth: 'pubkey', certs: [server.pem], id: 'vpn.example.org' },
          remote: { auth: 'pubkey', revocation: 'strict' },
        },
        {
          keys: [{ data: server.keyPem }],
          secrets: [],
          authorities: [{ cacert: ca.pem, ocspUris: [url] }],
        },
      ),
    });
    await s.server.open();
    benches = clients.map((own, index) =>
      clientOn(world.hostAt(`192.0.2.${20 + index}`), {
        options: clientOptions(
          {
            local: { auth: 'pubkey', certs: [own.pem] },
            remote: { auth: 'pubkey', cacerts: [ca.pem], id: 'vpn.example.org' },
          },
          // The responder is this process, too: on a busy machine its answer may take longer than a peer of these tests waits.
          { keys: [{ data: own.keyPem }], secrets: [], settings: { retransmitTries: 5 } },
        ),
      }),
    );
  });
  afterEach(async () => {
    await Promise.all(benches.map(({ client }) => client.close({ patienceMs: 0 })));
    await s.server.close({ patienceMs: 0 });
    responder.close();
  });

  it('opens sessions, keeps each answer until nextUpdate, asks anew on a command, and ends whom it says is revoked', async () => {
    const [alice, bob] = benches;
    if (!alice || !bob || !clients[1]) throw new Error('nobody is there');
    await Promise.all([alice.client.open(), bob.client.open()]);
    expect(responder.asked).toBe(2);
    await alice.client.perform({ action: 'reauth' });
    expect(responder.asked).toBe(2);
    responder.revoke(clients[1]);
    expect(await s.server.revalidate()).toMatchObject({
      checked: 2,
      good: 1,
      bad: [{ remoteIdentity: 'CN=bob.example.org', standing: 'revoked', action: 'close' }],
    });
    expect(responder.asked).toBe(4);
    expect(s.server.status().sessions).toHaveLength(1);
  });

  it('refuses at the door whom it says is revoked', async () => {
    const [alice] = benches;
    if (!alice || !clients[0]) throw new Error('nobody is there');
    responder.revoke(clients[0]);
    await expect(alice.client.open()).rejects.toThrow(/AUTHENTICATION_FAILED/);
    expect(eventOf(s.events, 'session-closed')?.sentence).toMatch(/has been revoked/);
  });

  it('one that hangs at the door is given up in time: the peer hears that it failed, and a sentence here says what for', async () => {
    const [own] = clients;
    if (!own) throw new Error('nobody is there');
    responder.hangs = true;
    const { client } = clientOn(world.hostAt('192.0.2.30'), {
      options: clientOptions(
        {
          local: { auth: 'pubkey', certs: [own.pem] },
          remote: { auth: 'pubkey', cacerts: [ca.pem], id: 'vpn.example.org' },
        },
        { keys: [{ data: own.keyPem }], secrets: [], settings: { retransmitTries: 5 } },
      ),
    });
    const from = performance.now();
    const failure = await client.open().then(String, (error: Error) => error.message);
    await client.close({ patienceMs: 0 });
    expect(failure).toContain('AUTHENTICATION_FAILED');
    expect(failure).not.toMatch(/OCSP|revo|fresh/);
    expect(eventOf(s.events, 'session-closed')?.sentence).toMatch(
      /nothing fresh says whether its certificate has been revoked/,
    );
    // 5 s is what an answer may take; the first of several attempts waits for it, and the others for a pause.
    expect(performance.now() - from).toBeLessThan(12_000);
  });

  it('one that hangs holds up no packet and no other verdict, and what it said before counts on', async () => {
    const [alice] = benches;
    if (!alice) throw new Error('nobody is there');
    await alice.client.open();
    responder.hangs = true;
    const from = performance.now();
    const looking = s.server.revalidate();
    const roundTrip = await alice.client.checkLiveness();
    expect(roundTrip).toBeLessThan(2_000);
    expect(await looking).toMatchObject({ checked: 1, good: 1, pending: 0 });
    // 5 s is what an answer may take.
    expect(performance.now() - from).toBeLessThan(9_000);
  });
});
