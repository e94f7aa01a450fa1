import { execFileSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider, createNodeSignatures } from '@ipsec-kit/crypto/node';
import {
  checkRawPublicKey,
  type KeyFileResult,
  readCertificate,
  readKeyFile,
} from '@ipsec-kit/x509';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeKey, text } from './authority.ts';

const PASSWORD = 'geheim-ü€';
let directory: string;

const openssl = (...args: readonly string[]): void => {
  execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
};
const file = (name: string): Uint8Array => Uint8Array.from(readFileSync(join(directory, name)));
const open = (bytes: Uint8Array, password?: string): Promise<KeyFileResult> =>
  readKeyFile(bytes, {
    webCrypto: webcrypto,
    ...(password === undefined ? {} : { password: new KeyMaterial(text(password)) }),
  });
const codeOf = async (bytes: Uint8Array, password?: string): Promise<string> => {
  const result = await open(bytes, password);
  return result.ok ? 'ok' : result.code;
};

/** The public keys of what was read, by signing with it. */
function publicKeys(result: KeyFileResult): readonly Uint8Array[] {
  if (!result.ok) throw new Error(result.sentence);
  return result.keys.map((pkcs8) => {
    const imported = createNodeSignatures().importPrivateKey(pkcs8);
    if (!imported.ok) throw new Error(imported.code);
    return imported.key.publicKey;
  });
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'keys-'));
  const subject = ['-subj', '/CN=host', '-days', '30'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...curve, '-keyout', 'ec.pem', '-out', 'ec.crt', ...subject);
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'rsa.pem',
    '-out',
    'rsa.crt',
    ...subject,
  );
  for (const kind of ['ec', 'rsa']) {
    openssl('pkey', '-in', `${kind}.pem`, '-pubout', '-outform', 'DER', '-out', `${kind}.pub`);
    openssl('pkey', '-in', `${kind}.pem`, '-traditional', '-out', `${kind}.old.pem`);
    openssl(
      'pkey',
      '-in',
      `${kind}.pem`,
      '-traditional',
      '-outform',
      'DER',
      '-out',
      `${kind}.old.der`,
    );
    openssl(
      'pkcs8',
      '-topk8',
      '-nocrypt',
      '-in',
      `${kind}.pem`,
      '-outform',
      'DER',
      '-out',
      `${kind}.der`,
    );
    openssl(
      'pkcs8',
      '-topk8',
      '-in',
      `${kind}.pem`,
      '-passout',
      `pass:${PASSWORD}`,
      '-out',
      `${kind}.enc.pem`,
    );
    openssl(
      'pkcs12',
      '-export',
      '-inkey',
      `${kind}.pem`,
      '-in',
      `${kind}.crt`,
      '-passout',
      `pass:${PASSWORD}`,
      '-out',
      `${kind}.p12`,
    );
  }
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('readKeyFile (RFC 5958, RFC 5915, RFC 7468)', () => {
  it.each([
    'ec.pem',
    'ec.der',
    'ec.old.pem',
    'ec.old.der',
    'rsa.pem',
    'rsa.der',
    'rsa.old.pem',
    'rsa.old.der',
  ])('reads %s as openssl writes it', async (name) => {
    const kind = name.slice(0, name.indexOf('.'));
    expect(publicKeys(await open(file(name)))).toEqual([file(`${kind}.pub`)]);
  });

  it('reads a file of a key and certificates', async () => {
    const both = Buffer.concat([file('ec.crt'), file('ec.pem'), file('rsa.crt')]);
    const result = await open(both);
    expect(publicKeys(result)).toEqual([file('ec.pub')]);
    const subjects = result.ok ? result.certificates.map((der) => readCertificate(der).ok) : [];
    expect(subjects).toEqual([true, true]);
  });

  it.each([
    ['-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA1'],
    ['-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA256'],
    ['-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA512', '-iter', '100000'],
  ])('opens PKCS #8 with %s %s %s %s (RFC 8018 §6.2)', async (...options) => {
    const out = ['-passout', `pass:${PASSWORD}`, '-outform', 'DER', '-out', 'some.der'];
    openssl('pkcs8', '-topk8', '-in', 'ec.pem', ...options, ...out);
    expect(publicKeys(await open(file('some.der'), PASSWORD))).toEqual([file('ec.pub')]);
  });

  it('says in one sentence that a password is missing or wrong', async () => {
    for (const name of ['ec.enc.pem', 'rsa.enc.pem', 'ec.p12', 'rsa.p12']) {
      expect(await codeOf(file(name))).toBe('needs-password');
      expect(await open(file(name), 'wrong')).toEqual({
        ok: false,
        code: 'wrong-password',
        sentence: 'The password of the file is wrong.',
      });
      expect(publicKeys(await open(file(name), PASSWORD))).toHaveLength(1);
    }
  });

  it('never takes a wrong password for right', async () => {
    // CBC with a wrong key looks well padded one time in 256.
    const attempts = Array.from({ length: 600 }, (_, i) =>
      codeOf(file('ec.enc.pem'), `wrong ${i}`),
    );
    expect(new Set(await Promise.all(attempts))).toEqual(new Set(['wrong-password']));
  });

  it('refuses old encryption and says what to do', async () => {
    openssl(
      'pkey',
      '-in',
      'rsa.pem',
      '-traditional',
      '-aes128',
      '-passout',
      'pass:x',
      '-out',
      'md5.pem',
    );
    openssl(
      'pkcs8',
      '-topk8',
      '-in',
      'ec.pem',
      '-scrypt',
      '-passout',
      'pass:x',
      '-out',
      'scrypt.pem',
    );
    openssl(
      'pkcs8',
      '-topk8',
      '-in',
      'ec.pem',
      '-v1',
      'PBE-SHA1-3DES',
      '-passout',
      'pass:x',
      '-out',
      'v1.pem',
    );
    openssl(
      'pkcs12',
      '-export',
      '-legacy',
      '-inkey',
      'ec.pem',
      '-in',
      'ec.crt',
      '-passout',
      'pass:x',
      '-out',
      'old.p12',
    );
    for (const name of ['md5.pem', 'scrypt.pem', 'v1.pem', 'old.p12']) {
      expect(await open(file(name), 'x')).toMatchObject({
        code: 'old-encryption',
        sentence: expect.stringContaining('openssl pkcs8 -topk8'),
      });
    }
  });

  it('does not hash for hours because a file says so', async () => {
    openssl(
      'pkcs8',
      '-topk8',
      '-in',
      'ec.pem',
      '-iter',
      '300',
      '-passout',
      'pass:x',
      '-outform',
      'DER',
      '-out',
      'iter.der',
    );
    const der = file('iter.der');
    // 300 as INTEGER, and as large a number as fits in its place.
    const at = Buffer.from(der).indexOf(Buffer.from([2, 2, 1, 0x2c]));
    expect(at).toBeGreaterThan(0);
    const some = Buffer.from(der);
    some.set([2, 2, 0x7f, 0xff], at);
    expect(await codeOf(some, 'x')).toBe('wrong-password');
    openssl(
      'pkcs8',
      '-topk8',
      '-in',
      'ec.pem',
      '-iter',
      '2000001',
      '-passout',
      'pass:x',
      '-outform',
      'DER',
      '-out',
      'iter.der',
    );
    expect(await codeOf(file('iter.der'), 'x')).toBe('too-slow');
    openssl(
      'pkcs12',
      '-export',
      '-inkey',
      'ec.pem',
      '-in',
      'ec.crt',
      '-iter',
      '100001',
      '-passout',
      'pass:x',
      '-out',
      'iter.p12',
    );
    expect(await codeOf(file('iter.p12'), 'x')).toBe('too-slow');
  });

  it('refuses what is neither, at any size and of any cut, and never rejects', async () => {
    expect(await codeOf(new Uint8Array(10_000_000))).toBe('too-large');
    expect(await codeOf(text('hello'))).toBe('malformed');
    expect(await codeOf(text('-----BEGIN PRIVATE KEY-----\n?\n-----END PRIVATE KEY-----\n'))).toBe(
      'malformed',
    );
    expect(await codeOf(file('ec.pub'))).toBe('malformed');
    for (const name of ['ec.der', 'ec.p12']) {
      const whole = file(name);
      for (let length = 0; length < whole.length; length += 7) {
        expect(await codeOf(whole.subarray(0, length), PASSWORD)).toBe('malformed');
      }
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (bytes) => {
        expect((await open(bytes, 'x')).ok).toBe(false);
      }),
    );
  });

  it('a byte changed in a PKCS #12 file is found (RFC 7292 §5.1)', async () => {
    const whole = file('ec.p12');
    const codes = new Set<string>();
    for (let at = 60; at < whole.length; at += 149) {
      const bent = whole.slice();
      bent[at] = (bent[at] ?? 0) ^ 0x10;
      codes.add(await codeOf(bent, PASSWORD));
    }
    expect(codes).not.toContain('ok');
  });
});

describe('checkRawPublicKey (RFC 7670 §3, §5)', () => {
  const policy = { acceptSha1: false, minimumRsaBits: 2048 };
  const crypto = createNodeProvider();

  it('takes a key that is trusted for the peer, and no other', () => {
    const keys = [makeKey('ec').publicKey, makeKey('ed25519').publicKey, makeKey('rsa').publicKey];
    for (const [i, offered] of keys.entries()) {
      const verdict = checkRawPublicKey({ offered, trusted: keys, policy }, crypto);
      expect(verdict).toMatchObject({ ok: true, publicKey: offered });
      expect(verdict.ok && verdict.keyIds[1]).toEqual(crypto.sha1(offered));
      const trusted = keys.filter((_, k) => k !== i);
      expect(checkRawPublicKey({ offered, trusted, policy }, crypto)).toMatchObject({
        code: 'unknown-key',
      });
    }
  });

  it('refuses short RSA keys, malformed ones, and 10 MB', () => {
    const short = makeKey('rsa1024').publicKey;
    const check = (offered: Uint8Array) =>
      checkRawPublicKey({ offered, trusted: [offered], policy }, crypto);
    expect(check(short)).toMatchObject({ code: 'weak' });
    expect(check(new Uint8Array(10_000_000))).toMatchObject({ code: 'unsupported' });
    for (let length = 0; length < short.length; length += 1) {
      expect(check(short.subarray(0, length))).toMatchObject({ ok: false });
    }
  });
});
