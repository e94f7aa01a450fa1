import { execFileSync } from 'node:child_process';
import { webcrypto, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyMaterial, type SigningKey } from '@ipsec-kit/crypto';
import { createNodeProvider, createNodeSignatures, systemRandom } from '@ipsec-kit/crypto/node';
import { IdType } from '@ipsec-kit/ikev2-codec';
import {
  type Certificate,
  createCertificateValidator,
  readKeyFile,
  readPem,
  readRevocationList,
  serialText,
} from '@ipsec-kit/x509';
import {
  type AltName,
  type CertificateRole,
  issueCertificate,
  issueRevocationList,
  lockPkcs8,
  writePem,
  writePkcs12,
} from '@ipsec-kit/x509/issue';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeX509Time } from '../../src/issue/der-values.ts';
import { readX509Time } from '../../src/x509-time.ts';
import { DAY, makeKey, nameOf, read, T0, text } from '../authority.ts';

const crypto = createNodeProvider();
const dns = (name: string): AltName => ({ idType: IdType.ID_FQDN, data: text(name) });
const email = (name: string): AltName => ({ idType: IdType.ID_RFC822_ADDR, data: text(name) });

async function issue(
  role: CertificateRole,
  name: string,
  key: SigningKey,
  by: { key: SigningKey; certificate?: Certificate },
  altNames: readonly AltName[] = [],
): Promise<Certificate> {
  const der = await issueCertificate(
    {
      role,
      subject: nameOf(name),
      publicKey: key.publicKey,
      altNames,
      notBeforeMs: T0,
      notAfterMs: T0 + 30 * 365 * DAY,
      signer: by.key,
      ...(by.certificate ? { issuer: by.certificate } : {}),
      crlUrl: 'http://crl.example.org/home.crl',
    },
    systemRandom(),
    crypto,
  );
  return read(der);
}

describe('certificates that are made here (RFC 5280 §4, RFC 4945 §5.1.3)', () => {
  it.each(['ec', 'rsa', 'ed25519', 'ed448'] as const)(
    'are taken by the validator: %s',
    async (kind) => {
      const caKey = makeKey(kind);
      const ca = await issue('ca', 'Home CA', caKey, { key: caKey });
      const by = { key: caKey, certificate: ca };
      const server = await issue('server', 'vpn', makeKey(kind), by, [dns('vpn.example.org')]);
      const client = await issue('client', 'alice', makeKey('ec'), by, [
        email('alice@example.org'),
      ]);
      const validator = createCertificateValidator(createNodeSignatures(), crypto);
      const check = (leaf: Certificate, purpose: 'server' | 'client') =>
        validator.check({
          offered: [leaf.der],
          anchors: [ca],
          revocation: 'off',
          purpose,
          policy: { acceptSha1: false, minimumRsaBits: 2048 },
          atMs: T0 + DAY,
        });
      expect(await check(server, 'server')).toMatchObject({ ok: true });
      expect(await check(client, 'client')).toMatchObject({ ok: true });
      expect(await check(client, 'server')).toMatchObject({ code: 'wrong-usage' });
      expect(server.extensions).toMatchObject({
        isCa: false,
        altNames: [dns('vpn.example.org')],
        crlUrls: ['http://crl.example.org/home.crl'],
        hasUnknownCritical: false,
      });
      expect(ca.extensions).toMatchObject({ isCa: true, pathLength: 0 });
    },
  );

  it('have positive random serial numbers of 16 bytes', async () => {
    const key = makeKey();
    const made = await Promise.all(
      Array.from({ length: 20 }, () => issue('ca', 'x', key, { key })),
    );
    const serials = made.map(({ serialNumber }) => serialText(serialNumber));
    expect(new Set(serials).size).toBe(20);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/);
  });

  it('look right to another reader', async () => {
    const key = makeKey();
    const ca = await issue('ca', 'Home CA', key, { key });
    const leaf = await issue('server', 'vpn', makeKey(), { key, certificate: ca }, [
      dns('vpn.example.org'),
      { idType: IdType.ID_IPV4_ADDR, data: Uint8Array.of(192, 0, 2, 1) },
    ]);
    const seen = new X509Certificate(leaf.der);
    expect(seen.subjectAltName).toBe('DNS:vpn.example.org, IP Address:192.0.2.1');
    expect(seen.checkIssued(new X509Certificate(ca.der))).toBe(true);
    expect(seen.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.8.2.2']);
    expect(seen.validTo).toBe(
      new Date(T0 + 30 * 365 * DAY)
        .toUTCString()
        .replace(
          /^\w+, (\d+) (\w+) (\d+) (\S+) GMT/,
          (_, d, m, y, t) => `${m} ${String(Number(d)).padStart(2, ' ')} ${t} ${y} GMT`,
        ),
    );
  });

  it('are refused when their wish makes no sense', async () => {
    const key = makeKey();
    const wish = { idType: IdType.ID_KEY_ID, data: text('x') };
    await expect(issue('client', 'x', key, { key }, [wish])).rejects.toThrow('identity type 11');
  });

  it('have times that are read back, on both sides of 2050 (RFC 5280 §4.1.2.5)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        const [tag = 0, , ...contents] = writeX509Time(seconds * 1000);
        expect(tag === 0x18).toBe(seconds * 1000 >= Date.UTC(2050, 0, 1));
        expect(readX509Time({ tag, contents: Uint8Array.from(contents) })).toBe(seconds * 1000);
      }),
    );
  });
});

describe('CRLs that are made here (RFC 5280 §5)', () => {
  it('are read back, empty and not', async () => {
    const key = makeKey();
    const ca = await issue('ca', 'Home CA', key, { key });
    const list = async (serials: readonly Uint8Array[]) => {
      const wish = {
        issuer: ca,
        signer: key,
        revoked: serials.map((serialNumber) => ({
          serialNumber,
          revokedAtMs: T0,
          reason: 'keyCompromise' as const,
        })),
        thisUpdateMs: T0,
        nextUpdateMs: T0 + 30 * DAY,
        number: 1_700_000_000,
      };
      const result = readRevocationList(await issueRevocationList(wish, crypto));
      if (!result.ok) throw new Error(result.code);
      return result.list;
    };
    expect((await list([])).revoked.size).toBe(0);
    const one = await list([ca.serialNumber]);
    expect([...one.revoked]).toEqual([serialText(ca.serialNumber)]);
    const check = {
      ...one,
      publicKey: ca.publicKey,
      algorithm: one.signatureAlgorithm,
      message: one.tbs,
    };
    expect(await createNodeSignatures().verify(check)).toBe(true);
  });
});

describe('keys that are written here (RFC 5958 §3, RFC 7292 §4)', () => {
  const password = new KeyMaterial(text('correct horse'));
  const pair = async () => {
    const generated = (await import('node:crypto')).generateKeyPairSync('ec', {
      namedCurve: 'P-256',
    });
    const der = generated.privateKey.export({ format: 'der', type: 'pkcs8' });
    return new KeyMaterial(Uint8Array.from(der));
  };

  it('open with their password, and with no other', async () => {
    const key = await pair();
    const locked = await lockPkcs8(key, password, webcrypto);
    const open = (letters: string) =>
      readKeyFile(locked, { password: new KeyMaterial(text(letters)), webCrypto: webcrypto });
    const opened = await open('correct horse');
    expect(opened.ok && opened.keys.map((one) => one.reveal())).toEqual([key.reveal()]);
    expect(await open('wrong')).toMatchObject({ code: 'wrong-password' });
  });

  it('are a PKCS #12 file with certificates, for this reader and for OpenSSL', async () => {
    const key = await pair();
    const imported = createNodeSignatures().importPrivateKey(key);
    if (!imported.ok) throw new Error(imported.code);
    const caKey = makeKey();
    const ca = await issue('ca', 'Home CA', caKey, { key: caKey });
    const leaf = await issue('client', 'alice', imported.key, { key: caKey, certificate: ca });
    const entry = { friendlyName: 'alice@example.org', key, certificates: [leaf.der, ca.der] };
    const file = await writePkcs12(entry, password, webcrypto, crypto);
    const opened = await readKeyFile(file, { password, webCrypto: webcrypto });
    expect(opened.ok && opened.certificates).toEqual([leaf.der, ca.der]);
    expect(opened.ok && opened.keys.map((one) => one.reveal())).toEqual([key.reveal()]);

    const directory = mkdtempSync(join(tmpdir(), 'ipsec-kit-p12-'));
    try {
      writeFileSync(join(directory, 'a.p12'), file);
      writeFileSync(join(directory, 'word'), 'correct horse\n');
      const args = ['pkcs12', '-in', 'a.p12', '-passin', 'file:word', '-nodes'];
      const shown = execFileSync('openssl', args, { cwd: directory, encoding: 'utf8' });
      expect(shown.match(/friendlyName: alice@example\.org/g)).toHaveLength(2);
      expect(
        readPem(shown)
          ?.map(({ label }) => label)
          .toSorted(),
      ).toEqual(['CERTIFICATE', 'CERTIFICATE', 'PRIVATE KEY']);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('take no password that readers would not agree about', async () => {
    const entry = { friendlyName: 'x', key: await pair(), certificates: [] };
    const word = new KeyMaterial(text('gültig'));
    await expect(writePkcs12(entry, word, webcrypto, crypto)).rejects.toThrow('printable ASCII');
  });
});

describe('PEM that is written here (RFC 7468 §3)', () => {
  it('is read back, whatever its length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (der) => {
        const pem = writePem('CERTIFICATE', der);
        expect(readPem(pem)).toEqual([{ label: 'CERTIFICATE', hasHeaders: false, der }]);
        expect(Math.max(...pem.split('\n').map((line) => line.length))).toBeLessThanOrEqual(64);
      }),
    );
  });
});
