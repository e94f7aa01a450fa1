import { existsSync, readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { VpnError, vpnErrorFrom } from '@ipsec-kit/vpn';
import { serialText } from '@ipsec-kit/x509';
import {
  issueRevocationList,
  RevocationReason,
  type RevocationReasonName,
  type RevokedCertificate,
  writePem,
} from '@ipsec-kit/x509/issue';
import {
  makeOwnDirectory,
  PUBLIC_MODE,
  readWholeFile,
  replaceFile,
  writeNewFiles,
} from '../files/new-file.ts';
import { type Authority, openAuthority, readCertificateFile } from './authority.ts';
import { fileStem } from './peer-names.ts';
import type { RevokeArguments } from './pki-commands.ts';

const DAY_MS = 86_400_000;
const MAX_ENTRY_BYTES = 4_096;

/** Revokes a certificate and writes the CRL anew. Each revocation is a file of its own, so that none gets lost when two come at once;
 * the files of the peer move beside it, and its name is free for a new certificate.
 * @returns the lines that say what was done. @throws VpnError
 */
export async function revokeCertificate(
  args: RevokeArguments,
  nowMs: number,
): Promise<readonly string[]> {
  const authority = await openAuthority(args.dir, args.caPasswordFile, nowMs);
  const { revoked } = authority.files;
  const serial = args.serial ?? (await serialOf(args.dir, args.name ?? '', authority));
  const entry = join(revoked, `${serial}.json`);
  if (existsSync(entry)) {
    throw new VpnError('config', `The certificate ${serial} is revoked already, says ${entry}.`);
  }
  const record = {
    serial,
    ...(args.name === undefined ? {} : { name: args.name }),
    revokedAt: new Date(Math.floor(nowMs / 1000) * 1000).toISOString(),
    reason: args.reason,
  };
  makeOwnDirectory(revoked);
  writeNewFiles([
    { path: entry, content: `${JSON.stringify(record, null, 2)}\n`, mode: PUBLIC_MODE },
  ]);
  const list = await writeRevocationList(authority, args.days, nowMs);
  if (args.name !== undefined) moveAside(args.dir, args.name, revoked, serial);
  return [`revoked ${args.name ?? 'the certificate'}, serial number ${serial}`, list];
}

/** Writes the CRL of all that was revoked. @returns the line that says so. */
export async function writeRevocationList(
  { files, certificate, signer }: Authority,
  days: number,
  nowMs: number,
): Promise<string> {
  const revoked = readRevoked(files.revoked);
  const nextUpdateMs = nowMs + days * DAY_MS;
  const der = await issueRevocationList(
    { issuer: certificate, signer, revoked, thisUpdateMs: nowMs, nextUpdateMs, number: nowMs },
    createNodeProvider(),
  );
  replaceFile({ path: files.list, content: der, mode: PUBLIC_MODE });
  replaceFile({ path: files.listPem, content: writePem('X509 CRL', der), mode: PUBLIC_MODE });
  const until = new Date(nextUpdateMs).toISOString().slice(0, 10);
  return `${files.list} (and in PEM ${basename(files.listPem)}): the CRL, ${revoked.length} revoked, to be renewed before ${until}`;
}

async function serialOf(directory: string, name: string, authority: Authority): Promise<string> {
  const path = join(directory, `${fileStem(name)}.cert.pem`);
  if (path === authority.files.certificate || !existsSync(path)) {
    throw new VpnError(
      'config',
      `There is no certificate of ${JSON.stringify(name)} in ${directory} (${path}); --serial revokes one that is lost.`,
    );
  }
  const certificate = await readCertificateFile(path);
  if (!Buffer.from(certificate.issuer).equals(authority.certificate.subject)) {
    throw new VpnError('config', `${path} is from another CA, which alone can revoke it.`);
  }
  return serialText(certificate.serialNumber);
}

function moveAside(directory: string, name: string, revoked: string, serial: string): void {
  for (const end of ['cert.pem', 'key.pem']) {
    const from = join(directory, `${fileStem(name)}.${end}`);
    try {
      if (existsSync(from)) renameSync(from, join(revoked, `${serial}.${basename(from)}`));
    } catch (error) {
      throw vpnErrorFrom(error, `move ${from} into ${revoked}`, 'file-failed');
    }
  }
}

function readRevoked(directory: string): readonly RevokedCertificate[] {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  return names.toSorted().map((name) => readEntry(join(directory, name)));
}

function readEntry(path: string): RevokedCertificate {
  const text = Buffer.from(readWholeFile(path, MAX_ENTRY_BYTES)).toString('utf8');
  const { serial, revokedAt, reason } = fieldsOf(text);
  const revokedAtMs = typeof revokedAt === 'string' ? Date.parse(revokedAt) : Number.NaN;
  const isSerial = typeof serial === 'string' && /^([0-9a-f]{2}){1,32}$/.test(serial);
  if (!isSerial || !isReason(reason) || !(revokedAtMs >= 0)) {
    // To leave it out would make the certificate good again.
    throw new VpnError(
      'config',
      `${path} is damaged, and no CRL is written without it: it has to hold serial (hexadecimal), revokedAt and reason.`,
    );
  }
  return { serialNumber: Uint8Array.from(Buffer.from(serial, 'hex')), revokedAtMs, reason };
}

function fieldsOf(text: string): { serial?: unknown; revokedAt?: unknown; reason?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function isReason(value: unknown): value is RevocationReasonName {
  return typeof value === 'string' && Object.hasOwn(RevocationReason, value);
}
