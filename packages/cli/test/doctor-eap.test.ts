import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findingsText } from '../src/doctor/finding.ts';
import { runDoctor } from '../src/doctor/run-doctor.ts';
import { runPki } from '../src/pki/run-pki.ts';

const NOW = Date.UTC(2026, 10, 21, 8);
const DAY = 86_400_000;
const ALICE = 'alice@example.org';
const SERVER = 'vpn.example.org';
const PASSWORD = 'tiger of alice';

let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-doctor-'));
  writeFileSync(join(dir, 'word'), PASSWORD);
  const common = { dir, key: 'ecdsa', days: 100 } as const;
  await runPki({ action: 'ca', args: { ...common, name: 'CA', days: 3650 } }, NOW);
  await runPki({ action: 'server', args: { ...common, name: SERVER } }, NOW);
  const inOne = { p12: join(dir, 'alice.p12'), passwordFile: join(dir, 'word') };
  await runPki({ action: 'client', args: { ...common, name: ALICE, ...inOne } }, NOW);
  await runPki({ action: 'client', args: { ...common, name: 'bob@example.org' } }, NOW);
});
afterAll(() => rmSync(dir, { recursive: true }));

async function diagnose(text: string, nowMs = NOW): Promise<string> {
  const config = join(dir, 'x.conf');
  writeFileSync(config, text, { mode: 0o600 });
  return findingsText(await runDoctor({ config, probe: false }, nowMs));
}

const OWN = `certs = ${ALICE}.cert.pem`;
const KEY = `private { file = ${ALICE}.key.pem }`;
const USER = `eap-alice { id = ${ALICE}\n secret = "${PASSWORD}" }`;

const client = (local: string, secrets: string, ca = 'ca.cert.pem'): string => `
connections { home {
  remote_addrs = 192.0.2.1
  local { ${local} }
  remote { auth = pubkey
    cacerts = ${ca}
    id = ${SERVER} }
  children { net { remote_ts = 10.9.0.0/16 } }
} }
secrets { ${secrets} }`;

const server = (remote: string): string => `
connections { home {
  local { auth = pubkey
    certs = ${SERVER}.cert.pem
    id = ${SERVER} }
  remote { ${remote}
    cacerts = ca.cert.pem }
  children { net { local_ts = 10.9.0.0/16 } }
} }
secrets { private { file = ${SERVER}.key.pem }
  ${USER} }`;

describe('doctor, where a certificate is shown inside of EAP-TTLS as well (RFC 5281 §7.1)', () => {
  const ttls = (more = ''): string => `auth = eap-ttls\n id = ${ALICE}\n ${OWN}\n ${more}`;

  it('says at the client which one, and finds it in order', async () => {
    const text = await diagnose(client(ttls(), `${KEY} ${USER}`));
    expect(text).toContain(`by eap-ttls, with ${join(dir, `${ALICE}.cert.pem`)}`);
    expect(text).toContain(`ok      ${ALICE}.cert.pem is valid until`);
    expect(text).toContain(`ok      there is the private key of ${ALICE}.cert.pem`);
    expect(text).toContain('Nothing stands in the way');
  });

  it('says at the client that it has expired, and that the key is of another', async () => {
    const text = await diagnose(client(ttls(), `${KEY} ${USER}`), NOW + 101 * DAY);
    expect(text).toMatch(/ERROR +alice@example\.org\.cert\.pem has expired/);
    const other = 'private { file = bob@example.org.key.pem }';
    const swapped = await diagnose(client(ttls(), `${other} ${USER}`));
    expect(swapped).toMatch(/ERROR +no private key fits alice@example\.org\.cert\.pem/);
  });

  it('says at the server that peers have to show one, and from whom', async () => {
    const wanting = await diagnose(server('auth = eap-ttls\n ttls_cert = yes'));
    expect(wanting).toContain(
      'a certificate that peers show in eap-ttls, beside their password, has to come from one CA, and nothing may say that it is revoked',
    );
    expect(await diagnose(server('auth = eap-ttls'))).not.toContain('peers show');
    expect(await diagnose(server('auth = eap-tls'))).toContain('peers show in eap-tls has to come');
    expect(wanting).not.toContain(PASSWORD);
  });
});

describe('doctor, where a certificate is shown inside of EAP-TLS (RFC 5216 §5.2)', () => {
  it('holds it against the name that is said inside of EAP', async () => {
    const local = `auth = eap-tls\n id = 10.0.0.7\n ${OWN}`;
    const right = await diagnose(client(`${local}\n eap_id = ${ALICE}`, KEY));
    expect(right).toContain(`${ALICE}.cert.pem is for ${ALICE}`);
    expect(right).toContain('Nothing stands in the way');
    const wrong = await diagnose(client(`${local}\n eap_id = carol`, KEY));
    expect(wrong).toMatch(/ERROR +alice@example\.org\.cert\.pem is not for carol/);
  });

  it('finds it in a PKCS #12 file, and says that such a file does not go into certs (RFC 7292)', async () => {
    const secrets = `pkcs12 { file = alice.p12\n secret = "${PASSWORD}" }`;
    const local = `auth = eap-tls\n id = ${ALICE}`;
    const text = await diagnose(client(local, secrets, 'alice.p12'));
    expect(text).toContain('this side proves itself under its own identity by eap-tls\n');
    expect(text).toContain(`ok      alice.p12 is for ${ALICE}`);
    expect(text).toContain('Nothing stands in the way');
    const misplaced = await diagnose(client(`${local}\n certs = alice.p12`, secrets, 'alice.p12'));
    expect(misplaced).toMatch(/alice\.p12 is a PKCS #12 file: name it in the secrets/);
    expect(misplaced).not.toContain(PASSWORD);
  });
});
