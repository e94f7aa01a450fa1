import {
  createEapTtlsMethod,
  type EapMethod,
  type EapTtlsOptions,
  gtcMethod,
  md5ChallengeMethod,
  msChapV2Method,
} from '@ipsec-kit/eap';
import { createNodeTlsEngine, type NodeTlsEngineOptions } from '@ipsec-kit/eap/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerFrom, text } from './conversation.ts';
import {
  converseOverTls,
  createTestPki,
  expectAgreement,
  type TestPki,
  type TlsConversation,
} from './tls-conversation.ts';

let pki: TestPki;
let other: TestPki;
let server: NodeTlsEngineOptions;
let anonymous: NodeTlsEngineOptions;

beforeAll(() => {
  pki = createTestPki();
  other = createTestPki();
  const { ca } = pki;
  server = { ca, ...pki.issue('server', 'DNS:aaa.example.org') };
  anonymous = { ca, serverName: 'aaa.example.org' };
});
afterAll(() => {
  pki.remove();
  other.remove();
});

const PASSWORD = 'Ar3etTnp';

const ttls = (
  options: EapTtlsOptions,
  password: string,
  authenticator: EapMethod = createEapTtlsMethod(),
  engine: NodeTlsEngineOptions = server,
  client: NodeTlsEngineOptions = anonymous,
): Promise<TlsConversation> =>
  converseOverTls({
    identity: 'anonymous@example.org',
    peer: {
      method: createEapTtlsMethod({ user: text('carol'), ...options }),
      engine: createNodeTlsEngine(client),
    },
    authenticator: { method: authenticator, engine: createNodeTlsEngine(engine) },
    answerPeer: answerFrom({ carol: password, token: password }),
    answerAuthenticator: answerFrom({ carol: PASSWORD }),
  });

const INNERS = ['eap', 'mschapv2', 'pap'] as const;
const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
const everywhere = VERSIONS.flatMap((version) => INNERS.map((inner) => [inner, version] as const));

describe('EAP-TTLS (RFC 5281 §7, §11.2.1, §11.2.4, §11.2.5, RFC 9427 §2.1, §2.4)', () => {
  it.each(everywhere)(
    '%s inside of %s shows the password, and names the user',
    async (inner, version) => {
      const engine = { ...server, minVersion: version, maxVersion: version };
      const result = await ttls({ inner }, PASSWORD, createEapTtlsMethod(), engine);
      expectAgreement(result);
      expect(result.authenticator).toMatchObject({ user: text('carol') });
      const wire = Buffer.concat(result.packets).toString('latin1');
      expect(wire).not.toContain(PASSWORD);
      expect(wire).not.toContain('carol');
    },
  );

  it.each(everywhere)(
    '%s inside of %s with a wrong password fails at both ends',
    async (inner, maxVersion) => {
      const engine = { ...server, maxVersion };
      const result = await ttls({ inner }, 'wrong', createEapTtlsMethod(), engine);
      expect(result.authenticator).toMatchObject({ kind: 'failure', reason: 'wrong-credentials' });
      expect(result.peer).toMatchObject({ kind: 'failure' });
    },
  );

  it('shows no password to a server of another CA', async () => {
    const asked: string[] = [];
    const result = await converseOverTls({
      identity: 'anonymous',
      peer: {
        method: createEapTtlsMethod({ inner: 'pap' }),
        engine: createNodeTlsEngine({ ...anonymous, ca: other.ca }),
      },
      authenticator: { method: createEapTtlsMethod(), engine: createNodeTlsEngine(server) },
      answerPeer: (work) => {
        asked.push(work.kind);
        return { kind: 'failed' };
      },
    });
    expect(asked).toEqual([]);
    expect(result.peer).toMatchObject({ reason: 'server-not-authenticated' });
  });
});

describe('a certificate of the client in EAP-TTLS (RFC 5281 §7.1)', () => {
  const demanding = (maxVersion: 'TLSv1.2' | 'TLSv1.3'): NodeTlsEngineOptions => ({
    ...server,
    requiresCertificate: true,
    maxVersion,
  });
  const known = (name: string): NodeTlsEngineOptions => ({
    ...anonymous,
    ...pki.issue(name, `DNS:${name}`),
  });

  it.each(everywhere)('with %s inside of %s: both have to be right', async (inner, version) => {
    const method = createEapTtlsMethod();
    const engine = demanding(version);
    const carol = known('carol');
    const good = await ttls({ inner }, PASSWORD, method, engine, carol);
    expectAgreement(good);
    expect(good.authenticator).toMatchObject({ user: text('carol') });
    const wrong = await ttls({ inner }, 'wrong', method, engine, carol);
    expect(wrong.authenticator).toMatchObject({ reason: 'wrong-credentials' });
    expect(wrong.peer).toMatchObject({ kind: 'failure' });
    const issued = other.issue('carol', 'DNS:carol');
    const strangers = [anonymous, { ...anonymous, ...issued }];
    for (const client of strangers) {
      const refused = await ttls({ inner }, PASSWORD, method, engine, client);
      expect(refused.authenticator).toMatchObject({ reason: 'wrong-credentials' });
      expect(refused.peer).toMatchObject({ kind: 'failure' });
    }
  });

  it.each(INNERS)('of another user than %s proves inside, proves neither', async (inner) => {
    const engine = demanding('TLSv1.3');
    const result = await ttls({ inner }, PASSWORD, createEapTtlsMethod(), engine, known('dave'));
    expect(result.authenticator).toMatchObject({ kind: 'failure', reason: 'wrong-credentials' });
    expect(result.peer).toMatchObject({ kind: 'failure' });
  });

  it('alone is not enough, and no password is asked for (RFC 9427 §2.4.1)', async () => {
    for (const version of VERSIONS) {
      const engine = demanding(version);
      const options = { inner: 'certificate' } as const;
      const result = await ttls(options, PASSWORD, createEapTtlsMethod(), engine, known('carol'));
      expect(result.authenticator?.kind).not.toBe('success');
      expect(result.peer).toMatchObject({ kind: 'failure', reason: 'no-method' });
    }
  });

  it('is not asked for unless it is wanted', async () => {
    let chain: readonly Uint8Array[] | undefined;
    const accept = (seen: readonly Uint8Array[]): boolean => {
      chain = seen;
      return true;
    };
    const client = known('dave');
    expectAgreement(await ttls({}, PASSWORD, createEapTtlsMethod(), { ...server, accept }, client));
    expect(chain).toBeUndefined();
  });
});

describe('EAP inside of EAP-TTLS (RFC 5281 §11.2.1)', () => {
  it.each([
    ['MSCHAPv2', msChapV2Method],
    ['MD5', md5ChallengeMethod],
    ['GTC', gtcMethod],
  ])('%s: the right password, the wrong one', async (_, method) => {
    const options = { inner: 'eap', innerMethods: [method] } as const;
    const good = await ttls(options, PASSWORD);
    expectAgreement(good);
    expect(good.authenticator).toMatchObject({ user: text('carol') });
    const bad = await ttls(options, 'wrong');
    expect(bad.authenticator).toMatchObject({ kind: 'failure', reason: 'wrong-credentials' });
    expect(bad.peer).toMatchObject({ kind: 'failure' });
  });

  it('the key is that of the tunnel, whatever the method inside makes', async () => {
    const msks = new Set<string>();
    for (const method of [msChapV2Method, md5ChallengeMethod]) {
      const { peer } = await ttls({ inner: 'eap', innerMethods: [method] }, PASSWORD);
      msks.add(Buffer.from((peer?.kind === 'success' && peer.msk?.reveal()) || []).toString('hex'));
    }
    expect([...msks].every((msk) => /^[0-9a-f]{128}$/.test(msk))).toBe(true);
    expect(msks.size).toBe(2);
  });

  it('without a method in common fails at both ends', async () => {
    const authenticator = createEapTtlsMethod({ innerMethods: [msChapV2Method] });
    const options = { inner: 'eap', innerMethods: [md5ChallengeMethod] } as const;
    const result = await ttls(options, PASSWORD, authenticator);
    expect(result.authenticator).toMatchObject({ kind: 'failure', reason: 'no-method' });
    expect(result.peer).toMatchObject({ kind: 'failure' });
  });

  /** A method inside of which the authenticator never comes to an end. */
  const endless: EapMethod = {
    ...md5ChallengeMethod,
    createPeer: () => ({
      request: () => ({ kind: 'send', data: Uint8Array.of(1) }),
      answer: () => ({ kind: 'ignore' }),
      outcome: undefined,
    }),
    createAuthenticator: () => ({
      start: () => ({ kind: 'send', data: Uint8Array.of(1) }),
      response: () => ({ kind: 'send', data: Uint8Array.of(1) }),
      answer: () => ({ kind: 'ignore' }),
    }),
  };

  it('that goes round and round ends after 64 rounds', async () => {
    const options = { inner: 'eap', innerMethods: [endless] } as const;
    const result = await ttls(options, PASSWORD, createEapTtlsMethod({ innerMethods: [endless] }));
    expect(result.peer).toMatchObject({ kind: 'failure', reason: 'too-many-rounds' });
    expect(result.packets.length).toBeLessThan(140);
  });

  it('a success outside before the method inside is through means nothing', async () => {
    const hasty: EapMethod = {
      ...msChapV2Method,
      createAuthenticator: () => ({
        start: () => ({ kind: 'succeed', user: text('mallory') }),
        response: () => ({ kind: 'ignore' }),
        answer: () => ({ kind: 'ignore' }),
      }),
    };
    const authenticator = createEapTtlsMethod({ innerMethods: [hasty] });
    const result = await ttls({ inner: 'eap' }, PASSWORD, authenticator);
    expect(result.peer).toMatchObject({ kind: 'failure', reason: 'unexpected-success' });
  });
});
