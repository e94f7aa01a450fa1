import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuthenticationOptions, VpnOptions } from '../../src/options.ts';
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
import { type Issued, issuedBy, newCa, revocationList } from './home-ca.ts';

const NAMES = ['alice', 'bob', 'carol'] as const;

/** A server and three clients of one CA, whose CRL can change; and a place where it can be had over HTTP. */
interface Home {
  readonly ca: Issued;
  readonly people: readonly Issued[];
  readonly server: Issued;
  crl: Uint8Array;
  asked: number;
  readonly http: HttpServer;
  readonly url: string;
}

async function newHome(wish: { hasUrl?: boolean } = {}): Promise<Home> {
  const ca = await newCa();
  const http = createHttpServer((_, response) => {
    home.asked += 1;
    response.end(home.crl);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/ca.crl`;
  const more = wish.hasUrl ? { crlUrl: url } : {};
  const home: Home = {
    ca,
    server: await issuedBy(ca, 'vpn.example.org', { role: 'server', ...more }),
    people: await Promise.all(
      NAMES.map((name) => issuedBy(ca, `${name}.example.org`, { role: 'client', ...more })),
    ),
    crl: await revocationList(ca, []),
    asked: 0,
    http,
    url,
  };
  return home;
}

function ofServer(home: Home, remote: AuthenticationOptions, more: Partial<VpnOptions> = {}) {
  return serverOptions(
    {
      local: { auth: 'pubkey', certs: [home.server.pem], id: 'vpn.example.org' },
      remote: { auth: 'pubkey', cacerts: [home.ca.pem], ...remote },
    },
    { keys: [{ data: home.server.keyPem }], secrets: [], ...more },
  );
}

function ofClient(home: Home, own: Issued, more: Partial<VpnOptions> = {}, children = {}) {
  return clientOptions(
    {
      local: { auth: 'pubkey', certs: [own.pem] },
      remote: {
        auth: 'pubkey',
        cacerts: [home.ca.pem],
        id: 'vpn.example.org',
        revocation: 'ifuri',
      },
      ...children,
    },
    { keys: [{ data: own.keyPem }], secrets: [], ...more },
  );
}

let world: ReturnType<typeof createMemoryWorld>;
let home: Home;
let s: ServerBench;
let clients: ClientBench[];
beforeEach(() => {
  world = createMemoryWorld();
  clients = [];
});
afterEach(async () => {
  await Promise.all(clients.map(({ client }) => client.close({ patienceMs: 0 })));
  await s.server.close({ patienceMs: 0 });
  home.http.close();
});

/** Opens the server, and all three clients to it. */
async function openAll(
  remote: AuthenticationOptions = {},
  more: Partial<VpnOptions> = {},
): Promise<void> {
  s = serverOn(world.hostAt('192.0.2.1'), { options: ofServer(home, remote, more) });
  await s.server.open();
  clients = home.people.map((own, index) =>
    clientOn(world.hostAt(`192.0.2.${10 + index}`), { options: ofClient(home, own) }),
  );
  await Promise.all(clients.map(({ client }) => client.open()));
}

const fromSource = (): Partial<VpnOptions> => ({ crls: [home.crl], crlSource: () => [home.crl] });
const revoke = async (...revoked: (Issued | undefined)[]): Promise<void> => {
  home.crl = await revocationList(
    home.ca,
    revoked.filter((one) => one !== undefined),
  );
};
const names = () => s.server.status().sessions.map((one) => one.remoteIdentity);
const verdicts = () => s.events.filter(({ kind }) => kind === 'session-revalidated');

describe('revalidation without reauthentication (RFC 5280 §6.3)', () => {
  it('ends exactly the session whose certificate the CRL has that is there now', async () => {
    home = await newHome();
    await openAll({}, fromSource());
    expect(await s.server.revalidate()).toMatchObject({ checked: 3, good: 3, bad: [], pending: 0 });
    await revoke(home.people[1]);
    const report = await s.server.revalidate();
    expect(report).toMatchObject({ checked: 3, good: 2, withoutCertificate: 0 });
    expect(report.bad).toMatchObject([
      { remoteIdentity: 'CN=bob.example.org', standing: 'revoked', action: 'close' },
    ]);
    // It is gone when the answer comes.
    expect(names()).toEqual(['CN=alice.example.org', 'CN=carol.example.org']);
    expect(eventOf(s.events, 'session-closed')).toMatchObject({
      code: 'authentication-failed',
      sentence: 'A certificate in the path of the peer has been revoked.',
    });
    expect(verdicts()).toHaveLength(6);
    await clients[1]?.client.ended;
    expect(clients.map(({ client }) => client.status().state)).toEqual(['open', 'closed', 'open']);
  });

  it('with alert it is told, and the session stays; again, and all is well', async () => {
    home = await newHome();
    await openAll({ revalidation: 'alert' }, fromSource());
    await revoke(home.people[0], home.people[2]);
    const { bad } = await s.server.revalidate();
    expect(bad.map(({ standing, action }) => `${standing} ${action}`)).toEqual([
      'revoked alert',
      'revoked alert',
    ]);
    expect(s.server.status().sessions).toHaveLength(3);
    await revoke();
    expect(await s.server.revalidate()).toMatchObject({ good: 3, bad: [] });
  });

  it('with grace the session ends after a while, unless that changes', async () => {
    home = await newHome();
    await openAll({ revalidation: 'grace', revalidationGraceMs: 1_000 }, fromSource());
    await revoke(home.people[0], home.people[1]);
    const { bad } = await s.server.revalidate();
    expect(bad.map(({ action }) => action)).toEqual(['grace', 'grace']);
    expect(s.server.status().sessions).toHaveLength(3);
    await revoke(home.people[0]);
    await s.server.revalidate();
    await clients[0]?.client.ended;
    await expect.poll(names).toEqual(['CN=bob.example.org', 'CN=carol.example.org']);
  });

  it('a client looks at its server, and ends with the reason', async () => {
    home = await newHome();
    s = serverOn(world.hostAt('192.0.2.1'), { options: ofServer(home, {}) });
    await s.server.open();
    const [own] = home.people;
    if (!own) throw new Error('nobody is there');
    const c = clientOn(world.hostAt('192.0.2.9'), { options: ofClient(home, own, fromSource()) });
    clients = [c];
    await c.client.open();
    await revoke(home.server);
    expect((await c.client.revalidate()).bad).toMatchObject([{ standing: 'revoked' }]);
    expect(await c.client.ended).toMatchObject({
      code: 'authentication-failed',
      message: 'A certificate in the path of the peer has been revoked.',
    });
  });

  it('is of one connection where that is said, and counts sessions without certificates', async () => {
    home = await newHome();
    await openAll({}, fromSource());
    await expect(s.server.revalidate({ connection: 'nowhere' })).rejects.toThrow(
      /no connection "nowhere"; there are: office/,
    );
    expect(await s.server.revalidate({ connection: 'office' })).toMatchObject({ checked: 3 });
    await Promise.all(clients.map(({ client }) => client.close()));
    expect(await s.server.revalidate()).toMatchObject({ checked: 0, pending: 0 });
    clients = [];
  });

  it('an unreadable CRL changes nothing and is told', async () => {
    home = await newHome();
    await openAll({ revocation: 'strict' }, fromSource());
    home.crl = Uint8Array.of(0x30, 1, 0);
    expect(await s.server.revalidate()).toMatchObject({ checked: 3, good: 3 });
    expect(eventOf(s.events, 'warning-raised')?.sentence).toMatch(/A CRL was not read anew/);
  });

  it('survives a rekey and a reauthentication: it is looked at then, and by what was proven then', async () => {
    home = await newHome();
    await openAll({}, fromSource());
    await revoke(home.people[0]);
    const [first, second] = clients;
    await Promise.all([
      first?.client.perform({ action: 'rekey' }),
      second?.client.perform({ action: 'reauth' }),
    ]);
    // The rekey is the reason to look at the first.
    await first?.client.ended;
    expect(verdicts()).toMatchObject([{ reason: 'rekey', standing: 'revoked', action: 'close' }]);
    await revoke(home.people[0], home.people[1]);
    expect(await s.server.revalidate()).toMatchObject({ checked: 2, good: 1 });
    expect(names()).toEqual(['CN=carol.example.org']);
  });

  it('looks again by itself when the CRL runs out, and takes the next one', async () => {
    home = await newHome();
    home.crl = await revocationList(home.ca, [], 4_000);
    await openAll({}, fromSource());
    await revoke(home.people[2]);
    await clients[2]?.client.ended;
    expect(verdicts()).toMatchObject([{ reason: 'evidence-expired', standing: 'revoked' }]);
    await expect.poll(names).toHaveLength(2);
  });

  it('looks again on a timer, where that is wanted', async () => {
    home = await newHome();
    await openAll({ revalidationTimeMs: 1_000 }, fromSource());
    await revoke(home.people[2]);
    await clients[2]?.client.ended;
    expect(verdicts()).toMatchObject([{ reason: 'timer', standing: 'revoked' }]);
  });
});

describe('CRLs over HTTP (RFC 5280 §4.2.1.13)', () => {
  it('are fetched once for all, kept until nextUpdate, and fetched anew on a command', async () => {
    home = await newHome({ hasUrl: true });
    await openAll({ revocation: 'ifuri' });
    // Each client has fetched it for its own check, and the server once for all three.
    expect(home.asked).toBe(4);
    await revoke(home.people[1]);
    expect(await s.server.revalidate()).toMatchObject({ checked: 3, good: 2 });
    expect(home.asked).toBe(5);
    expect(names()).toHaveLength(2);
  });

  it('that are no more to be had leave what has not run out in force', async () => {
    home = await newHome({ hasUrl: true });
    await openAll({ revocation: 'strict' });
    home.http.close();
    home.http.closeAllConnections();
    expect(await s.server.revalidate()).toMatchObject({ checked: 3, good: 3 });
  });

  it('are not fetched through the tunnel that waits for them, but as soon as it stands', async () => {
    home = await newHome({ hasUrl: true });
    s = serverOn(world.hostAt('192.0.2.1'), {
      options: serverOptions(
        {
          local: { auth: 'pubkey', certs: [home.server.pem], id: 'vpn.example.org' },
          remote: { auth: 'pubkey', cacerts: [home.ca.pem] },
          pools: [],
          children: { net: { localTs: ['127.0.0.0/8'], remoteTs: ['192.0.2.7/32'] } },
        },
        { keys: [{ data: home.server.keyPem }], secrets: [], crls: [home.crl] },
      ),
    });
    await s.server.open();
    const [own] = home.people;
    if (!own) throw new Error('nobody is there');
    await revoke(home.server);
    const options = clientOptions(
      {
        vips: [],
        local: { auth: 'pubkey', certs: [own.pem] },
        remote: { auth: 'pubkey', cacerts: [home.ca.pem], id: 'vpn.example.org' },
        children: { net: { remoteTs: ['127.0.0.0/8'], startAction: 'trap' } },
      },
      { keys: [{ data: own.keyPem }], secrets: [] },
    );
    const c = clientOn(world.hostAt('192.0.2.7'), { options });
    clients = [c];
    await c.client.open();
    expect(c.client.status().state).toBe('waiting');
    const opening = c.client.perform({ action: 'initiate', child: 'net' });
    await opening;
    expect(c.events.some(({ kind }) => kind === 'child-opened')).toBe(true);
    await expect
      .poll(() => eventOf(c.events, 'session-revalidated'))
      .toMatchObject({
        reason: 'deferred',
        standing: 'revoked',
        action: 'close',
      });
    const opened = c.events.findIndex(({ kind }) => kind === 'session-opened');
    const judged = c.events.findIndex(({ kind }) => kind === 'session-revalidated');
    expect(opened).toBeLessThan(judged);
  });
});
