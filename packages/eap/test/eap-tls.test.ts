import { createEapTlsMethod, type EapMethod, type TlsEngine } from '@ipsec-kit/eap';
import { createNodeTlsEngine, type NodeTlsEngineOptions } from '@ipsec-kit/eap/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { text } from './conversation.ts';
import {
  converseOverTls,
  createTestPki,
  expectAgreement,
  mskOf,
  type TestPki,
  type TlsConversation,
} from './tls-conversation.ts';

let pki: TestPki;
let other: TestPki;
let server: NodeTlsEngineOptions;
let client: NodeTlsEngineOptions;

beforeAll(() => {
  pki = createTestPki();
  other = createTestPki();
  const { ca } = pki;
  server = { ca, ...pki.issue('server', 'DNS:aaa.example.org') };
  client = { ca, ...pki.issue('client', 'email:carol@example.org'), serverName: 'aaa.example.org' };
});
afterAll(() => {
  pki.remove();
  other.remove();
});

const tls = (
  peer: NodeTlsEngineOptions,
  authenticator: NodeTlsEngineOptions,
  methods: { peer?: EapMethod; authenticator?: EapMethod } = {},
): Promise<TlsConversation> =>
  converseOverTls({
    identity: 'outer@example.org',
    peer: { method: methods.peer ?? createEapTlsMethod(), engine: createNodeTlsEngine(peer) },
    authenticator: {
      method: methods.authenticator ?? createEapTlsMethod(),
      engine: createNodeTlsEngine(authenticator),
    },
  });

describe('EAP-TLS (RFC 5216 §2.1, RFC 9190 §2.1)', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'agrees on an MSK over %s, and names the peer',
    async (version) => {
      const result = await tls(client, { ...server, maxVersion: version });
      expectAgreement(result);
      expect(result.authenticator).toMatchObject({ user: text('carol@example.org') });
      // Flags of each packet behind type 13: start, and then none but length and more.
      const flags = result.packets.slice(2, -1).map((packet) => packet[5] ?? 0);
      expect(flags[0]).toBe(0x20);
      expect(flags.slice(1).every((flag) => (flag & 0x3f) === 0)).toBe(true);
    },
  );

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'cuts %s into fragments, each acknowledged',
    async (version) => {
      const small = createEapTlsMethod(64);
      const one = createEapTlsMethod(400);
      const result = await tls(
        client,
        { ...server, maxVersion: version },
        { peer: one, authenticator: one },
      );
      expectAgreement(result);
      expect(result.packets.length).toBeGreaterThan(15);
      expect(Math.max(...result.packets.map(({ length }) => length))).toBe(400 + 10);
      const tiny = await tls(
        client,
        { ...server, maxVersion: version },
        { peer: small, authenticator: small },
      );
      expect(tiny.peer).toBeDefined();
    },
  );

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'refuses, over %s, a client or server of another CA, revoked, or with another name',
    async (maxVersion) => {
      const { cert, key } = other.issue('client', 'email:carol@example.org');
      const strange = await tls({ ...client, cert, key }, { ...server, maxVersion });
      expect(strange.authenticator).toMatchObject({ kind: 'failure', reason: 'wrong-credentials' });
      expect(strange.peer).toMatchObject({ kind: 'failure' });
      const bare = await tls({ ca: pki.ca }, { ...server, maxVersion });
      expect(mskOf(bare)).toEqual(['failure', 'failure']);
      const wrongCa = await tls({ ...client, ca: other.ca }, { ...server, maxVersion });
      expect(wrongCa.peer).toMatchObject({ kind: 'failure', reason: 'server-not-authenticated' });
      expect(wrongCa.authenticator?.kind).not.toBe('success');
      const wrongName = await tls(
        { ...client, serverName: 'b.example.org' },
        { ...server, maxVersion },
      );
      expect(wrongName.peer).toMatchObject({ reason: 'server-not-authenticated' });
      const gone = pki.issue(`gone-${maxVersion}`, 'email:gone@example.org');
      const crl = pki.revoke(`gone-${maxVersion}`);
      const revoked = await tls({ ...client, ...gone }, { ...server, crl, maxVersion });
      expect(revoked.authenticator).toMatchObject({ kind: 'failure', reason: 'wrong-credentials' });
      expect(mskOf(await tls(client, { ...server, crl, maxVersion }))[1]).toMatch(
        /^[0-9a-f]{128}$/,
      );
    },
  );

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'tells a client, over %s, no word of what was wrong with its certificate: no alert, the same packets',
    async (maxVersion) => {
      const expired = pki.issue(`old-${maxVersion}`, 'email:carol@example.org', -1);
      const gone = pki.issue(`lost-${maxVersion}`, 'email:carol@example.org');
      const crl = pki.revoke(`lost-${maxVersion}`);
      const stories = new Set<string>();
      const method = createEapTlsMethod(16_384);
      for (const [own, engine] of [
        [other.issue('client', 'email:carol@example.org'), {}],
        [expired, {}],
        [gone, { crl }],
        [client, { accept: () => false }],
      ] as const) {
        const result = await tls(
          { ...client, ...own },
          { ...server, ...engine, maxVersion },
          { peer: method, authenticator: method },
        );
        expect(result.authenticator).toMatchObject({ reason: 'wrong-credentials' });
        const [last] = result.packets.slice(-1);
        const requests = result.packets.filter(([code]) => code !== 2).length;
        stories.add(`${requests} ${last?.[0]} ${last?.length} ${JSON.stringify(result.peer)}`);
      }
      expect([...stories]).toHaveLength(1);
    },
  );

  it('runs many conversations at the same time, each with a key of its own', async () => {
    const versions = Array.from({ length: 40 }, (_, i) =>
      i % 2 === 0 ? ('TLSv1.2' as const) : ('TLSv1.3' as const),
    );
    const results = await Promise.all(
      versions.map((maxVersion) => tls(client, { ...server, maxVersion })),
    );
    for (const result of results) expectAgreement(result);
    expect(new Set(results.map((result) => mskOf(result)[0])).size).toBe(40);
  });

  it('asks for a further check of the chain', async () => {
    let chain: readonly Uint8Array[] = [];
    const accept = (seen: readonly Uint8Array[]): boolean => {
      chain = seen;
      return false;
    };
    const result = await tls(client, { ...server, accept });
    expect(result.authenticator).toMatchObject({ kind: 'failure', reason: 'wrong-credentials' });
    expect(chain.length).toBeGreaterThan(0);
    expect(mskOf(await tls({ ...client, accept: async () => true }, server))[0]).toHaveLength(128);
  });

  it('fails with a sentence of the machine, not an exception, on keys that are none', async () => {
    const result = await tls({ ...client, key: 'none' }, server);
    expect(result.peer).toMatchObject({ kind: 'failure', reason: 'server-not-authenticated' });
    const noVersion = await tls(
      { ...client, minVersion: 'TLSv1.3' },
      { ...server, maxVersion: 'TLSv1.2' },
    );
    expect(mskOf(noVersion)).toEqual(['failure', 'failure']);
  });

  it('ends without success wherever one bit of the conversation is changed', async () => {
    const whole = await tls(client, server);
    for (let at = 2; at < whole.packets.length; at += 1) {
      for (const place of [5, 6, 11, 40]) {
        let count = 0;
        const result = await converseOverTls({
          identity: 'outer',
          peer: { method: createEapTlsMethod(), engine: createNodeTlsEngine(client) },
          authenticator: { method: createEapTlsMethod(), engine: createNodeTlsEngine(server) },
          onWire(packet) {
            count += 1;
            if (count - 1 !== at || place >= packet.length) return packet;
            const bent = packet.slice();
            bent[place] = (bent[place] ?? 0) ^ 0x04;
            return bent;
          },
        });
        const [a, b] = mskOf(result);
        // Flags that mean nothing may change; if both end well, then with one key.
        if (a?.length === 128 && b?.length === 128) expect(a).toBe(b);
      }
    }
  });
});

describe('an end that misbehaves (RFC 5216 §2.1.5, §3.1)', () => {
  /** Counts what is asked of TLS, and answers nothing. */
  function mute(): TlsEngine & { asked: number } {
    return {
      asked: 0,
      async perform() {
        this.asked += 1;
        return { records: new Uint8Array(0), data: new Uint8Array(0), hasFailed: false };
      },
      close: () => undefined,
    };
  }

  async function withServerPackets(
    make: (round: number) => readonly number[],
  ): Promise<{ reason: string; asked: number }> {
    const engine = mute();
    let round = 0;
    const result = await converseOverTls({
      identity: 'outer',
      peer: { method: createEapTlsMethod(), engine },
      authenticator: {
        method: {
          ...createEapTlsMethod(),
          createAuthenticator: () => ({
            start: () => ({ kind: 'send', data: Uint8Array.of(0x20) }),
            response: () => {
              round += 1;
              return { kind: 'send', data: Uint8Array.from(make(round)) };
            },
            answer: () => ({ kind: 'ignore' }),
          }),
        },
        engine: mute(),
      },
    });
    return {
      reason: result.peer?.kind === 'failure' ? result.peer.reason : `${result.peer?.kind}`,
      asked: engine.asked,
    };
  }

  it('fragments without end, or more than 64 kB, are refused', async () => {
    const part = new Array<number>(2_000).fill(7);
    expect(await withServerPackets(() => [0x40, ...part])).toMatchObject({
      reason: 'protocol-error',
      asked: 1,
    });
    expect(await withServerPackets(() => [0x40, 1])).toMatchObject({ reason: 'too-many-rounds' });
    expect(await withServerPackets(() => [0xc0, 0, 1, 0, 1, 1])).toMatchObject({
      reason: 'protocol-error',
    });
  });

  it.each([
    ['empty requests', [0x00]],
    ['an empty fragment', [0x40]],
    ['no flags', []],
    ['a second start', [0x20]],
    ['half a length', [0x80, 0, 0]],
    ['a length that is not kept', [0x80, 0, 0, 0, 9, 1, 2]],
  ])('%s end the conversation', async (_, data) => {
    expect(await withServerPackets(() => data)).toMatchObject({ reason: 'protocol-error' });
  });

  it('a TLS that goes round and round ends after 64 rounds', async () => {
    expect(await withServerPackets(() => [0x00, 1])).toMatchObject({ reason: 'too-many-rounds' });
  });
});
