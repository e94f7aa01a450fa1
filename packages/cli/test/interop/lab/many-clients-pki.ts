import { copyFileSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPki } from '../../../src/pki/run-pki.ts';
import { SERVER_NAME } from './certificates.ts';
import type { Host } from './lab.ts';

/** A CA, a server, and clients with identities of their own, as `ipsec-kit pki` makes them. */
export async function newPki(clients: number): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-many-'));
  const key = 'ecdsa';
  await runPki({ action: 'ca', args: { dir, name: 'Home CA', key, days: 3650 } }, Date.now());
  const args = { dir, key, days: 30 } as const;
  await runPki({ action: 'server', args: { ...args, name: SERVER_NAME } }, Date.now());
  for (let index = 1; index <= clients; index += 1) {
    const name = `client-${index}@example.org`;
    await runPki({ action: 'client', args: { ...args, name } }, Date.now());
  }
  await runPki({ action: 'crl', args: { dir, days: 30 } }, Date.now());
  return dir;
}

/** Gives a server of ours its certificate, its key, the CA and the CRL. */
export function layOutServer(host: Host, pki: string): void {
  const place = (from: string, directory: string, name: string): void => {
    mkdirSync(join(host.dir, 'ipsec-kit', directory), { recursive: true });
    copyFileSync(join(pki, from), join(host.dir, 'ipsec-kit', directory, name));
  };
  place(`${SERVER_NAME}.cert.pem`, 'x509', 'server.pem');
  place(`${SERVER_NAME}.key.pem`, 'private', 'server.pem');
  place('ca.cert.pem', 'x509ca', 'ca.pem');
  placeCrl(host, pki);
}

/** As a program does that others read from: never half of it. */
export function placeCrl(host: Host, pki: string): void {
  const directory = join(host.dir, 'ipsec-kit', 'x509crl');
  const part = join(host.dir, 'ipsec-kit', 'crl.part');
  mkdirSync(directory, { recursive: true });
  copyFileSync(join(pki, 'ca.crl.pem'), part);
  renameSync(part, join(directory, 'ca.pem'));
}
