import { beforeAll, describe, expect, it } from 'vitest';
import type { AuthenticationOptions, VpnOptions } from '../../src/options.ts';
import { eventOf } from '../memory-world.ts';
import { CAROL, openByEap, SERVER } from './open-by-eap.ts';
import { type Issued, TestPki } from './test-pki.ts';

const PASSWORD = 'Ar3etTnp-of-carol';

let pki: TestPki;
let stranger: TestPki;
let server: Issued;
let carol: Issued;

beforeAll(async () => {
  pki = await TestPki.create();
  stranger = await TestPki.create();
  server = await pki.issue('server', SERVER);
  carol = await pki.issue('client', CAROL);
});

interface Sides {
  readonly client?: Partial<AuthenticationOptions>;
  readonly server?: Partial<AuthenticationOptions>;
  /** The server's own side, and what the client wants of it; default a certificate. */
  readonly serverAuth?: string;
  readonly clientMore?: Partial<VpnOptions>;
  readonly serverMore?: Partial<VpnOptions>;
}

const user = (password: string): Partial<VpnOptions> => ({
  eapSecrets: [{ ids: [CAROL], secret: password }],
});

const run = (auth: string, sides: Sides = {}) =>
  openByEap({
    pki,
    server,
    auth,
    serverAuth: sides.serverAuth,
    local: sides.client,
    remote: sides.server,
    clientMore: { ...user(PASSWORD), ...sides.clientMore },
    serverMore: { ...user(PASSWORD), ...sides.serverMore },
  });

const withCertificate = (issued: Issued): Partial<VpnOptions> => ({
  keys: [{ data: issued.key }],
  eapSecrets: [],
});

describe('a tunnel by EAP (RFC 7296 §2.16)', () => {
  it.each(['eap-mschapv2', 'eap-md5', 'eap-gtc', 'eap-ttls', 'eap'])(
    '%s: opens with the right password',
    async (auth) => {
      const { failure, status, events } = await run(auth);
      expect(failure).toBeUndefined();
      expect(status.client.state).toBe('open');
      expect(status.server.sessions).toMatchObject([{ state: 'open', eapIdentity: CAROL }]);
      expect(eventOf(events.server, 'session-opened')?.eapIdentity).toBe(CAROL);
    },
  );

  it.each(['eap-mschapv2', 'eap-md5', 'eap-gtc', 'eap-ttls'])(
    '%s: is refused with a wrong one, which only the server knows the reason of',
    async (auth) => {
      const { failure, said } = await run(auth, { clientMore: user('wrong-password') });
      expect(said).toMatch(
        /^The peer carol@example.org could not be authenticated: the password or certificate of carol@example.org is wrong, or there is no such user/,
      );
      expect(failure).toMatch(/^EAP for carol@example.org failed: the server (refused|does not)/);
      expect(`${failure}${said}`).not.toMatch(/wrong-password|Ar3etTnp/);
    },
  );

  it('eap-mschapv2: an unknown user looks like a wrong password', async () => {
    const wrong = await run('eap-mschapv2', { clientMore: user('wrong-password') });
    const unknown = await run('eap-mschapv2', {
      serverMore: { eapSecrets: [{ ids: ['alice'], secret: PASSWORD }] },
    });
    expect(unknown.failure).toBe(wrong.failure);
    const story = ({ events }: typeof wrong): string[] =>
      events.client.flatMap((event) => (event.kind === 'message' ? [event.payloads] : []));
    expect(story(unknown)).toEqual(story(wrong));
  });

  it('eap-tls: opens with a certificate of the CA, and refuses one of another', async () => {
    const good = await run('eap-tls', {
      client: { certs: [carol.certificate] },
      clientMore: withCertificate(carol),
    });
    expect(good.failure).toBeUndefined();
    expect(good.status.server.sessions[0]?.eapIdentity).toBe(CAROL);
    const foreign = await stranger.issue('client', CAROL);
    const strange = await run('eap-tls', {
      client: { certs: [foreign.certificate] },
      clientMore: withCertificate(foreign),
    });
    expect(strange.failure).toContain('failed');
    expect(strange.said).toContain('could not be authenticated');
  });

  it('eap-tls: a certificate of the CA for somebody else proves nobody who says otherwise', async () => {
    const alice = await pki.issue('client', 'alice@example.org');
    const { failure, said } = await run('eap-tls', {
      client: { id: CAROL, certs: [alice.certificate] },
      clientMore: withCertificate(alice),
    });
    expect(failure).toBeDefined();
    expect(said).toContain('its certificate is for');
    expect(said).toContain('alice@example.org');
  });

  it('eap-ttls: does not give the password to a server that is not the one', async () => {
    const { failure, said } = await run('eap-ttls', { client: { aaaId: 'radius.example.org' } });
    expect(failure).toContain('the EAP server is not believed: its certificate is for');
    expect(failure).toContain(SERVER);
    expect(said).toBeDefined();
  });

  it('eap-ttls with a certificate as well: both have to be right, and of the same user (RFC 5281 §7.1)', async () => {
    const server = { ttlsCert: true };
    const shown = (issued: Issued, password = PASSWORD): Sides => ({
      server,
      client: { certs: [issued.certificate] },
      clientMore: { keys: [{ data: issued.key }], ...user(password) },
    });
    const good = await run('eap-ttls', shown(carol));
    expect(good.failure).toBeUndefined();
    expect(good.status.server.sessions[0]?.eapIdentity).toBe(CAROL);
    const alice = await pki.issue('client', 'alice@example.org');
    const bad: readonly [Sides, RegExp][] = [
      [{ server }, /password or certificate of carol@example.org is wrong/],
      [shown(carol, 'wrong-password'), /password or certificate of carol@example.org is wrong/],
      [shown(alice), /its certificate is for .*alice@example.org/],
      [shown(await stranger.issue('client', CAROL)), /password or certificate of carol/],
    ];
    for (const [sides, reason] of bad) {
      const { failure, said } = await run('eap-ttls', sides);
      expect(said).toMatch(reason);
      // What the client hears is the same, whatever was wrong.
      expect(failure).toMatch(/^EAP for carol@example.org failed: the server (refused|does not)/);
    }
  });

  it('eap-tls on both sides: nothing else proves the server (RFC 5998)', async () => {
    const { failure, events } = await run('eap-tls', {
      serverAuth: 'eap-tls',
      client: { certs: [carol.certificate] },
      clientMore: withCertificate(carol),
    });
    expect(failure).toBeUndefined();
    const payloads = events.client.flatMap((event) =>
      event.kind === 'message' && event.exchange === 'IKE_AUTH' ? [event.payloads] : [],
    );
    expect(payloads[0]).toContain('N(EAP_ONLY_AUTHENTICATION)');
    expect(payloads[1]).toBe('IDr EAP');
  });

  it('eap-ttls on both sides: the client has a password and no certificate (RFC 5998)', async () => {
    const good = await run('eap-ttls', { serverAuth: 'eap-ttls' });
    expect(good.failure).toBeUndefined();
    expect(good.status.server.sessions[0]?.eapIdentity).toBe(CAROL);
    const more = { serverAuth: 'eap-ttls', clientMore: user('wrong-password') };
    expect((await run('eap-ttls', more)).failure).toContain('the server refused');
  });

  it('asks for the name where eap_id is %any, and goes by it', async () => {
    const { failure, status } = await run('eap-mschapv2', {
      client: { id: 'laptop', eapId: CAROL },
      server: { eapId: '%any' },
    });
    expect(failure).toBeUndefined();
    expect(status.server.sessions).toMatchObject([
      { remoteIdentity: 'laptop', eapIdentity: CAROL },
    ]);
    const refused = await run('eap-mschapv2', {
      client: { id: 'laptop', eapId: CAROL },
      server: { eapId: 'alice@example.org' },
    });
    expect(refused.said).toContain('EAP has proven carol@example.org');
  });

  it('asks whoever knows passwords, on both sides', async () => {
    const asked: string[] = [];
    const source = (question: { role: string; user: string }): string => {
      asked.push(`${question.role} ${question.user}`);
      return PASSWORD;
    };
    const { failure } = await run('eap-mschapv2', {
      clientMore: { eapSecrets: [], eapPassword: source },
      serverMore: { eapSecrets: [], eapPassword: async (question) => source(question) },
    });
    expect(failure).toBeUndefined();
    expect(new Set(asked)).toEqual(new Set([`peer ${CAROL}`, `authenticator ${CAROL}`]));
  });

  it('a source of passwords that fails fails the session, and what it says is not told', async () => {
    const bad = await run('eap-mschapv2', {
      clientMore: {
        eapSecrets: [],
        eapPassword: () => Promise.reject(new Error(`leak ${PASSWORD}`)),
      },
    });
    expect(bad.failure).toContain('EAP for carol@example.org failed');
    expect(bad.failure).not.toContain('leak');
  });
});

describe('secrets of EAP', () => {
  it.each(['eap-mschapv2', 'eap-ttls', 'eap-gtc'])(
    '%s: no password and no key is in any event or status, whether it succeeds or not',
    async (auth) => {
      const good = await run(auth);
      const bad = await run(auth, { clientMore: user('wrong-password') });
      for (const { events, status, failure, said } of [good, bad]) {
        const replacer = (_: string, value: unknown) =>
          typeof value === 'bigint' ? String(value) : value;
        const all = JSON.stringify([events, status, failure, said], replacer);
        expect(all).toContain('IKE_AUTH');
        for (const secret of [PASSWORD, 'wrong-password']) {
          expect(all).not.toContain(secret);
          expect(all).not.toContain(Buffer.from(secret).toString('hex'));
          expect(all).not.toContain(Buffer.from(secret).toString('base64'));
        }
        expect(all).not.toContain('"msk"');
      }
    },
  );
});
