import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findingsText } from '../src/doctor/finding.ts';
import { runDoctor } from '../src/doctor/run-doctor.ts';
import { runPki } from '../src/pki/run-pki.ts';

const NOW = Date.UTC(2026, 10, 21, 8);
const DAY = 86_400_000;
const SERVER = 'vpn.example.org';

let dir: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-doctor-'));
  const common = { dir, key: 'ecdsa', days: 100 } as const;
  await runPki({ action: 'ca', args: { ...common, name: 'CA' } }, NOW);
  await runPki({ action: 'server', args: { ...common, name: SERVER } }, NOW);
  await runPki({ action: 'client', args: { ...common, name: 'gw.example.org' } }, NOW);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const at = (name: string): string => join(dir, name);
function file(name: string, content: string, mode = 0o600): string {
  mkdirSync(join(at(name), '..'), { recursive: true });
  writeFileSync(at(name), content, { mode });
  return at(name);
}

interface Parts {
  readonly name?: string;
  readonly more?: string;
  readonly ca?: string;
  readonly key?: string;
  readonly secret?: string;
}

/** A server with a certificate, and what is wrong with it. */
function server({ name = SERVER, more = '', ca = 'ca.cert.pem', key, secret }: Parts = {}): string {
  const password = secret === undefined ? '' : `secret = "${secret}"`;
  return file(
    'x.conf',
    `connections { home {
  ${more}
  local { auth = pubkey
    certs = ${name}.cert.pem
    id = ${name} }
  remote { auth = pubkey
    cacerts = ${ca} }
  children { net { local_ts = 10.9.0.0/16 } }
} }
secrets { private { file = ${key ?? `${name}.key.pem`}
  ${password} } }`,
  );
}

async function diagnose(config: string, nowMs = NOW): Promise<string> {
  return findingsText(await runDoctor({ config, probe: false }, nowMs));
}

const lockedKey = (): string =>
  file(
    'locked.pem',
    generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({
        format: 'pem',
        type: 'pkcs8',
        cipher: 'aes-256-cbc',
        passphrase: 'tiger',
      })
      .toString(),
  );

describe('doctor, when certificates are right', () => {
  it('has nothing against them', async () => {
    expect(await diagnose(server())).not.toMatch(/ERROR .*pem|warning .*pem/);
  });
});

describe('doctor, when something is broken', () => {
  it('says that a certificate is for clients alone where it is a server (RFC 4945 §5.1.3.12)', async () => {
    const text = await diagnose(server({ name: 'gw.example.org' }));
    expect(text).toMatch(/ERROR +gw\.example\.org\.cert\.pem is for another use.*serverAuth/);
    expect(text).toContain('-> have it issued for serverAuth: ipsec-kit pki server does so');
  });

  it('has nothing against one of a server at a client, when it is for IKE', async () => {
    const text = await diagnose(server({ more: 'remote_addrs = 192.0.2.1' }));
    expect(text).not.toContain('another use');
  });

  it('says that a certificate has been revoked, and when a CRL has run out', async () => {
    const args = { dir, name: SERVER, reason: 'superseded', days: 30 } as const;
    const copy = file('copy', '');
    copyFileSync(at(`${SERVER}.cert.pem`), copy);
    copyFileSync(at(`${SERVER}.key.pem`), at('copy.key'));
    await runPki({ action: 'revoke', args }, NOW);
    renameSync(copy, at(`${SERVER}.cert.pem`));
    renameSync(at('copy.key'), at(`${SERVER}.key.pem`));
    mkdirSync(at('x509crl'));
    copyFileSync(at('ca.crl'), at('x509crl/ca.crl'));
    const config = server();
    expect(await diagnose(config)).toMatch(/ERROR +vpn\.example\.org\.cert\.pem has been revoked/);
    const later = await diagnose(config, NOW + 31 * DAY);
    expect(later).toMatch(
      /warning .*ca\.crl has run out on 2026-12-21: what it says counts no more/,
    );
    expect(later).not.toContain('has been revoked');
  });

  it('says that a file in x509crl is none', async () => {
    file('x509crl/ca.crl', 'hello');
    expect(await diagnose(server())).toMatch(/ERROR .*x509crl\/ca\.crl holds no CRL/);
  });

  it('says that nothing leads to a CA, and from whom the certificate comes', async () => {
    await runPki(
      { action: 'ca', args: { dir: at('other'), name: 'Other', key: 'ecdsa', days: 9 } },
      NOW,
    );
    const text = await diagnose(server({ ca: 'other/ca.cert.pem' }));
    expect(text).toMatch(/warning .*comes from CN=CA, and nothing here leads from there/);
    expect(text).toContain('put the certificates of the CAs between into the directory x509');
  });

  it('says that a CA is none', async () => {
    const text = await diagnose(server({ ca: `${SERVER}.cert.pem` }));
    expect(text).toMatch(/is not the certificate of a CA|is named as a CA, and is none/);
  });

  it('wants the password of a key, and says when it is wrong; without showing it', async () => {
    lockedKey();
    const missing = await diagnose(server({ key: 'locked.pem' }));
    expect(missing).toMatch(/ERROR .*locked\.pem: .*password/);
    expect(missing).toContain('-> add secret = "..." beside file');
    const wrong = await diagnose(server({ key: 'locked.pem', secret: 'lion-king' }));
    expect(wrong).toMatch(/ERROR .*locked\.pem: .*password .*wrong/);
    expect(wrong).not.toContain('lion-king');
  });

  it('names a file that is not there once, with the line that wants it', async () => {
    const text = await diagnose(server({ key: 'nowhere.pem' }));
    expect(text.match(/nowhere\.pem/g)).toHaveLength(1);
    expect(text).toMatch(/ERROR .*x\.conf:\d+:\d+: .*nowhere\.pem: there is no such file/);
  });

  it('says why a file cannot be read that is there', async () => {
    mkdirSync(at('keys'));
    const text = await diagnose(server({ key: 'keys' }));
    expect(text).toMatch(/ERROR .*: cannot read .*\/keys: it is a directory/);
  });

  it('says that others may read a key, or a configuration with secrets', async () => {
    chmodSync(at(`${SERVER}.key.pem`), 0o644);
    const config = server({ secret: 'not needed' });
    chmodSync(config, 0o640);
    const text = await diagnose(config);
    expect(text).toMatch(
      /warning .*vpn\.example\.org\.key\.pem holds a private key, and other users/,
    );
    expect(text).toMatch(/warning .*x\.conf holds secrets, and other users/);
    expect(text).toContain(`-> chmod 600 ${config}`);
  });
});

describe('doctor, when connections contradict each other', () => {
  const psk = (name: string, remoteId: string, remoteTs: string, more = ''): string => `
  ${name} {
    ${more}
    local { auth = psk
      id = gw }
    remote { auth = psk
      id = ${remoteId} }
    children { net { ${remoteTs} } }
  }`;
  const both = (
    one: string,
    other: string,
    secrets = 'ike { secret = "more than sixteen" }',
  ): string => file('two.conf', `connections {${one}${other}\n}\nsecrets { ${secrets}\n}`);

  it('says which one all peers are taken for', async () => {
    const text = await diagnose(both(psk('a', '%any', ''), psk('b', '%any', '')));
    expect(text).toMatch(/warning a and b are for the same peers, .* all are taken for those of a/);
  });

  it('says which traffic both are to carry', async () => {
    const [one, other] = ['remote_ts = 10.9.0.0/16', 'remote_ts = 10.9.7.0/24, fd00::/8'];
    const text = await diagnose(both(psk('a', 'x', one), psk('b', 'y', other)));
    expect(text).toMatch(/warning a and b are both to carry what goes to 10\.9\.7\.0\/24/);
  });

  it('says that there are two keys for one pair, and shows neither', async () => {
    const secrets =
      'ike-1 { id = x\n secret = elephant-in-room }\n ike-2 { id = x\n secret = rhinoceros }';
    const text = await diagnose(both(psk('a', 'x', ''), psk('b', 'y', ''), secrets));
    expect(text).toMatch(/two different pre-shared keys for x: the first one counts/);
    expect(text).not.toMatch(/elephant|rhinoceros/);
  });

  it('has nothing against a client with two servers for everything: it opens one of them', async () => {
    const [one, other] = ['192.0.2.1', '192.0.2.2'].map((host, i) =>
      psk(`c${i}`, `s${i}`, 'remote_ts = 0.0.0.0/0', `remote_addrs = ${host}`),
    );
    expect(await diagnose(both(one ?? '', other ?? ''))).not.toMatch(/all connections/);
  });
});
