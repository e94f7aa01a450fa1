import { createSeededRandom } from '@ipsec-kit/crypto';
import { systemRandom } from '@ipsec-kit/crypto/node';
import {
  createEapPeer,
  createEapTlsMethod,
  createEapTtlsMethod,
  createRadiusRelay,
  type EapMethod,
  type EapPeerOutput,
  gtcMethod,
  md5ChallengeMethod,
  msChapV2Method,
  type RadiusRelayOutput,
  type TlsEngine,
} from '@ipsec-kit/eap';
import {
  createNodeRadiusBackend,
  createNodeTlsEngine,
  type NodeRadiusBackend,
  type NodeTlsEngineOptions,
} from '@ipsec-kit/eap/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RADIUS_SECRET } from '../../../../.ci/free-radius.ts';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { answerFrom, crypto, secret, text } from '../conversation.ts';
import { createTestPki, type TestPki } from '../tls-conversation.ts';
import { FreeRadius } from './freeradius.ts';

const gate = interopGate(['openssl', 'freeradius'], 'EAP and RADIUS with FreeRADIUS');
const PORT = 18_120;

interface Ends {
  readonly peer: EapPeerOutput | undefined;
  readonly relay: RadiusRelayOutput | undefined;
}

/** A peer of ours, a relay of ours, and a RADIUS server behind it. */
async function converse(
  method: EapMethod,
  identity: string,
  password: string,
  backend: NodeRadiusBackend,
  engine?: TlsEngine,
): Promise<Ends> {
  const peer = createEapPeer({
    identity: text(identity),
    methods: [method],
    crypto,
    random: createSeededRandom('peer'),
  });
  const relay = createRadiusRelay(systemRandom());
  const answer = answerFrom({ carol: password, token: password });
  const ends: { peer?: EapPeerOutput; relay?: RadiusRelayOutput } = {};
  const queue: (() => Promise<void>)[] = [];
  const fromPeer = async (outputs: readonly EapPeerOutput[]): Promise<void> => {
    for (const output of outputs) {
      if (output.kind === 'success' || output.kind === 'failure') ends.peer = output;
      if (output.kind === 'send') {
        const { packet } = output;
        queue.push(() => fromRelay(relay.handle({ kind: 'packet', packet })));
      }
      if (output.kind !== 'work') continue;
      const { id, work } = output;
      const given =
        work.kind === 'tls' && engine
          ? ({ kind: 'tls', tls: await engine.perform(work.tls) } as const)
          : answer(work);
      await fromPeer(peer.handle({ kind: 'answer', id, answer: given }));
    }
  };
  const fromRelay = async (outputs: readonly RadiusRelayOutput[]): Promise<void> => {
    for (const output of outputs) {
      if (output.kind === 'success' || output.kind === 'failure') ends.relay = output;
      if (output.kind === 'send') {
        const { packet } = output;
        queue.push(() => fromPeer(peer.handle({ kind: 'packet', packet })));
      }
      if (output.kind !== 'ask') continue;
      const outcome = await backend.ask(output.ask);
      await fromRelay(relay.handle({ kind: 'answer', id: output.id, ...outcome }));
    }
  };
  await fromRelay(relay.start());
  for (let next = queue.shift(); next; next = queue.shift()) await next();
  engine?.close();
  return { peer: ends.peer, relay: ends.relay };
}

const mskOf = (end: EapPeerOutput | RadiusRelayOutput | undefined): string =>
  end?.kind === 'success' ? Buffer.from(end.msk?.reveal() ?? []).toString('hex') : `${end?.kind}`;

describe.skipIf(gate.skip)('FreeRADIUS 3.2 as the authenticator (RFC 3579, RFC 2865)', () => {
  let pki: TestPki;
  let client: NodeTlsEngineOptions;
  let server: FreeRadius | undefined;
  let backend: NodeRadiusBackend;

  beforeAll(() => {
    pki = createTestPki();
    pki.issue('server', 'DNS:aaa.example.org');
    const issued = pki.issue('carol', 'email:carol@example.org');
    client = { ca: pki.ca, ...issued, serverName: 'aaa.example.org' };
    backend = createNodeRadiusBackend({
      // Nobody listens on the first one.
      servers: [
        { address: '127.0.0.1', port: PORT + 1, secret: secret(RADIUS_SECRET) },
        { address: '127.0.0.1', port: PORT, secret: secret(RADIUS_SECRET) },
      ],
      nasIdentifier: text('gw.example.org'),
      random: systemRandom(),
      firstTimeoutMs: 50,
      transmissions: 2,
    });
  });
  afterEach(async () => server?.stop());
  afterAll(() => {
    backend.close();
    pki.remove();
  });

  it.each([
    ['MSCHAPv2', msChapV2Method],
    ['MD5', md5ChallengeMethod],
    ['GTC', gtcMethod],
  ])('%s: the right password, the wrong one', async (name, method) => {
    const type = name.toLowerCase() as 'mschapv2' | 'md5' | 'gtc';
    server = await FreeRadius.start(pki, PORT, type);
    const good = await converse(method, 'carol', 'Ar3etTnp', backend);
    expect(mskOf(good.peer)).toBe(mskOf(good.relay));
    expect(mskOf(good.peer)).toHaveLength(name === 'MSCHAPv2' ? 128 : 0);
    expect(good.relay).toMatchObject({ kind: 'success', user: text('carol') });
    const bad = await converse(method, 'carol', 'wrong', backend);
    expect([bad.peer?.kind, bad.relay?.kind]).toEqual(['failure', 'failure']);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'EAP-TLS over %s (RFC 5216, RFC 9190)',
    async (version) => {
      server = await FreeRadius.start(pki, PORT, 'tls', {
        tlsVersion: version === 'TLSv1.2' ? '1.2' : '1.3',
      });
      const engine = createNodeTlsEngine({ ...client, minVersion: version, maxVersion: version });
      const good = await converse(createEapTlsMethod(), 'carol', '', backend, engine);
      expect(mskOf(good.peer), server.tail).toMatch(/^[0-9a-f]{128}$/);
      expect(mskOf(good.peer)).toBe(mskOf(good.relay));
      const strange = createTestPki();
      const { cert, key } = strange.issue('carol', 'email:carol@example.org');
      const bad = createNodeTlsEngine({ ...client, cert, key });
      const refused = await converse(createEapTlsMethod(), 'carol', '', backend, bad);
      expect([refused.peer?.kind, refused.relay?.kind]).toEqual(['failure', 'failure']);
      strange.remove();
    },
  );

  it.each([
    ['eap', '1.2'],
    ['mschapv2', '1.2'],
    ['pap', '1.2'],
    ['eap', '1.3'],
    ['mschapv2', '1.3'],
    ['pap', '1.3'],
  ] as const)(
    'EAP-TTLS with %s inside, over TLS %s (RFC 5281, RFC 9427)',
    async (inner, tlsVersion) => {
      server = await FreeRadius.start(pki, PORT, 'ttls', { tlsVersion });
      const method = createEapTtlsMethod({ inner, user: text('carol') });
      const minVersion = `TLSv${tlsVersion}` as const;
      const engine = (): TlsEngine =>
        createNodeTlsEngine({ ca: pki.ca, serverName: 'aaa.example.org', minVersion });
      const good = await converse(method, 'anonymous', 'Ar3etTnp', backend, engine());
      expect(mskOf(good.peer), server.tail).toMatch(/^[0-9a-f]{128}$/);
      expect(mskOf(good.peer)).toBe(mskOf(good.relay));
      const bad = await converse(method, 'anonymous', 'wrong', backend, engine());
      expect([bad.peer?.kind, bad.relay?.kind]).toEqual(['failure', 'failure']);
    },
  );

  it.each(['1.2', '1.3'] as const)(
    'EAP-TTLS over TLS %s with a certificate of the client, which FreeRADIUS wants (RFC 5281 §7.1)',
    async (tlsVersion) => {
      server = await FreeRadius.start(pki, PORT, 'ttls', { tlsVersion, requiresCertificate: true });
      const method = createEapTtlsMethod({ inner: 'eap', user: text('carol') });
      const engine = createNodeTlsEngine(client);
      const good = await converse(method, 'anonymous', 'Ar3etTnp', backend, engine);
      expect(mskOf(good.peer), server.tail).toMatch(/^[0-9a-f]{128}$/);
      expect(mskOf(good.peer)).toBe(mskOf(good.relay));
      const bare = createNodeTlsEngine({ ca: pki.ca, serverName: 'aaa.example.org' });
      const refused = await converse(method, 'anonymous', 'Ar3etTnp', backend, bare);
      expect([refused.peer?.kind, refused.relay?.kind]).toEqual(['failure', 'failure']);
    },
  );

  it('a wrong shared secret is as good as silence, and silence ends', async () => {
    server = await FreeRadius.start(pki, PORT, 'md5');
    const deaf = createNodeRadiusBackend({
      servers: [{ address: '127.0.0.1', port: PORT, secret: secret('other') }],
      nasIdentifier: text('gw'),
      random: systemRandom(),
      firstTimeoutMs: 50,
    });
    const started = performance.now();
    const result = await converse(md5ChallengeMethod, 'carol', 'Ar3etTnp', deaf);
    expect(result.relay).toMatchObject({ kind: 'failure', reason: 'work-failed' });
    expect(result.peer).toMatchObject({ kind: 'failure' });
    expect(performance.now() - started).toBeLessThan(2_000);
    deaf.close();
  });
});
