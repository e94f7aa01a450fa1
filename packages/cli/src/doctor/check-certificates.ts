import { certificateVouchesFor, formatIdentity, parseIdentity } from '@ipsec-kit/auth';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import type { ConfigSection } from '@ipsec-kit/vpn/swanctl';
import { type Certificate, namesOf } from '@ipsec-kit/x509';
import { checkChain } from './check-chain.ts';
import { type ContainedCertificate, checkKeys, type FoundKeys } from './check-keys.ts';
import { checkLists } from './check-lists.ts';
import { type CredentialReader, createCredentialReader } from './credential-reader.ts';
import { type Finding, type Findings, findingsAbout } from './finding.ts';

const DAY_MS = 86_400_000;
const SOON_MS = 30 * DAY_MS;
const MAX_FILES = 100;

/** Looks at the certificates, keys and CRLs that a configuration names: whether they can be read and fit each other, their dates, their
 * chains, and whether they vouch for the configured identities. @returns nothing when the configuration names none.
 */
export async function checkCertificates(
  configFile: string,
  root: ConfigSection,
  nowMs: number,
): Promise<readonly Finding[]> {
  const all: Finding[] = [];
  const reader = createCredentialReader(configFile, root);
  const keys = await checkKeys(configFile, root, reader, all);
  const lists = checkLists(reader, nowMs, all);
  const known = await readIntermediates(reader);
  for (const [name, connection] of root.sections.get('connections')?.sections ?? []) {
    const findings = findingsAbout(`connection ${name}`);
    const anchors = await readAnchors(root, connection, reader, findings, nowMs);
    const role = goesSomewhere(connection) ? 'client' : 'server';
    for (const [side, section] of connection.sections) {
      if (!/^(local|remote)/.test(side)) continue;
      const files = listOf(section.values.get('certs'));
      const shown = files.length > 0 || !side.startsWith('local') ? [] : ownIn(keys, section);
      for (const file of [...files, ...new Set(shown.map((one) => one.file))]) {
        const inside = shown.flatMap((one) => (one.file === file ? [one.certificate] : []));
        const [certificate, ...more] =
          inside.length > 0 ? inside : await reader.certificates(file, 'x509', findings);
        if (!certificate) continue;
        checkDates(certificate, file, findings, nowMs);
        checkName(certificate, file, nameOf(section), findings);
        // That of the peer is believed for being named: no CA is asked.
        if (!side.startsWith('local')) continue;
        const intermediates = [...more.filter(({ extensions }) => extensions.isCa), ...known];
        const check = { certificate, file, anchors, intermediates, lists, role } as const;
        await checkChain(check, findings, nowMs);
        checkKey(certificate, file, keys.publicKeys, findings);
      }
    }
    all.push(...findings.list);
  }
  return all;
}

/** What PKCS #12 files hold for a side that names no certificate: their own first, with the CAs beside it. */
function ownIn(
  { publicKeys, certificates }: FoundKeys,
  { values }: ConfigSection,
): readonly ContainedCertificate[] {
  const isByCertificate = /^(pubkey|rsa|ecdsa|ed|eap-t?tls)/.test(values.get('auth') ?? 'pubkey');
  if (!isByCertificate || values.has('pubkeys')) return [];
  const hasKey = ({ certificate }: ContainedCertificate): boolean =>
    publicKeys.some((key) => Buffer.from(key).equals(certificate.publicKey));
  const own = certificates.filter(hasKey);
  const files = new Set(own.map(({ file }) => file));
  return [...own, ...certificates.filter((one) => !own.includes(one) && files.has(one.file))];
}

/** Whom a side's certificate has to name: inside of EAP that is who it says it is there. */
function nameOf({ values }: ConfigSection): string | undefined {
  const isEap = values.get('auth')?.startsWith('eap') === true;
  return (isEap ? values.get('eap_id') : undefined) ?? values.get('id');
}

/** Whether a connection names a peer to go to; otherwise it waits for its peers, as a server. */
function goesSomewhere(connection: ConfigSection): boolean {
  return listOf(connection.values.get('remote_addrs')).some((one) => !/[%/]/.test(one));
}

async function readAnchors(
  root: ConfigSection,
  connection: ConfigSection,
  reader: CredentialReader,
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
  const found = reader.filesIn('x509ca');
  const anchors: Certificate[] = [];
  for (const file of [...new Set([...named, ...found])].slice(0, MAX_FILES)) {
    for (const certificate of await reader.certificates(file, 'x509ca', findings)) {
      const { isCa } = certificate.extensions;
      checkDates(certificate, isCa ? `the CA of ${file}` : file, findings, nowMs);
      if (isCa) anchors.push(certificate);
      else
        findings.add(
          'error',
          `${file} is named as a CA, and is none`,
          'name the certificate of the CA instead',
        );
    }
  }
  return anchors;
}

/** CAs below the root that are sent along with own certificates. What cannot be read there is looked at where it is named. */
async function readIntermediates(reader: CredentialReader): Promise<readonly Certificate[]> {
  const read = reader
    .filesIn('x509')
    .map((file) => reader.certificates(file, 'x509', findingsAbout('x509')));
  return (await Promise.all(read)).flat().filter(({ extensions }) => extensions.isCa);
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

function listOf(value: string | undefined): readonly string[] {
  return (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
