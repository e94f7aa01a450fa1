import { execFileSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import { type KeyFileResult, readCertificate, readKeyFile } from '@ipsec-kit/x509';
import { nodeOldCiphers } from '@ipsec-kit/x509/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PASSWORD = 'geheim-ü€';
let directory: string;

const openssl = (...args: readonly string[]): void => {
  execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
};
const file = (name: string): Uint8Array => Uint8Array.from(readFileSync(join(directory, name)));
const open = (bytes: Uint8Array, password = PASSWORD): Promise<KeyFileResult> =>
  readKeyFile(bytes, {
    password: new KeyMaterial(Uint8Array.from(Buffer.from(password))),
    webCrypto: webcrypto,
    oldCiphers: nodeOldCiphers,
  });

function publicKeys(result: KeyFileResult): readonly Uint8Array[] {
  if (!result.ok) throw new Error(result.sentence);
  return result.keys.flatMap((pkcs8) => {
    const imported = createNodeSignatures().importPrivateKey(pkcs8);
    return imported.ok ? [imported.key.publicKey] : [];
  });
}

/** A PKCS #12 file of the key and the certificate, in an old way. */
function writeOld(...options: readonly string[]): Uint8Array {
  const what = ['-inkey', 'key.pem', '-in', 'host.crt', '-passout', `pass:${PASSWORD}`];
  openssl('pkcs12', '-export', '-legacy', ...what, ...options, '-out', 'old.p12');
  return file('old.p12');
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'old-keys-'));
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const names = ['-keyout', 'key.pem', '-out', 'host.crt', '-subj', '/CN=host', '-days', '30'];
  openssl('req', '-x509', ...curve, ...names);
  openssl('pkey', '-in', 'key.pem', '-pubout', '-outform', 'DER', '-out', 'key.pub');
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('files that were encrypted before PBES2 (RFC 7292 Appendix B, C)', () => {
  it.each([
    ['as openssl -legacy, macOS and old phones: the certificates under RC2 of 40 bits', []],
    ['as Windows: all under 3DES', ['-certpbe', 'PBE-SHA1-3DES']],
    ['3DES with two keys', ['-certpbe', 'PBE-SHA1-2DES', '-keypbe', 'PBE-SHA1-2DES']],
    ['RC2 of 128 bits (RFC 2268)', ['-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-RC2-40']],
    ['one round', ['-noiter', '-nomaciter']],
  ])('are opened: %s', async (_what, options) => {
    const result = await open(writeOld(...options));
    expect(publicKeys(result)).toEqual([file('key.pub')]);
    expect(result.ok && result.certificates.map((der) => readCertificate(der).ok)).toEqual([true]);
  });

  it('are opened as PKCS #8 (RFC 5958 §3)', async () => {
    const out = ['-passout', `pass:${PASSWORD}`, '-out', 'v1.pem'];
    openssl('pkcs8', '-topk8', '-in', 'key.pem', '-v1', 'PBE-SHA1-3DES', ...out);
    expect(publicKeys(await open(file('v1.pem')))).toEqual([file('key.pub')]);
  });

  it('stay closed to a wrong password, and say so', async () => {
    const bytes = writeOld();
    const codes = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const result = await open(file('v1.pem'), `wrong ${i}`);
        return result.ok ? 'ok' : result.code;
      }),
    );
    expect(new Set(codes)).toEqual(new Set(['wrong-password']));
    expect(await open(bytes, 'wrong')).toMatchObject({ code: 'wrong-password' });
  });

  it('do not have this process hash for hours, and no changed byte goes unseen', async () => {
    const bytes = writeOld('-iter', '100001', '-nomaciter');
    expect(await open(bytes)).toMatchObject({ code: 'too-slow' });
    const whole = writeOld();
    for (let at = 60; at < whole.length; at += 97) {
      const bent = whole.slice();
      bent[at] = (bent[at] ?? 0) ^ 0x10;
      expect((await open(bent)).ok, String(at)).toBe(false);
    }
  });
});
