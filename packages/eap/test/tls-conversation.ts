import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeededRandom } from '@ipsec-kit/crypto';
import {
  createEapAuthenticator,
  createEapPeer,
  type EapAnswer,
  type EapAuthenticatorOutput,
  type EapMethod,
  type EapPeerOutput,
  type EapWork,
  type TlsEngine,
} from '@ipsec-kit/eap';
import { expect } from 'vitest';
import { crypto, text } from './conversation.ts';

/** Certificates of a CA, in PEM, as openssl makes them. */
export interface TestPki {
  readonly directory: string;
  readonly ca: string;
  /** @param san - subjectAltName as openssl writes it. */
  issue(name: string, san: string, days?: number): { readonly cert: string; readonly key: string };
  /** Revokes one and returns the CRL. */
  revoke(name: string): string;
  remove(): void;
}

export function createTestPki(): TestPki {
  const directory = mkdtempSync(join(tmpdir(), 'eap-pki-'));
  const run = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  };
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  writeFileSync(
    join(directory, 'ca.cnf'),
    '[ca]\ndefault_ca=main\n[main]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=30\n',
  );
  writeFileSync(join(directory, 'index.txt'), '');
  run(
    ...['req', '-x509', ...key, '-subj', '/CN=eap CA', '-days', '3650', '-keyout', 'ca.key'],
    ...['-out', 'ca.pem', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  );
  return {
    directory,
    ca: read('ca.pem'),
    issue(name, san, days = 365) {
      run(
        'req',
        '-new',
        ...key,
        '-subj',
        `/CN=${name}`,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
      );
      const purposes = 'extendedKeyUsage=serverAuth,clientAuth';
      writeFileSync(join(directory, 'ext'), `subjectAltName=${san}\n${purposes}\n`);
      run(
        ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key'],
        ...['-CAcreateserial', '-days', String(days), '-extfile', 'ext', '-out', `${name}.pem`],
      );
      return { cert: read(`${name}.pem`), key: read(`${name}.key`) };
    },
    revoke(name) {
      const ca = ['-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key'];
      run('ca', ...ca, '-revoke', `${name}.pem`);
      run('ca', ...ca, '-gencrl', '-out', 'ca.crl');
      return read('ca.crl');
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
}

interface Setup {
  readonly identity: string;
  readonly peer: { readonly method: EapMethod; readonly engine: TlsEngine };
  readonly authenticator: { readonly method: EapMethod; readonly engine: TlsEngine };
  readonly answerPeer?: (work: EapWork) => EapAnswer;
  readonly answerAuthenticator?: (work: EapWork) => EapAnswer;
  readonly onWire?: (packet: Uint8Array, from: 'peer' | 'authenticator') => Uint8Array;
}

/** What a conversation with TLS came to. */
export interface TlsConversation {
  readonly peer: EapPeerOutput | undefined;
  readonly authenticator: EapAuthenticatorOutput | undefined;
  readonly packets: readonly Uint8Array[];
}

const noAnswer = (): EapAnswer => ({ kind: 'failed' });

/** Runs a whole conversation with an engine at both ends. */
export async function converseOverTls(setup: Setup): Promise<TlsConversation> {
  const random = createSeededRandom('tls');
  const common = { crypto, random };
  const peer = createEapPeer({
    ...common,
    identity: text(setup.identity),
    methods: [setup.peer.method],
  });
  const authenticator = createEapAuthenticator({
    ...common,
    methods: [setup.authenticator.method],
  });
  const ends = {
    peer: { machine: peer, engine: setup.peer.engine, answer: setup.answerPeer ?? noAnswer },
    authenticator: {
      machine: authenticator,
      engine: setup.authenticator.engine,
      answer: setup.answerAuthenticator ?? noAnswer,
    },
  };
  type Name = keyof typeof ends;
  const results: { peer?: EapPeerOutput; authenticator?: EapAuthenticatorOutput } = {};
  const packets: Uint8Array[] = [];
  const wire = setup.onWire ?? ((packet) => packet);
  const queue: { readonly to: Name; readonly packet: Uint8Array }[] = [];
  const perform = async (
    from: Name,
    outputs: readonly (EapPeerOutput | EapAuthenticatorOutput)[],
  ): Promise<void> => {
    const { machine, engine, answer } = ends[from];
    for (const output of outputs) {
      if (output.kind === 'send') {
        packets.push(output.packet);
        const to = from === 'peer' ? 'authenticator' : 'peer';
        queue.push({ to, packet: wire(output.packet, from) });
      } else if (output.kind === 'work') {
        const { work, id } = output;
        const given: EapAnswer =
          work.kind === 'tls' ? { kind: 'tls', tls: await engine.perform(work.tls) } : answer(work);
        await perform(from, machine.handle({ kind: 'answer', id, answer: given }));
      } else if (output.kind === 'success' || output.kind === 'failure') {
        Object.assign(results, { [from]: output });
      }
    }
  };
  await perform('authenticator', authenticator.start());
  for (let next = queue.shift(); next; next = queue.shift()) {
    if (packets.length > 500) throw new Error('the conversation does not end');
    const { to, packet } = next;
    await perform(to, ends[to].machine.handle({ kind: 'packet', packet }));
  }
  setup.peer.engine.close();
  setup.authenticator.engine.close();
  return { peer: results.peer, authenticator: results.authenticator, packets };
}

/** Of both ends, in hexadecimal; what they ended with where that is no success. */
export const mskOf = ({ peer, authenticator }: TlsConversation): readonly string[] =>
  [peer, authenticator].map((end) =>
    end?.kind === 'success' ? Buffer.from(end.msk?.reveal() ?? []).toString('hex') : `${end?.kind}`,
  );

/** Both ends have the same MSK of 64 bytes. */
export function expectAgreement(result: TlsConversation): void {
  const [a, b] = mskOf(result);
  expect(a).toMatch(/^[0-9a-f]{128}$/);
  expect(a).toBe(b);
}
