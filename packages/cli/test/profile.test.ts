import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSwanctl } from '@ipsec-kit/vpn/swanctl';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findingsText } from '../src/doctor/finding.ts';
import { runDoctor } from '../src/doctor/run-doctor.ts';
import { runPki } from '../src/pki/run-pki.ts';
import type { ExportArguments } from '../src/profile/profile-commands.ts';
import { runProfile } from '../src/profile/run-profile.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-profile-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const at = (name: string): string => join(dir, name);
const file = (name: string, content: string): string => {
  writeFileSync(at(name), content);
  return at(name);
};
const exported = (config: string, more: Partial<ExportArguments>) =>
  runProfile({ action: 'export', args: { config, format: 'mobileconfig', ...more } });
const imported = (path: string, output: string) =>
  runProfile({ action: 'import', args: { file: path, output: at(output) } });

const home = `
connections { home {
  remote_addrs = vpn.example.org
  local { auth = psk
    id = anna@example.org }
  remote { auth = psk
    id = vpn.example.org }
  children { net { remote_ts = 10.77.0.0/16 } }
} }
secrets { ike { id = vpn.example.org
  secret = "correct \\"horse\\"" } }`;
const office = `
connections { office {
  local { auth = pubkey
    certs = vpn.example.org.cert.pem
    id = vpn.example.org }
  remote { auth = eap-mschapv2
    eap_id = %any }
  children { net { local_ts = 10.77.0.0/16, fd77::/64 } }
} }
authorities { home { cacert = ca.cert.pem } }`;

describe('profile export and import', () => {
  it('carries a connection with its key to an Apple device and back, and the loader takes it', async () => {
    const config = file('home.conf', home);
    await exported(config, { withSecrets: true, output: at('home.mobileconfig') });
    await imported(at('home.mobileconfig'), 'back.conf');
    const back = loadSwanctl({ configFile: at('back.conf') });
    expect(back).toMatchObject({ ok: true });
    expect(back.ok && back.value.options).toMatchObject({
      connections: {
        home: {
          remoteAddrs: ['vpn.example.org'],
          local: { id: 'anna@example.org' },
          remote: { id: 'vpn.example.org' },
        },
      },
      secrets: [{ ids: ['vpn.example.org'], secret: 'correct "horse"' }],
    });
    for (const name of ['home.mobileconfig', 'back.conf']) {
      expect(statSync(at(name)).mode & 0o777).toBe(0o600);
    }
  });

  it('shows the key to nobody who did not ask for it', async () => {
    const { text, notes } = await exported(file('home.conf', home), {});
    expect(text).toContain('<string>SharedSecret</string>');
    expect(text + notes.join()).not.toContain('horse');
  });

  it('makes profiles for the clients of a server, with its CA', async () => {
    const common = { dir: at(''), key: 'ecdsa', san: [] } as const;
    await runPki({ action: 'ca', args: { ...common, name: 'CA', days: 10 } }, Date.now());
    const args = { server: 'vpn.example.org', identity: 'bob', format: 'sswan' } as const;
    const { text } = await exported(file('office.conf', office), args);
    expect(JSON.parse(text)).toMatchObject({
      type: 'ikev2-eap',
      remote: { addr: 'vpn.example.org', id: 'vpn.example.org', cert: expect.any(String) },
      local: { eap_id: 'bob' },
      'split-tunneling': { subnets: ['10.77.0.0/16', 'fd77::/64'] },
    });
    const code = await exported(at('office.conf'), { ...args, format: 'qr' });
    expect(code.text).toMatch(/^[█▀▄ \n]+$/);
    writeFileSync(at('office.sswan'), text);
    await imported(at('office.sswan'), 'phone.conf');
    expect(readFileSync(at('phone.ca.pem'), 'utf8')).toBe(readFileSync(at('ca.cert.pem'), 'utf8'));
  });

  it.each(['sswan', 'mobileconfig'] as const)(
    'carries key and certificate to a telephone and back, as %s',
    async (format) => {
      const common = { dir: at(''), key: 'ecdsa', san: [], days: 10 } as const;
      const [p12, word] = [at('alice.p12'), file('word', 'tiger\n')];
      await runPki({ action: 'ca', args: { ...common, name: 'CA' } }, Date.now());
      const args = { ...common, name: 'alice@example.org', p12, passwordFile: word };
      await runPki({ action: 'client', args }, Date.now());
      const config = file(
        'office.conf',
        office.replace('eap-mschapv2', 'pubkey').replace('eap_id', 'id'),
      );
      const more = {
        server: 'vpn.example.org',
        identity: 'alice@example.org',
        p12,
        format,
      } as const;
      await exported(config, { ...more, passwordFile: word, output: at('alice.profile') });
      const path = at('alice.profile');
      if (format === 'sswan')
        await expect(imported(path, 'back.conf')).rejects.toThrow(
          /the password of its key is needed.*--password-file/,
        );
      const given = format === 'sswan' ? { passwordFile: word } : {};
      const request = { file: path, output: at('back.conf'), ...given };
      const { notes } = await runProfile({ action: 'import', args: request });
      expect(notes).toEqual([`next: ipsec-kit doctor --config ${at('back.conf')}`]);
      expect(readFileSync(at('back.cert.pem'), 'utf8')).toBe(
        readFileSync(at('alice@example.org.cert.pem'), 'utf8'),
      );
      const findings = await runDoctor({ config: at('back.conf'), probe: false }, Date.now());
      const wrong = findings.filter(
        ({ level, about }) => level === 'error' && about !== 'this host',
      );
      expect(wrong).toEqual([]);
      expect(findingsText(findings)).toContain('there is the private key of back.cert.pem');
    },
  );

  it('says what a telephone would ask for, and a wrong password; and writes nothing then', async () => {
    const eap = file('x.sswan', '{"type":"ikev2-eap","name":"x","remote":{"addr":"h"}}');
    const { notes } = await imported(eap, 'x.conf');
    expect(notes.join('\n')).toMatch(/names no user.*\n.*no password.*\n.*no CA.*\nnext:/);
    const scep = file('y.sswan', '{"type":"ikev2-cert","name":"y","remote":{"addr":"h"}}');
    expect((await imported(scep, 'y.conf')).notes.join()).toContain('no certificate of its user');
    const args = { file: eap, output: at('z.conf'), passwordFile: file('word', 'lion') };
    await expect(runProfile({ action: 'import', args })).rejects.toThrow('holds no key');
    expect(readdirSync(dir)).not.toContain('z.conf');
  });

  it.each([
    [{ connection: 'work' }, 'There is no connection "work" in the configuration; there is: home.'],
    [{ format: 'sswan' }, 'knows no pre-shared keys'],
    [{ p12: '/nowhere.p12' }, 'There is no file /nowhere.p12.'],
    [{ passwordFile: '/nowhere' }, 'give --p12 FILE as well'],
  ] as const)('says what is wrong: %j', async (more, sentence) => {
    await expect(exported(file('home.conf', home), more)).rejects.toThrow(sentence);
  });

  it('wants to know where the clients of a server find it', async () => {
    await expect(exported(file('office.conf', office), {})).rejects.toThrow('--server HOST');
  });

  it('writes nothing of a profile that is malformed, and over nothing that is there', async () => {
    const bad = file('bad.sswan', '{"type":"ikev2-cert","name":"x","remote":{"addr":7}}');
    await expect(imported(bad, 'x.conf')).rejects.toThrow('lacks name or remote.addr');
    file('x.conf', 'mine');
    const good = file('x.sswan', '{"type":"ikev2-cert","name":"x","remote":{"addr":"h"}}');
    await expect(imported(good, 'x.conf')).rejects.toThrow('x.conf is there already');
    expect(readdirSync(dir).toSorted()).toEqual(['bad.sswan', 'x.conf', 'x.sswan']);
  });
});
