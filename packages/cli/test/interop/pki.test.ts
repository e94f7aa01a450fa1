import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { KEY_KINDS } from '../../src/pki/key-pair.ts';
import { runPki } from '../../src/pki/run-pki.ts';

const gate = interopGate(['pki', 'openssl'], 'certificates for strongSwan and OpenSSL');

describe.skipIf(gate.skip)('certificates of ipsec-kit pki, read by others (RFC 5280 §4)', () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'ipsec-kit-pki-'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it.each(KEY_KINDS)('%s: openssl verify and strongSwan pki --verify', async (key) => {
    const dir = join(root, key);
    const now = Date.now();
    await runPki({ action: 'ca', args: { dir, name: 'Home CA', key, days: 3650 } }, now);
    for (const name of ['vpn.example.org', 'old.example.org']) {
      const args = { dir, name, san: ['192.0.2.1'], key, days: 825 };
      await runPki({ action: 'server', args }, now);
    }
    const args = { dir, name: 'old.example.org', reason: 'keyCompromise', days: 30 } as const;
    await runPki({ action: 'revoke', args }, now);
    const revoked = readdirSync(join(dir, 'revoked')).find((name) => name.endsWith('.cert.pem'));
    const file = (name: string): string => join(dir, name);
    const verify = (certificate: string): { openssl: number | null; strongswan: string } => ({
      openssl: spawnSync('openssl', [
        ...['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', file('ca.cert.pem')],
        ...['-crl_check', '-CRLfile', file('ca.crl.pem'), certificate],
      ]).status,
      strongswan: spawnSync('pki', [
        ...['--verify', '--in', certificate, '--cacert', file('ca.cert.pem')],
        ...['--crl', file('ca.crl.pem')],
      ]).stdout.toString(),
    });
    const good = verify(file('vpn.example.org.cert.pem'));
    expect(good.openssl).toBe(0);
    expect(good.strongswan).toContain(
      'certificate trusted, lifetimes valid, certificate not revoked',
    );
    const bad = verify(file(`revoked/${revoked}`));
    expect(bad.openssl).not.toBe(0);
    expect(bad.strongswan).toContain('certificate untrusted');
    const text = execFileSync('pki', [
      '--print',
      '--in',
      file('vpn.example.org.cert.pem'),
    ]).toString();
    expect(text).toMatch(/vpn\.example\.org, 192\.0\.2\.1/);
    expect(text).toMatch(/serverAuth.*ikeIntermediate/);
  });
});
