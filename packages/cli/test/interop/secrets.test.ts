import { createPrivateKey, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { captured } from '../secrets/captured-command.ts';
import { LIVE_COMMANDS } from '../secrets/offline-rows.ts';
import { type KnownSecret, secretsIn, secretText } from '../secrets/secret-search.ts';
import {
  byCertificate,
  CLIENT_NAME,
  layOut,
  ownPki,
  type Pki,
  SERVER_NAME,
} from './lab/certificates.ts';
import type { Tunnel } from './lab/configuration.ts';
import type { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, type Host, type Lab } from './lab/lab.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(['root', 'tun', 'netns'], 'the search for secrets while tunnels run');

const draw = (): string => `Kd${randomBytes(15).toString('hex')}`;
const [PSK, EAP, KEY_PASSWORD, PPK] = [draw(), draw(), draw(), draw()];

const fixed: readonly KnownSecret[] = [
  secretText('pre-shared key', PSK),
  secretText('password of EAP', EAP),
  secretText('password of a private key', KEY_PASSWORD),
  secretText('PPK', PPK),
];
const user = `eap-alice {\n id = ${CLIENT_NAME}\n secret = "${EAP}"\n }`;
const ppk = `ppk-one {\n id = ppk.example.org\n secret = "${PPK}"\n }`;

const tunnels: readonly (readonly [string, Tunnel, readonly string[]])[] = [
  ['a pre-shared key and a PPK', { clientExtra: 'ppk_id = ppk.example.org' }, []],
  [
    'EAP, and a locked private key',
    {
      client: {
        local: `auth = eap-mschapv2\n id = ${CLIENT_NAME}`,
        remote: `auth = pubkey\n cacerts = ca.pem\n id = ${SERVER_NAME}`,
      },
      server: {
        local: `auth = pubkey\n certs = server.pem\n id = ${SERVER_NAME}`,
        remote: `auth = eap-mschapv2\n id = *@example.org\n eap_id = %any`,
      },
    },
    [],
  ],
  ['certificates, with a capture', byCertificate, ['--pcap']],
];

/** The same PKI whose server's key can be read with a password alone. */
function locked(pki: Pki): { readonly pki: Pki; readonly secrets: readonly KnownSecret[] } {
  const keys = [pki.server.key, pki.client.key].map((file) => createPrivateKey(readFileSync(file)));
  const [server] = keys;
  const pem = server?.export({
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes-256-cbc',
    passphrase: KEY_PASSWORD,
  });
  const key = `${pki.server.key}.locked`;
  writeFileSync(key, pem ?? '', { mode: 0o600 });
  const secrets = keys.map((one) => {
    const { d = '' } = one.export({ format: 'jwk' });
    return { kind: 'private key', bytes: Buffer.from(d, 'base64url') };
  });
  return { pki: { ...pki, server: { ...pki.server, key } }, secrets };
}

/** Keys of the SAs, which the key log alone may have. */
function sessionKeys(host: Host): readonly KnownSecret[] {
  const dir = join(host.dir, 'keys');
  return readdirSync(dir).flatMap((name) => {
    const text = readFileSync(join(dir, name), 'utf8');
    const long = text.match(/\b(?:0x)?[0-9a-f]{32,}\b/g) ?? [];
    return long.map((digits) => ({
      kind: `key of an SA (${name})`,
      bytes: Buffer.from(digits.replace('0x', ''), 'hex'),
    }));
  });
}

/** Every command once, in text and as JSON, with what it printed. */
async function everyCommand(client: IpsecKit): Promise<string> {
  const more: Readonly<Record<string, readonly string[][]>> = {
    status: [[], ['--json']],
    revalidate: [[], ['--json']],
    rekey: [[], ['--child', 'net']],
    initiate: [
      ['--child', 'net'],
      ['--child', 'none'],
    ],
    terminate: [['--child', 'none']],
    move: [['--local', addresses.left.v4]],
  };
  let said = '';
  for (const command of LIVE_COMMANDS) {
    // These two are under way from the beginning to the end.
    if (command === 'monitor' || command === 'disconnect') continue;
    for (const args of more[command] ?? [[]]) {
      // In this process, which is quicker: a socket has no network namespace.
      const { output } = await captured([command, '--control', client.control, ...args]);
      expect(output).not.toBe('');
      said += output;
    }
  }
  return said;
}

/** What was written besides that which is there to hold secrets. */
function leftBehind(lab: Lab): string {
  const holders = /\/(?:keys|private|x509|x509ca)\/|\.conf$/;
  return [lab.left, lab.right]
    .flatMap(({ dir }) =>
      existsSync(dir)
        ? readdirSync(dir, { recursive: true, withFileTypes: true })
            .filter((one) => one.isFile())
            .map((one) => join(one.parentPath, one.name))
        : [],
    )
    .filter((path) => !holders.test(path))
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}

describe.skipIf(gate.skip)('no secret is in what a running tunnel tells of itself', () => {
  it.each(tunnels)('with %s', async (_what, tunnel, args) => {
    const { pki, secrets } = locked(await ownPki('ecdsa'));
    const more = {
      clientSecret: PSK,
      serverSecret: PSK,
      clientSecrets: `${user}\n${ppk}`,
      serverSecrets: `${user}\n${ppk}\nprivate-own {\n file = server.pem\n secret = "${KEY_PASSWORD}"\n }`,
    };
    await withTunnel(
      'both',
      { ...tunnel, ...more },
      async ({ lab, client, server }) => {
        if (!client || !server) throw new Error('both are ours');
        const monitor = server.watch('--json');
        await lab.left.ping(addresses.right.inner4, { count: 1 });
        let said = await everyCommand(client);
        said += (await captured(['disconnect', '--control', client.control])).output;
        await client.process.exited;
        await server.stop();
        await monitor.exited;
        const all = `${said}\n${lab.outputs()}\n${leftBehind(lab)}`;
        const keys = [lab.left, lab.right].flatMap(sessionKeys);
        // Both ends wrote SK_ei, SK_er and two keys of each Child SA, of two generations at least.
        expect(keys.length).toBeGreaterThan(16);
        expect(all).toMatch(/rekeyed|replaced/);
        expect(secretsIn(all, [...fixed, ...secrets, ...keys])).toEqual([]);
      },
      {
        prepare: async (lab) => layOut(lab, pki),
        ourArgs: (host) => [
          ...['--keylog', join(host.dir, 'keys')],
          ...args.flatMap((option) => [option, join(host.dir, 'capture.pcapng')]),
        ],
      },
    );
  });
});
