import { webcrypto } from 'node:crypto';
import { join } from 'node:path';
import type { KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import { VpnError } from '@ipsec-kit/vpn';
import type { Certificate } from '@ipsec-kit/x509';
import {
  type CertificateWish,
  issueCertificate,
  lockPkcs8,
  writePem,
  writePkcs12,
} from '@ipsec-kit/x509/issue';
import {
  makeOwnDirectory,
  type NewFile,
  PUBLIC_MODE,
  refuseExisting,
  SECRET_MODE,
  writeNewFiles,
} from '../files/new-file.ts';
import { readPassword } from '../files/read-password.ts';
import { authorityFiles, openAuthority } from './authority.ts';
import { generateKey, keyText } from './key-pair.ts';
import { altNameOf, commonName, fileStem, namesText } from './peer-names.ts';
import type { CaArguments, PeerArguments, PkiRequest } from './pki-commands.ts';
import { revokeCertificate, writeRevocationList } from './revocation.ts';

const DAY_MS = 86_400_000;
/** Clocks that are late shall take a new certificate, too. */
const CLOCK_TOLERANCE_MS = 3_600_000;

/** Does what `ipsec-kit pki` was asked to. @returns the lines that say what was made. @throws VpnError */
export function runPki(request: PkiRequest, nowMs: number): Promise<readonly string[]> {
  switch (request.action) {
    case 'ca':
      return makeCa(request.args, nowMs);
    case 'server':
    case 'client':
      return makePeer(request.action, request.args, nowMs);
    case 'revoke':
      return revokeCertificate(request.args, nowMs);
    case 'crl':
      return writeCrl(request.args, nowMs);
  }
}

async function makeCa(args: CaArguments, nowMs: number): Promise<readonly string[]> {
  const { dir, name, key: kind, caPasswordFile, encrypt = caPasswordFile !== undefined } = args;
  const subject = commonName(name);
  const files = authorityFiles(dir);
  for (const path of [files.certificate, files.key]) refuseExisting(path);
  const password = encrypt
    ? await readPassword({
        file: caPasswordFile,
        option: '--ca-password-file',
        what: 'the new CA key',
        isNew: true,
      })
    : undefined;
  const { pkcs8, signer } = generateKey(kind);
  const certificate = await issue({
    role: 'ca',
    subject,
    publicKey: signer.publicKey,
    altNames: [],
    signer,
    notBeforeMs: nowMs - CLOCK_TOLERANCE_MS,
    notAfterMs: nowMs + args.days * DAY_MS,
  });
  makeOwnDirectory(dir);
  writeNewFiles([
    await keyFile(files.key, pkcs8, password),
    certificateFile(files.certificate, certificate),
  ]);
  const safety = password
    ? 'encrypted with the password'
    : 'not encrypted (--encrypt does that): whoever reads it can make certificates';
  return [
    `${files.certificate}: the CA ${JSON.stringify(name)}, ${keyText(signer)}, valid until ${day(nowMs + args.days * DAY_MS)}`,
    `${files.key}: its private key, mode 0600, ${safety}`,
    `next: ipsec-kit pki server --dir ${dir} --name vpn.example.org`,
  ];
}

async function makePeer(
  role: 'server' | 'client',
  args: PeerArguments,
  nowMs: number,
): Promise<readonly string[]> {
  const { dir, name, p12, passwordFile } = args;
  if (passwordFile !== undefined && p12 === undefined) {
    throw new VpnError(
      'config',
      '--password-file is the password of a PKCS #12 file: give --p12 FILE as well.',
    );
  }
  const altNames = [...new Set([name, ...(args.san ?? [])])].map(altNameOf);
  const subject = commonName(name);
  const paths = {
    key: join(dir, `${fileStem(name)}.key.pem`),
    certificate: join(dir, `${fileStem(name)}.cert.pem`),
  };
  for (const path of [paths.key, paths.certificate, ...(p12 === undefined ? [] : [p12])]) {
    refuseExisting(path);
  }
  const authority = await openAuthority(dir, args.caPasswordFile, nowMs);
  const { pkcs8, signer } = generateKey(args.key);
  // Nobody believes a certificate after its CA has run out.
  const wantedMs = nowMs + args.days * DAY_MS;
  const notAfterMs = Math.min(wantedMs, authority.certificate.notAfterMs);
  const certificate = await issue({
    role,
    subject,
    publicKey: signer.publicKey,
    altNames,
    signer: authority.signer,
    issuer: authority.certificate,
    notBeforeMs: Math.max(nowMs - CLOCK_TOLERANCE_MS, authority.certificate.notBeforeMs),
    notAfterMs,
    ...(args.crlUrl === undefined ? {} : { crlUrl: webAddress(args.crlUrl) }),
  });
  const bundle =
    p12 === undefined
      ? []
      : [
          await bundleFile(
            p12,
            name,
            pkcs8,
            [certificate, authority.certificate.der],
            passwordFile,
          ),
        ];
  writeNewFiles([
    await keyFile(paths.key, pkcs8, undefined),
    certificateFile(paths.certificate, certificate),
    ...bundle,
  ]);
  const end = notAfterMs < wantedMs ? `${day(notAfterMs)}, when the CA ends` : day(notAfterMs);
  return [
    `${paths.certificate}: ${role} ${namesText(altNames)}, ${keyText(signer)}, valid until ${end}`,
    `${paths.key}: its private key, mode 0600`,
    ...(p12 === undefined ? [] : [`${p12}: both and the CA in one file, encrypted, mode 0600`]),
    `its peers need ${authority.files.certificate}`,
  ];
}

async function writeCrl(
  args: { readonly dir: string; readonly days: number; readonly caPasswordFile?: string },
  nowMs: number,
): Promise<readonly string[]> {
  const authority = await openAuthority(args.dir, args.caPasswordFile, nowMs);
  return [await writeRevocationList(authority, args.days, nowMs)];
}

function issue(wish: CertificateWish): Promise<Uint8Array> {
  return issueCertificate(wish, systemRandom(), createNodeProvider());
}

function certificateFile(path: string, der: Certificate['der']): NewFile {
  return { path, content: writePem('CERTIFICATE', der), mode: PUBLIC_MODE };
}

async function keyFile(
  path: string,
  pkcs8: KeyMaterial,
  password: KeyMaterial | undefined,
): Promise<NewFile> {
  const content = password
    ? writePem('ENCRYPTED PRIVATE KEY', await lockPkcs8(pkcs8, password, webcrypto))
    : writePem('PRIVATE KEY', pkcs8.reveal());
  return { path, content, mode: SECRET_MODE };
}

async function bundleFile(
  path: string,
  friendlyName: string,
  key: KeyMaterial,
  certificates: readonly Uint8Array[],
  passwordFile: string | undefined,
): Promise<NewFile> {
  const what = 'the PKCS #12 file';
  const option = '--password-file';
  const password = await readPassword({ file: passwordFile, option, what, isNew: true });
  if (!password.reveal().every((byte) => byte >= 0x20 && byte < 0x7f)) {
    throw new VpnError(
      'config',
      'The password of a PKCS #12 file has to be of ASCII letters: devices do not agree about others.',
    );
  }
  const entry = { friendlyName, key, certificates };
  const content = await writePkcs12(entry, password, webcrypto, createNodeProvider());
  return { path, content, mode: SECRET_MODE };
}

function webAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // https would have to be validated with the help of the very CRL.
  if (url?.protocol === 'http:' && /^[\x21-\x7e]+$/.test(text)) return text;
  throw new VpnError(
    'config',
    `--crl-url expected an http:// address in ASCII, got ${JSON.stringify(text)}.`,
  );
}

/** The date in UTC. */
function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
