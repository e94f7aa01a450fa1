import { webcrypto } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { certificateVouchesFor, formatIdentity, parseIdentity } from '@ipsec-kit/auth';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider, createNodeSignatures } from '@ipsec-kit/crypto/node';
import type { ConfigSection } from '@ipsec-kit/vpn/swanctl';
import {
  type Certificate,
  MAX_KEY_FILE_BYTES,
  namesOf,
  readCertificate,
  readKeyFile,
} from '@ipsec-kit/x509';
import { readWholeFile } from '../files/new-file.ts';
import { checkChain } from './check-chain.ts';
import { type Finding, type Findings, findingsAbout } from './finding.ts';

const DAY_MS = 86_400_000;
const SOON_MS = 30 * DAY_MS;
const MAX_FILES = 100;
/** Sections of `secrets` that name files with private keys, and where swanctl looks for those. */
const KEY_SECTIONS = [
  { prefix: 'private', directory: 'private' },
  { prefix: 'rsa', directory: 'rsa' },
  { prefix: 'ecdsa', directory: 'ecdsa' },
  { prefix: 'pkcs8', directory: 'pkcs8' },
  { prefix: 'pkcs12', directory: 'pkcs12' },
] as const;

/** Looks at the certificates and keys that a configuration names: whether they can be read and fit each other, their dates, their
 * chains, and whether they vouch for the configured identities. @returns nothing when the configuration names none.
 */
export async function checkCertificates(
  configFile: string,
  root: ConfigSection,
  nowMs: number,
): Promise<readonly Finding[]> {
  const all: Finding[] = [];
  const reader = fileReader(dirname(configFile));
  const keys = await readKeys(root, reader, all);
  const intermediates = await readIntermediates(reader);
  for (const [name, connection] of root.sections.get('connections')?.sections ?? []) {
    const findings = findingsAbout(`connection ${name}`);
    const anchors = await readAnchors(root, connection, reader, findings, nowMs);
    for (const [side, section] of connection.sections) {
      if (!/^(local|remote)/.test(side)) continue;
      for (const file of listOf(section.values.get('certs'))) {
        const isOwn = side.startsWith('local');
        const certificate = await reader.certificate(file, 'x509', findings);
        if (!certificate) continue;
        checkDates(certificate, file, findings, nowMs);
        checkName(certificate, file, section.values.get('id'), findings);
        await checkChain(
          { certificate, file, anchors, intermediates, purpose: isOwn ? 'any' : 'server' },
          findings,
          nowMs,
        );
        if (isOwn) checkKey(certificate, file, keys, findings);
      }
    }
    all.push(...findings.list);
  }
  return all;
}

interface FileReader {
  certificate(
    file: string,
    directory: string,
    findings: Findings,
  ): Promise<Certificate | undefined>;
  keys(
    file: string,
    directory: string,
    password: string | undefined,
    findings: Findings,
  ): Promise<readonly KeyMaterial[]>;
  path(file: string, directory: string): string;
}

/** Reads files as swanctl finds them: relative to the directory of their kind beside the configuration, or to the configuration. */
function fileReader(base: string): FileReader {
  const path = (file: string, directory: string): string => {
    if (isAbsolute(file)) return file;
    const inDirectory = join(base, directory, file);
    return existsSync(inDirectory) ? inDirectory : join(base, file);
  };
  const read = async (where: string, password: string | undefined, findings: Findings) => {
    try {
      const given = password === undefined ? {} : { password: secretOf(password) };
      const result = await readKeyFile(readWholeFile(where, MAX_KEY_FILE_BYTES), {
        ...given,
        webCrypto: webcrypto,
      });
      if (result.ok) return result;
      const needsPassword = result.code === 'needs-password';
      const advice = needsPassword
        ? 'add secret = "..." beside file, in its section of secrets'
        : undefined;
      findings.add('error', `${where}: ${result.sentence}`, advice);
    } catch (error) {
      findings.add('error', error instanceof Error ? error.message : String(error));
    }
    return undefined;
  };
  return {
    path,
    async certificate(file, directory, findings) {
      const where = path(file, directory);
      const [der] = (await read(where, undefined, findings))?.certificates ?? [];
      const result = der && readCertificate(der);
      if (result?.ok) return result.certificate;
      if (result) findings.add('error', `${where} holds a certificate that is ${result.code}`);
      return undefined;
    },
    async keys(file, directory, password, findings) {
      return (await read(path(file, directory), password, findings))?.keys ?? [];
    },
  };
}

async function readKeys(
  root: ConfigSection,
  reader: FileReader,
  all: Finding[],
): Promise<readonly Uint8Array[]> {
  const findings = findingsAbout('secrets');
  const publicKeys: Uint8Array[] = [];
  const add = async (file: string, directory: string, password?: string): Promise<void> => {
    for (const key of await reader.keys(file, directory, password, findings)) {
      const imported = createNodeSignatures().importPrivateKey(key);
      if (imported.ok) publicKeys.push(imported.key.publicKey);
      else {
        const where = reader.path(file, directory);
        findings.add('error', `${where} holds a private key that is ${imported.code}`);
      }
    }
  };
  const named = new Set<string>();
  for (const [name, section] of root.sections.get('secrets')?.sections ?? []) {
    const kind = KEY_SECTIONS.find(({ prefix }) => name.startsWith(prefix));
    const file = section.values.get('file');
    if (!kind || file === undefined) continue;
    named.add(reader.path(file, kind.directory));
    await add(file, kind.directory, section.values.get('secret'));
  }
  for (const { directory } of KEY_SECTIONS) {
    for (const file of filesIn(reader.path(directory, '.'))) {
      if (!named.has(file)) await add(file, directory);
    }
  }
  all.push(...findings.list);
  return publicKeys;
}

async function readAnchors(
  root: ConfigSection,
  connection: ConfigSection,
  reader: FileReader,
  findings: Findings,
  nowMs: number,
): Promise<readonly Certificate[]> {
  const sides = [...connection.sections].filter(([side]) => side.startsWith('remote'));
  const named = [
    ...sides.flatMap(([, section]) => listOf(section.values.get('cacerts'))),
    ...[...(root.sections.get('authorities')?.sections ?? [])].flatMap(
      ([, one]) => one.values.get('cacert') ?? [],
    ),
  ];
  const found = filesIn(reader.path('x509ca', '.'));
  const anchors: Certificate[] = [];
  for (const file of [...new Set([...named, ...found])].slice(0, MAX_FILES)) {
    const certificate = await reader.certificate(file, 'x509ca', findings);
    if (!certificate) continue;
    checkDates(certificate, file, findings, nowMs);
    if (certificate.extensions.isCa) anchors.push(certificate);
    else
      findings.add(
        'error',
        `${file} is named as a CA, and is none`,
        'name the certificate of the CA instead',
      );
  }
  return anchors;
}

/** CAs below the root that are sent along with own certificates. What cannot be read there is looked at where it is named. */
async function readIntermediates(reader: FileReader): Promise<readonly Certificate[]> {
  const read = filesIn(reader.path('x509', '.')).map((file) =>
    reader.certificate(file, 'x509', findingsAbout('x509')),
  );
  return (await Promise.all(read)).flatMap((one) => (one?.extensions.isCa ? [one] : []));
}

/** Files of a directory, hidden ones not; none where there is no such directory. */
function filesIn(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => !name.startsWith('.'));
  return names.slice(0, MAX_FILES).map((name) => join(directory, name));
}

function checkDates(
  certificate: Certificate,
  file: string,
  findings: Findings,
  nowMs: number,
): void {
  const { notBeforeMs, notAfterMs } = certificate;
  const date = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);
  if (notAfterMs <= nowMs)
    findings.add('error', `${file} has expired on ${date(notAfterMs)}`, 'have it issued anew');
  else if (notBeforeMs > nowMs)
    findings.add(
      'error',
      `${file} is valid from ${date(notBeforeMs)} on only`,
      'check the clock of this host',
    );
  else if (notAfterMs - nowMs < SOON_MS)
    findings.add(
      'warning',
      `${file} expires on ${date(notAfterMs)}`,
      'have it issued anew in time',
    );
  else findings.add('ok', `${file} is valid until ${date(notAfterMs)}`);
}

function checkName(
  certificate: Certificate,
  file: string,
  id: string | undefined,
  findings: Findings,
): void {
  if (id === undefined) return;
  const parsed = parseIdentity(id);
  if (!parsed.ok) return;
  const names = namesOf(certificate, createNodeProvider());
  if (certificateVouchesFor(names, parsed.identity)) {
    findings.add('ok', `${file} is for ${id}`);
    return;
  }
  const known = names.altNames.map(formatIdentity);
  const listed = known.length === 0 ? 'has no alternative name' : `is for ${known.join(', ')}`;
  findings.add(
    'error',
    `${file} is not for ${id}: it ${listed}`,
    'write one of its names as id, or have a certificate issued with this name as subjectAltName',
  );
}

function checkKey(
  certificate: Certificate,
  file: string,
  keys: readonly Uint8Array[],
  findings: Findings,
): void {
  const fits = keys.some((key) => Buffer.from(key).equals(certificate.publicKey));
  if (fits) findings.add('ok', `there is the private key of ${file}`);
  else
    findings.add(
      'error',
      `no private key fits ${file}`,
      'put its key into the directory private beside the configuration, or name it: secrets { private { file = NAME.key.pem } }',
    );
}

function secretOf(text: string): KeyMaterial {
  return new KeyMaterial(Uint8Array.from(Buffer.from(text)));
}

function listOf(value: string | undefined): readonly string[] {
  return (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
