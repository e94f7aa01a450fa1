import { webcrypto } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider, createNodeSignatures } from '@ipsec-kit/crypto/node';
import {
  type Certificate,
  createCertificateValidator,
  readKeyFile,
  readRevocationList,
} from '@ipsec-kit/x509';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCertificateFile } from '../src/pki/authority.ts';
import type { CaArguments, PeerArguments, RevokeArguments } from '../src/pki/pki-commands.ts';
import { runPki } from '../src/pki/run-pki.ts';

const NOW = Date.UTC(2026, 10, 21, 8);
const DAY = 86_400_000;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-pki-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const at = (name: string): string => join(dir, 'pki', name);
const word = (letters: string): string => {
  const path = join(dir, `word-${letters.length}`);
  writeFileSync(path, `${letters}\n`);
  return path;
};
const ca = (more: Partial<CaArguments> = {}) =>
  runPki(
    { action: 'ca', args: { dir: at(''), name: 'Home CA', key: 'ecdsa', days: 3650, ...more } },
    NOW,
  );
const peer = (action: 'server' | 'client', name: string, more: Partial<PeerArguments> = {}) =>
  runPki({ action, args: { dir: at(''), name, san: [], key: 'ecdsa', days: 825, ...more } }, NOW);
const revoke = (more: Partial<RevokeArguments>, nowMs = NOW) =>
  runPki(
    { action: 'revoke', args: { dir: at(''), reason: 'superseded', days: 30, ...more } },
    nowMs,
  );

async function verdict(leaf: Certificate, purpose: 'server' | 'client', atMs = NOW) {
  const validator = createCertificateValidator(createNodeSignatures(), createNodeProvider());
  const list = readRevocationList(Uint8Array.from(readFileSync(at('ca.crl'))));
  return validator.check({
    offered: [leaf.der],
    anchors: [await readCertificateFile(at('ca.cert.pem'))],
    lists: list.ok ? [list.list] : [],
    revocation: 'hard',
    purpose,
    policy: { acceptSha1: false, minimumRsaBits: 2048 },
    atMs,
  });
}

describe('pki (RFC 5280, RFC 4945 §5.1)', () => {
  it('makes a CA, a server, a client and a CRL that the validator takes', async () => {
    await ca();
    await peer('server', 'vpn.example.org', { san: ['192.0.2.1', '2001:db8::1'] });
    await peer('client', 'alice@example.org');
    await runPki({ action: 'crl', args: { dir: at(''), days: 30 } }, NOW);
    const server = await readCertificateFile(at('vpn.example.org.cert.pem'));
    const client = await readCertificateFile(at('alice@example.org.cert.pem'));
    expect(await verdict(server, 'server')).toMatchObject({ ok: true, unproven: [] });
    expect(await verdict(client, 'client')).toMatchObject({ ok: true, unproven: [] });
    expect(server.extensions.altNames).toHaveLength(3);
    // Clocks that are half an hour late take it too, and nobody takes it after its end.
    expect(server.notBeforeMs).toBeLessThan(NOW - DAY / 48);
    expect(server.notAfterMs).toBe(NOW + 825 * DAY);
  });

  it('keeps private keys to their owner, and overwrites nothing', async () => {
    await ca();
    await peer('client', 'alice');
    for (const name of ['ca.key.pem', 'alice.key.pem']) {
      expect(statSync(at(name)).mode & 0o777).toBe(0o600);
    }
    const before = readFileSync(at('alice.key.pem'), 'utf8');
    await expect(peer('client', 'alice')).rejects.toThrow('alice.key.pem is there already');
    await expect(ca()).rejects.toThrow('ca.cert.pem is there already');
    expect(readFileSync(at('alice.key.pem'), 'utf8')).toBe(before);
  });

  it('leaves no half of a peer behind when a file cannot be written', async () => {
    await ca();
    const p12 = join(dir, 'nowhere', 'alice.p12');
    const making = peer('client', 'alice', { p12, passwordFile: word('secret') });
    await expect(making).rejects.toThrow('alice.p12');
    expect(readdirSync(at('')).filter((name) => name.startsWith('alice'))).toEqual([]);
  });

  it('revokes a certificate, and frees its name', async () => {
    await ca();
    await peer('client', 'alice');
    const old = await readCertificateFile(at('alice.cert.pem'));
    await revoke({ name: 'alice' });
    await peer('client', 'alice');
    const fresh = await readCertificateFile(at('alice.cert.pem'));
    expect(await verdict(old, 'client')).toMatchObject({ code: 'revoked' });
    expect(await verdict(fresh, 'client')).toMatchObject({ ok: true });
    const serial = Buffer.from(old.serialNumber).toString('hex');
    await expect(revoke({ serial })).rejects.toThrow('revoked already');
  });

  it('revokes by serial number what is lost, and keeps it in every later CRL', async () => {
    await ca();
    await revoke({ serial: '4a0b' });
    await revoke({ serial: '4a0c' }, NOW + DAY);
    const list = readRevocationList(Uint8Array.from(readFileSync(at('ca.crl'))));
    expect(list.ok && [...list.list.revoked]).toEqual(['4a0b', '4a0c']);
  });

  it('writes no CRL when a revocation cannot be read', async () => {
    await ca();
    await revoke({ serial: '4a0b' });
    const before = readFileSync(at('ca.crl'));
    writeFileSync(at('revoked/4a0b.json'), '{"serial":');
    const writing = runPki({ action: 'crl', args: { dir: at(''), days: 30 } }, NOW);
    await expect(writing).rejects.toThrow('4a0b.json is damaged');
    expect(readFileSync(at('ca.crl'))).toEqual(before);
  });

  it('encrypts the CA key, and opens it with the right password alone', async () => {
    await ca({ caPasswordFile: word('correct horse') });
    expect(readFileSync(at('ca.key.pem'), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    await peer('client', 'alice', { caPasswordFile: word('correct horse') });
    await expect(peer('client', 'bob', { caPasswordFile: word('wrong') })).rejects.toThrow(
      'password of the file is wrong',
    );
    await expect(peer('client', 'bob')).rejects.toThrow('--ca-password-file');
  });

  it('writes a PKCS #12 file with the CA in it', async () => {
    await ca();
    const p12 = join(dir, 'alice.p12');
    await peer('client', 'alice', { p12, passwordFile: word('secret') });
    const password = new KeyMaterial(Uint8Array.from(Buffer.from('secret')));
    const bytes = Uint8Array.from(readFileSync(p12));
    const read = await readKeyFile(bytes, { password, webCrypto: webcrypto });
    expect(read).toMatchObject({ ok: true, keys: { length: 1 }, certificates: { length: 2 } });
    expect(statSync(p12).mode & 0o777).toBe(0o600);
  });

  it('ends no certificate after its CA', async () => {
    await ca({ days: 10 });
    const [line] = await peer('client', 'alice');
    expect(line).toContain('valid until 2026-12-01, when the CA ends');
    const { notAfterMs } = await readCertificateFile(at('alice.cert.pem'));
    expect(notAfterMs).toBe(NOW + 10 * DAY);
  });

  it.each([
    ['../../etc/x', 'alice'],
    ['a b', 'cannot be the name of a peer'],
    ['*.example.org', 'wildcard'],
    ['CN=alice', 'cannot be the name of a peer'],
    ['bücher.example', 'cannot be the name of a peer'],
    ['x'.repeat(65), 'at most 64 letters'],
  ])('writes nothing outside its directory, and refuses what is no name: %s', async (name, why) => {
    await ca();
    const made = await peer('client', name).catch((error: Error) => error.message);
    if (typeof made === 'string') expect(made).toContain(why);
    expect(readdirSync(dir)).toEqual(['pki']);
  });

  it('says what is missing', async () => {
    await expect(peer('client', 'alice')).rejects.toThrow('There is no CA in');
    await ca();
    await expect(revoke({ name: 'bob' })).rejects.toThrow('There is no certificate of "bob"');
    await expect(revoke({ name: 'ca' })).rejects.toThrow('There is no certificate of "ca"');
    await expect(peer('client', 'a', { passwordFile: word('x') })).rejects.toThrow('--p12');
    await expect(peer('client', 'a', { crlUrl: 'https://x/' })).rejects.toThrow('http://');
    writeFileSync(at('ca.cert.pem'), 'nothing');
    await expect(peer('client', 'a')).rejects.toThrow('no certificate that can be read');
  });
});
