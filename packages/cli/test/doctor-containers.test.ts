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
const PASSWORD = 'tiger of alice';

let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-doctor-'));
  const common = { dir, key: 'ecdsa' } as const;
  await runPki({ action: 'ca', args: { ...common, name: 'CA', days: 3650 } }, NOW);
  writeFileSync(join(dir, 'word'), PASSWORD);
  const p12 = join(dir, 'alice.p12');
  const args = { ...common, name: ALICE, days: 100, p12, passwordFile: join(dir, 'word') };
  await runPki({ action: 'client', args }, NOW);
});
afterAll(() => rmSync(dir, { recursive: true }));

/** A client whose key, certificate and CA are in one PKCS #12 file, and nowhere else. */
async function diagnose({ id = ALICE, password = PASSWORD, laterMs = 0 } = {}): Promise<string> {
  const config = join(dir, 'x.conf');
  const text = `connections { home {
  remote_addrs = 192.0.2.1
  local { auth = pubkey
    id = ${id} }
  remote { auth = pubkey
    cacerts = alice.p12
    id = vpn.example.org }
  children { net { remote_ts = 10.9.0.0/16 } }
} }
secrets { pkcs12-alice { file = alice.p12
  secret = "${password}" } }`;
  writeFileSync(config, text, { mode: 0o600 });
  return findingsText(await runDoctor({ config, probe: false }, NOW + laterMs));
}

describe('doctor, looking into a PKCS #12 file (RFC 7292)', () => {
  it('finds the key, its certificate and the CA that is trusted', async () => {
    const text = await diagnose();
    for (const sentence of [
      `has to come from a CA in ${join(dir, 'alice.p12')}`,
      'ok      the CA of alice.p12 is valid until 2036-11-18',
      'ok      alice.p12 is valid until 2027-03-01',
      'ok      alice.p12 is for alice@example.org',
      'ok      a chain leads from alice.p12 to a configured CA',
      'ok      there is the private key of alice.p12',
    ]) {
      expect(text).toContain(sentence);
    }
    expect(text).not.toContain(PASSWORD);
  });

  it('says once that the password is wrong, and shows none', async () => {
    const text = await diagnose({ password: 'lion of bob' });
    expect(text).toContain('The password of the file is wrong');
    expect(text).toContain('One thing stands in the way.');
    expect(text).not.toContain('lion');
  });

  it('says that it is for another name, and that it has expired', async () => {
    expect(await diagnose({ id: 'bob@example.org' })).toContain(
      'alice.p12 is not for bob@example.org: it is for alice@example.org',
    );
    expect(await diagnose({ laterMs: 101 * DAY })).toContain('alice.p12 has expired on 2027-03-01');
  });
});
