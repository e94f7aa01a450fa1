import { execFile } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemRandom } from '@ipsec-kit/crypto/node';
import {
  createEapAuthenticator,
  createEapTlsMethod,
  createEapTtlsMethod,
  decodeRadiusPacket,
  type EapAuthenticator,
  type EapAuthenticatorOutput,
  type EapMethod,
  gtcMethod,
  joinedValue,
  md5ChallengeMethod,
  msChapV2Method,
  type RadiusPair,
  type TlsEngine,
} from '@ipsec-kit/eap';
import { createNodeTlsEngine, type NodeTlsEngineOptions } from '@ipsec-kit/eap/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RADIUS_SECRET } from '../../../../.ci/free-radius.ts';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { answerFrom, crypto, text } from '../conversation.ts';
import { eapPairs, mppeKey, radiusReply } from '../radius-server.ts';
import { createTestPki, type TestPki } from '../tls-conversation.ts';

const gate = interopGate(['openssl', 'eapol_test'], 'EAP with the peer of wpa_supplicant');

/** A RADIUS server of one conversation, whose authenticator is ours. */
class TestServer {
  readonly #socket: Socket = createSocket('udp4');
  readonly #engine: TlsEngine;
  readonly #authenticator: EapAuthenticator;
  readonly #answer = answerFrom({ carol: 'Ar3etTnp' });
  end: EapAuthenticatorOutput | undefined;

  constructor(method: EapMethod, tls: NodeTlsEngineOptions) {
    this.#engine = createNodeTlsEngine(tls);
    const random = systemRandom();
    this.#authenticator = createEapAuthenticator({ methods: [method], crypto, random });
    this.#authenticator.start();
    this.#socket.on('message', async (request: Uint8Array, { port, address }) => {
      this.#socket.send(await this.#reply(request), port, address);
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve));
    return this.#socket.address().port;
  }

  close(): void {
    this.#socket.close();
    this.#engine.close();
  }

  async #reply(request: Uint8Array): Promise<Uint8Array> {
    const packet = decodeRadiusPacket(request);
    const eap = packet ? joinedValue(packet, 79) : new Uint8Array(0);
    // The first response answers a request of eapol_test itself.
    const isIdentity = eap[4] === 1;
    const sent = await this.#perform(
      isIdentity ? this.#begin(eap) : this.#authenticator.handle({ kind: 'packet', packet: eap }),
    );
    const pairs: RadiusPair[] = [...eapPairs(sent), { type: 24, value: text('state') }];
    if (this.end?.kind === 'success') {
      const msk = this.end.msk?.reveal();
      if (msk) {
        pairs.push(mppeKey(request, RADIUS_SECRET, 17, msk.subarray(0, 32)));
        pairs.push(mppeKey(request, RADIUS_SECRET, 16, msk.subarray(32, 64)));
      }
      return radiusReply(request, RADIUS_SECRET, 2, pairs);
    }
    return radiusReply(request, RADIUS_SECRET, this.end ? 3 : 11, pairs);
  }

  /** The identifier of the machine's own Identity request in the response, which answers another one. */
  #begin(eap: Uint8Array): readonly EapAuthenticatorOutput[] {
    for (let identifier = 0; identifier < 256; identifier += 1) {
      const packet = Uint8Array.from(eap);
      packet[1] = identifier;
      const outputs = this.#authenticator.handle({ kind: 'packet', packet });
      if (outputs[0]?.kind !== 'ignored') return outputs;
    }
    return [];
  }

  async #perform(outputs: readonly EapAuthenticatorOutput[]): Promise<Uint8Array> {
    let sent: Uint8Array = new Uint8Array(0);
    for (const output of outputs) {
      if (output.kind === 'send') sent = output.packet;
      if (output.kind === 'success' || output.kind === 'failure') this.end = output;
      if (output.kind !== 'work') continue;
      const { id, work } = output;
      const answer =
        work.kind === 'tls'
          ? ({ kind: 'tls', tls: await this.#engine.perform(work.tls) } as const)
          : this.#answer(work);
      sent = await this.#perform(this.#authenticator.handle({ kind: 'answer', id, answer }));
    }
    return sent;
  }
}

describe.skipIf(gate.skip)('eapol_test as the peer (RFC 3748, RFC 5216, RFC 5281)', () => {
  let pki: TestPki;
  let tls: NodeTlsEngineOptions;
  let server: TestServer;

  beforeAll(() => {
    pki = createTestPki();
    tls = { ca: pki.ca, ...pki.issue('server', 'DNS:aaa.example.org') };
    pki.issue('carol', 'email:carol@example.org');
  });
  afterEach(() => server.close());
  afterAll(() => pki.remove());

  /** What eapol_test says at the end, and all before. */
  async function run(
    method: EapMethod,
    lines: readonly string[],
    options: NodeTlsEngineOptions = tls,
    isKeyed = true,
  ): Promise<string> {
    server = new TestServer(method, options);
    const port = await server.listen();
    const network = ['key_mgmt=IEEE8021X', 'eapol_flags=0', ...lines].join('\n  ');
    const file = join(pki.directory, 'peer.conf');
    writeFileSync(file, `network={\n  ${network}\n}\n`);
    const key = isKeyed ? [] : ['-n'];
    const args = [
      '-c',
      file,
      '-a',
      '127.0.0.1',
      '-p',
      String(port),
      '-s',
      RADIUS_SECRET,
      '-t',
      '5',
      ...key,
    ];
    return new Promise((resolve) => {
      execFile('eapol_test', args, { cwd: pki.directory }, (_, output) => resolve(output));
    });
  }

  const password = (word: string): readonly string[] => ['identity="carol"', `password="${word}"`];
  const certificate = ['ca_cert="ca.pem"', 'client_cert="carol.pem"', 'private_key="carol.key"'];

  it.each([
    ['MSCHAPV2', msChapV2Method, true],
    ['MD5', md5ChallengeMethod, false],
    ['GTC', gtcMethod, false],
  ] as const)('%s: the right password, the wrong one', async (name, method, isKeyed) => {
    const good = await run(method, [`eap=${name}`, ...password('Ar3etTnp')], tls, isKeyed);
    expect(good.trimEnd().split('\n').at(-1), good.slice(-2_000)).toBe('SUCCESS');
    if (isKeyed) expect(good).toContain('MPPE keys OK: 1  mismatch: 0');
    expect(server.end).toMatchObject({ kind: 'success', user: text('carol') });
    server.close();
    const bad = await run(method, [`eap=${name}`, ...password('wrong')], tls, isKeyed);
    expect(bad.trimEnd().split('\n').at(-1)).toBe('FAILURE');
    expect(server.end).toMatchObject({ kind: 'failure', reason: 'wrong-credentials' });
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'EAP-TLS over %s, with the same keys at both ends',
    async (version) => {
      const phase1 = `phase1="tls_disable_tlsv1_3=${version === 'TLSv1.2' ? 1 : 0}"`;
      const lines = ['eap=TLS', 'identity="outer"', ...certificate, phase1, 'fragment_size=300'];
      const output = await run(createEapTlsMethod(300), lines, { ...tls, minVersion: version });
      expect(output.trimEnd().split('\n').at(-1), output.slice(-3_000)).toBe('SUCCESS');
      expect(server.end).toMatchObject({ kind: 'success', user: text('carol@example.org') });
      server.close();
      const strange = createTestPki();
      const refused = await run(createEapTlsMethod(), lines, { ...tls, ca: strange.ca });
      expect(refused.trimEnd().split('\n').at(-1)).toBe('FAILURE');
      expect(server.end).toMatchObject({ kind: 'failure', reason: 'wrong-credentials' });
      strange.remove();
    },
  );

  it.each(['auth=MSCHAPV2', 'auth=PAP', 'autheap=MSCHAPV2', 'autheap=MD5', 'autheap=GTC'])(
    'EAP-TTLS with %s inside, with the same keys at both ends',
    async (inner) => {
      const lines = [
        ...['eap=TTLS', 'anonymous_identity="anonymous"', 'ca_cert="ca.pem"'],
        `phase2="${inner}"`,
      ];
      const good = await run(createEapTtlsMethod(), [...lines, ...password('Ar3etTnp')]);
      expect(good.trimEnd().split('\n').at(-1), good.slice(-3_000)).toBe('SUCCESS');
      expect(server.end).toMatchObject({ kind: 'success', user: text('carol') });
      server.close();
      const bad = await run(createEapTtlsMethod(), [...lines, ...password('wrong')]);
      expect(bad.trimEnd().split('\n').at(-1)).toBe('FAILURE');
    },
  );

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'EAP-TTLS over %s with a certificate of the client as well (RFC 5281 §7.1)',
    async (minVersion) => {
      const { cert: own, key } = pki.issue('dave', 'DNS:carol');
      writeFileSync(join(pki.directory, 'dave.pem'), own);
      writeFileSync(join(pki.directory, 'dave.key'), key);
      const lines = (file: string): readonly string[] => [
        ...[
          'eap=TTLS',
          'anonymous_identity="anonymous"',
          'ca_cert="ca.pem"',
          'phase2="autheap=MSCHAPV2"',
        ],
        ...[
          `client_cert="${file}.pem"`,
          `private_key="${file}.key"`,
          'phase1="tls_disable_tlsv1_3=0"',
        ],
        ...password('Ar3etTnp'),
      ];
      const engine = { ...tls, minVersion, maxVersion: minVersion, requiresCertificate: true };
      const good = await run(createEapTtlsMethod(), lines('dave'), engine);
      expect(good.trimEnd().split('\n').at(-1), good.slice(-3_000)).toBe('SUCCESS');
      expect(good).toContain('MPPE keys OK: 1  mismatch: 0');
      expect(server.end).toMatchObject({ kind: 'success', user: text('carol') });
      server.close();
      const bad = await run(createEapTtlsMethod(), lines('carol'), engine);
      expect(bad.trimEnd().split('\n').at(-1)).toBe('FAILURE');
    },
  );
});
