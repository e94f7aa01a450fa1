import { execFileSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeProvider, createNodeSignatures } from '@ipsec-kit/crypto/node';
import {
  type CertificateCheck,
  type CertificateVerdict,
  checkOcspResponse,
  createCertificateValidator,
  encodeOcspRequest,
  readKeyFile,
  readOcspResponse,
  readRevocationList,
} from '@ipsec-kit/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { read } from '../authority.ts';

const gate = interopGate(['pki', 'openssl'], 'certificates of strongSwan');
const crypto = createNodeProvider();
const signatures = createNodeSignatures();
const validator = createCertificateValidator(signatures, crypto);
const policy = { acceptSha1: false, minimumRsaBits: 2048 };
const DAY = 86_400_000;

describe.skipIf(gate.skip)(
  'certificates that strongSwan 5.9.8 pki has made (RFC 5280, RFC 4945)',
  () => {
    let directory: string;
    const now = Date.now() + 60_000;

    const run = (program: string, ...args: readonly string[]): Uint8Array =>
      Uint8Array.from(
        execFileSync(program, args, { cwd: directory, stdio: ['ignore', 'pipe', 'ignore'] }),
      );
    const file = (name: string): Uint8Array => Uint8Array.from(readFileSync(join(directory, name)));
    const save = (name: string, bytes: Uint8Array): void =>
      writeFileSync(join(directory, name), bytes);

    function makeKey(name: string, type: string): void {
      const size = type === 'rsa' ? ['--size', '2048'] : type === 'ecdsa' ? ['--size', '256'] : [];
      save(`${name}.key`, run('pki', '--gen', '--type', type, ...size));
    }

    function issue(name: string, by: string, ...options: readonly string[]): Uint8Array {
      const type = ['--type', 'priv', '--in', `${name}.key`, '--dn', `CN=${name}`];
      const ca = ['--cacert', `${by}.crt`, '--cakey', `${by}.key`];
      const certificate = run('pki', '--issue', ...type, ...ca, ...options);
      save(`${name}.crt`, certificate);
      return certificate;
    }

    const check = (offered: readonly Uint8Array[], more: Partial<CertificateCheck> = {}) =>
      validator.check({
        offered,
        anchors: [read(file('root.crt'))],
        revocation: 'off',
        purpose: 'server',
        policy,
        atMs: now,
        ...more,
      });
    const codeOf = (verdict: CertificateVerdict): string => (verdict.ok ? 'ok' : verdict.code);
    const listOf = (der: Uint8Array) => {
      const result = readRevocationList(der);
      return result.ok ? [result.list] : [];
    };

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'swan-pki-'));
      for (const name of ['root', 'sub', 'gw', 'other']) makeKey(name, 'ecdsa');
      for (const name of ['root', 'other']) {
        const self = ['--self', '--ca', '--in', `${name}.key`, '--type', 'priv'];
        save(`${name}.crt`, run('pki', ...self, '--dn', 'CN=root'));
      }
      issue('sub', 'root', '--ca', '--pathlen', '0', '--crl', 'http://crl.example.org/root.crl');
      issue(
        'gw',
        'sub',
        '--san',
        'gw.example.org',
        '--flag',
        'serverAuth',
        '--ocsp',
        'http://ocsp.example.org/',
      );
    });
    afterAll(() => rmSync(directory, { recursive: true }));

    it.each(['rsa', 'ecdsa', 'ed25519', 'ed448'])('%s: key, path and names', async (type) => {
      for (const name of ['root', 'sub', 'gw']) makeKey(`${type}-${name}`, type);
      const root = `${type}-root`;
      const self = ['--self', '--ca', '--in', `${root}.key`, '--type', 'priv', '--dn', 'CN=all'];
      save(`${root}.crt`, run('pki', ...self));
      const sub = issue(`${type}-sub`, root, '--ca');
      const san = ['--san', 'gw.example.org', '--san', 'a@example.org', '--san', '10.0.0.1'];
      const gw = issue(`${type}-gw`, `${type}-sub`, ...san, '--flag', 'serverAuth');
      const verdict = await check([gw, sub], { anchors: [read(file(`${root}.crt`))] });
      expect(verdict).toMatchObject({ ok: true, path: { length: 3 } });
      expect(verdict.ok && verdict.names.altNames.map(({ idType }) => idType)).toEqual([2, 3, 1]);
      const keys = await readKeyFile(file(`${type}-gw.key`), { webCrypto: webcrypto });
      const [key] = keys.ok ? keys.keys : [];
      const imported = key && signatures.importPrivateKey(key);
      expect(imported?.ok && imported.key.publicKey).toEqual(read(gw).publicKey);
    });

    it('RSASSA-PSS in the certificates', async () => {
      const root = 'rsa-root';
      const gw = issue('rsa-gw', root, '--rsa-padding', 'pss', '--digest', 'sha384');
      expect(codeOf(await check([gw], { anchors: [read(file(`${root}.crt`))] }))).toBe('ok');
    });

    it('each lie has its code', async () => {
      const sub = file('sub.crt');
      const make = (...options: readonly string[]) => issue('gw', 'sub', ...options);
      const san = ['--san', 'gw.example.org'];
      const cases: readonly (readonly [
        string,
        readonly Uint8Array[],
        Partial<CertificateCheck>?,
      ])[] = [
        ['ok', [make(...san, '--flag', 'serverAuth'), sub]],
        ['ok', [make(...san), sub]],
        ['unknown-issuer', [make(...san)]],
        ['unknown-issuer', [make(...san), sub], { anchors: [] }],
        ['wrong-usage', [make(...san, '--flag', 'clientAuth'), sub]],
        ['wrong-usage', [make(...san, '--flag', 'ocspSigning'), sub]],
        ['expired', [make('--lifetime', '1'), sub], { atMs: now + 2 * DAY }],
        ['not-yet-valid', [make(...san), sub], { atMs: now - 2 * DAY }],
        ['unknown-critical', [make('--critical', '1.3.6.1.4.1.99999.1'), sub]],
        ['no-certificate', []],
        ['malformed', [sub.subarray(1), sub]],
        ['too-large', [new Uint8Array(10_000_000), sub]],
        ['too-many', new Array<Uint8Array>(17).fill(sub)],
      ];
      for (const [code, offered, more] of cases) {
        const verdict = await check(offered, more);
        expect(codeOf(verdict)).toBe(code);
        // One sentence for people.
        if (!verdict.ok) expect(verdict.sentence).toMatch(/^[A-Z][^.\n]+\.$/);
      }
      // Of a CA with the same name and another key.
      const stranger = issue('gw', 'other', ...san);
      expect(['unknown-issuer', 'bad-signature']).toContain(
        codeOf(await check([stranger, file('other.crt')])),
      );
      // A CA below one that may have none, and SHA-1.
      issue('gw', 'sub', '--ca');
      makeKey('deep', 'ecdsa');
      const deep = issue('deep', 'gw', ...san);
      expect(codeOf(await check([deep, file('gw.crt'), sub]))).toBe('not-a-ca');
      const weak = issue('gw', 'sub', '--digest', 'sha1', ...san);
      expect(codeOf(await check([weak, sub]))).toBe('weak');
    });

    it('keeps names of constraints (RFC 5280 §4.2.1.10)', async () => {
      makeKey('narrow', 'ecdsa');
      const narrow = issue('narrow', 'root', '--ca', '--nc-permitted', 'dns:example.org');
      const judge = async (san: string) =>
        codeOf(await check([issue('gw', 'narrow', '--san', san), narrow]));
      expect(await judge('gw.example.org')).toBe('ok');
      expect(await judge('gw.example.com')).toBe('constraints');
    });

    it('a chain of any length ends, one that is too long is refused', async () => {
      const chain: Uint8Array[] = [];
      for (let i = 0; i < 12; i += 1) {
        makeKey(`c${i}`, 'ecdsa');
        chain.unshift(issue(`c${i}`, i === 0 ? 'root' : `c${i - 1}`, '--ca'));
      }
      expect(codeOf(await check([issue('gw', 'c5'), ...chain.slice(6)]))).toBe('ok');
      expect(codeOf(await check([issue('gw', 'c11'), ...chain]))).toBe('too-long');
    });

    it('is revoked by a CRL; a delta CRL counts as none (RFC 5280 §5.2.4)', async () => {
      const gw = issue('gw', 'root', '--san', 'gw.example.org');
      const ca = ['--cacert', 'root.crt', '--cakey', 'root.key'];
      const empty = run('pki', '--signcrl', ...ca);
      save('base.crl', empty);
      const full = run('pki', '--signcrl', ...ca, '--reason', 'key-compromise', '--cert', 'gw.crt');
      const delta = run('pki', '--signcrl', ...ca, '--basecrl', 'base.crl', '--cert', 'gw.crt');
      const judge = async (...lists: readonly Uint8Array[]) =>
        codeOf(await check([gw], { revocation: 'hard', lists: lists.flatMap(listOf) }));
      expect(await judge(empty)).toBe('ok');
      expect(await judge(full)).toBe('revoked');
      // They may be of the same second.
      expect(await judge(empty, full)).toBe('revoked');
      expect(readRevocationList(delta)).toEqual({ ok: false, code: 'unsupported' });
      expect(await judge(delta)).toBe('revocation-unknown');
    });

    it('a responder that pki has delegated answers through openssl (RFC 6960 §4.2.2.2)', async () => {
      makeKey('responder', 'ecdsa');
      issue('responder', 'root', '--flag', 'ocspSigning');
      const certificate = read(issue('gw', 'root', '--serial', '1234'));
      const issuer = read(file('root.crt'));
      writeFileSync(join(directory, 'index.txt'), 'V\t400101000000Z\t\t1234\tunknown\t/CN=gw\n');
      save('request.der', encodeOcspRequest({ certificate, issuer }, crypto));
      for (const name of ['responder', 'root']) {
        run('openssl', 'x509', '-inform', 'DER', '-in', `${name}.crt`, '-out', `${name}.pem`);
      }
      run(
        ...(['openssl', 'ocsp', '-index', 'index.txt', '-CA', 'root.pem'] as const),
        ...['-rsigner', 'responder.pem', '-rkey', 'responder.key', '-ndays', '1'],
        ...['-reqin', 'request.der', '-respout', 'response.der'],
      );
      const result = readOcspResponse(file('response.der'));
      if (!result.ok) throw new Error(result.code);
      const { response } = result;
      const about = { response, certificate, issuer, policy, atMs: now };
      expect(await checkOcspResponse(about, signatures, crypto)).toMatchObject({ status: 'good' });
    });

    it('no byte of a certificate can be changed unseen, and none takes long', async () => {
      const sub = file('sub.crt');
      const gw = issue('gw', 'sub', '--san', 'gw.example.org', '--flag', 'serverAuth');
      const codes = new Set<string>();
      let slowestMs = 0;
      for (let at = 0; at < gw.length; at += 1) {
        for (const change of [0x01, 0x80, 0xff]) {
          const bent = gw.slice();
          bent[at] = (bent[at] ?? 0) ^ change;
          const started = performance.now();
          codes.add(codeOf(await check([bent, sub])));
          slowestMs = Math.max(slowestMs, performance.now() - started);
        }
      }
      expect(codes).not.toContain('ok');
      expect(codes).toContain('malformed');
      expect(codes).toContain('bad-signature');
      expect(slowestMs).toBeLessThan(1_000);
    });
  },
);
