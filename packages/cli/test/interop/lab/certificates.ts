import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { KeyKind } from '../../../src/pki/key-pair.ts';
import { runPki } from '../../../src/pki/run-pki.ts';
import type { SideAuthentication } from './configuration.ts';
import type { Host, Lab } from './lab.ts';

/** Files of one side: its certificate and key, and CAs below the root that it sends along. */
export interface Credential {
  readonly certificate: string;
  readonly key: string;
  readonly intermediates?: readonly string[];
}

/** Certificates of a client and a server, and the CA that each of them trusts. */
export interface Pki {
  readonly ca: string;
  readonly client: Credential;
  readonly server: Credential;
  /** A CRL for both sides. */
  readonly crl?: string;
}

export const SERVER_NAME = 'vpn.example.org';
export const CLIENT_NAME = 'alice@example.org';

/** Both prove themselves with certificates, by name. */
export const byCertificate: Readonly<Record<'client' | 'server', SideAuthentication>> = {
  client: {
    local: `auth = pubkey\n certs = client.pem\n id = ${CLIENT_NAME}`,
    remote: `auth = pubkey\n cacerts = ca.pem\n id = ${SERVER_NAME}`,
  },
  server: {
    local: `auth = pubkey\n certs = server.pem\n id = ${SERVER_NAME}`,
    remote: `auth = pubkey\n cacerts = ca.pem\n id = *@example.org`,
  },
};

function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'ipsec-kit-certs-'));
}

/** Certificates of `ipsec-kit pki`.
 * @param issuedMs - when they are issued, for 30 days; default now.
 */
export async function ownPki(key: KeyKind, issuedMs: number = Date.now()): Promise<Pki> {
  const dir = newDirectory();
  await runPki({ action: 'ca', args: { dir, name: 'Home CA', key, days: 3650 } }, issuedMs);
  const args = { dir, key, days: 30 };
  await runPki({ action: 'server', args: { ...args, name: SERVER_NAME } }, issuedMs);
  await runPki({ action: 'client', args: { ...args, name: CLIENT_NAME } }, issuedMs);
  const credential = (name: string): Credential => ({
    certificate: join(dir, `${name}.cert.pem`),
    key: join(dir, `${name}.key.pem`),
  });
  return {
    ca: join(dir, 'ca.cert.pem'),
    client: credential(CLIENT_NAME),
    server: credential(SERVER_NAME),
  };
}

/** The same with the client's certificate revoked, and the CRL that says so. */
export async function pkiWithRevokedClient(): Promise<Pki> {
  const pki = await ownPki('ecdsa');
  const dir = join(pki.ca, '..');
  // The certificate goes to a directory of its own; the copy is what a thief has.
  const stolen = join(dir, 'stolen.pem');
  const key = join(dir, 'stolen.key.pem');
  copyFileSync(pki.client.certificate, stolen);
  copyFileSync(pki.client.key, key);
  await revokeClient(pki);
  return { ...pki, client: { certificate: stolen, key }, crl: join(dir, 'ca.crl.pem') };
}

/** Revokes the client's certificate. @returns the CRL that says so. */
export async function revokeClient({ ca }: Pki): Promise<string> {
  const dir = join(ca, '..');
  const args = { dir, name: CLIENT_NAME, reason: 'keyCompromise', days: 30 } as const;
  await runPki({ action: 'revoke', args }, Date.now());
  return readFileSync(join(dir, 'ca.crl.pem'), 'utf8');
}

/** Keys as strongSwan's `pki` draws them. */
const KEY_ARGS = {
  rsa: ['rsa', '--size', '2048'],
  ecdsa: ['ecdsa', '--size', '384'],
  ecdsa256: ['ecdsa', '--size', '256'],
  ecdsa521: ['ecdsa', '--size', '521'],
  ed25519: ['ed25519'],
  ed448: ['ed448'],
} as const;

/** Certificates of strongSwan's `pki`: a root, an intermediate CA, and peers below that.
 * @param clientFlags - of extKeyUsage, as `serverAuth`; none: without it.
 */
export function strongSwanPki(
  kind: keyof typeof KEY_ARGS,
  clientFlags: readonly string[] = [],
): Pki {
  const dir = newDirectory();
  const file = (name: string): string => join(dir, name);
  const pki = (output: string, ...args: string[]): void =>
    writeFileSync(
      file(output),
      execFileSync('pki', [...args, '--outform', 'pem'], { stdio: 'pipe' }),
    );
  const [type, ...size] = KEY_ARGS[kind];
  for (const name of ['root', 'middle', 'client', 'server']) {
    pki(`${name}.key`, '--gen', '--type', type, ...size);
  }
  const issue = (name: string, ca: string, ...args: string[]): void =>
    pki(
      `${name}.crt`,
      ...['--issue', '--in', file(`${name}.key`), '--type', 'priv', '--lifetime', '30'],
      ...['--cacert', file(`${ca}.crt`), '--cakey', file(`${ca}.key`), ...args],
    );
  const self = ['--self', '--ca', '--in', file('root.key'), '--type', type];
  pki('root.crt', ...self, '--dn', 'C=CH, O=Example, CN=Root');
  issue('middle', 'root', '--ca', '--dn', 'C=CH, O=Example, CN=Middle');
  const clientNames = ['--dn', 'C=CH, O=Example, CN=alice', '--san', CLIENT_NAME];
  issue('client', 'middle', ...clientNames, ...clientFlags.flatMap((flag) => ['--flag', flag]));
  const purpose = ['--flag', 'serverAuth'];
  const names = ['--dn', 'C=CH, O=Example, CN=vpn', '--san', SERVER_NAME];
  issue('server', 'middle', ...names, ...purpose);
  const credential = (name: string): Credential => ({
    certificate: file(`${name}.crt`),
    key: file(`${name}.key`),
    intermediates: [file('middle.crt')],
  });
  return { ca: file('root.crt'), client: credential('client'), server: credential('server') };
}

/** Lays the files out as swanctl wants them, for strongSwan and for ipsec-kit, on both hosts of a lab. */
export function layOut(lab: Lab, pki: Pki, ca: { client?: string; server?: string } = {}): void {
  place(lab.left, 'client.pem', pki.client, ca.client ?? pki.ca, pki.crl);
  place(lab.right, 'server.pem', pki.server, ca.server ?? pki.ca, pki.crl);
}

function place(host: Host, name: string, own: Credential, ca: string, crl?: string): void {
  for (const program of ['strongswan', 'ipsec-kit']) {
    const copy = (from: string, ...to: string[]): void => {
      const path = join(host.dir, program, ...to);
      mkdirSync(join(path, '..'), { recursive: true });
      copyFileSync(from, path);
    };
    copy(own.certificate, 'x509', name);
    copy(own.key, 'private', name);
    copy(ca, 'x509ca', 'ca.pem');
    if (crl) copy(crl, 'x509crl', 'ca.pem');
    // Where strongSwan looks for CAs below the root, too; it trusts them for being there.
    for (const one of own.intermediates ?? []) copy(one, 'x509', basename(one));
  }
}
