import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import {
  MAX_PROFILE_LETTERS,
  qrCode,
  readMobileConfig,
  readSswan,
  sectionName,
  swanctlText,
  type VpnProfile,
  writeMobileConfig,
  writeSswan,
} from '@ipsec-kit/profiles';
import { VpnError } from '@ipsec-kit/vpn';
import { readSections } from '@ipsec-kit/vpn/swanctl';
import { writePem } from '@ipsec-kit/x509/issue';
import { PUBLIC_MODE, readWholeFile, SECRET_MODE, writeNewFiles } from '../files/new-file.ts';
import { readPassword } from '../files/read-password.ts';
import { readCertificateFile } from '../pki/authority.ts';
import { connectionProfile, findConnection } from './connection-profile.ts';
import type { ExportArguments, ImportArguments, ProfileRequest } from './profile-commands.ts';

const MAX_P12_BYTES = 262_144;

/** What a command has to say: the thing itself, and remarks about it. */
export interface ProfileOutcome {
  /** For stdout. */
  readonly text: string;
  /** For stderr. */
  readonly notes: readonly string[];
}

/** Does what `ipsec-kit profile` was asked to. @throws VpnError */
export function runProfile(request: ProfileRequest): Promise<ProfileOutcome> {
  return request.action === 'import' ? importProfile(request.args) : exportProfile(request.args);
}

async function importProfile({ file, output }: ImportArguments): Promise<ProfileOutcome> {
  const text = Buffer.from(readWholeFile(file, MAX_PROFILE_LETTERS)).toString('utf8');
  const read = /^\s*\{/.test(text) ? readSswan(text) : readMobileConfig(text);
  if (!read.ok) throw new VpnError('config', `${file}: ${read.sentence}`);
  const { profile, notes } = read;
  const path = output ?? `${sectionName(profile.name)}.conf`;
  const stem = path.replace(/\.conf$/, '');
  const caCertificates = profile.caCertificates.map(
    (_, index) => `${stem}.ca${index === 0 ? '' : index + 1}.pem`,
  );
  const p12 = profile.pkcs12 ? `${stem}.p12` : undefined;
  const names = {
    caCertificates: caCertificates.map((one) => basename(one)),
    ...(p12 === undefined ? {} : { pkcs12: basename(p12) }),
  };
  writeNewFiles([
    { path, content: swanctlText(profile, names), mode: SECRET_MODE },
    ...profile.caCertificates.map((der, index) => ({
      path: caCertificates[index] ?? '',
      content: writePem('CERTIFICATE', der),
      mode: PUBLIC_MODE,
    })),
    ...(profile.pkcs12 && p12 !== undefined
      ? [{ path: p12, content: profile.pkcs12, mode: SECRET_MODE }]
      : []),
  ]);
  const written = [path, ...caCertificates, ...(p12 === undefined ? [] : [p12])].join(', ');
  const isUsable = profile.authentication.kind === 'psk';
  const todo = [
    ...(isUsable && !('secret' in profile.authentication)
      ? ['the profile holds no pre-shared key: add it to secrets']
      : []),
    `next: ipsec-kit doctor --config ${path}`,
  ];
  return { text: `${profile.name}: ${written}\n`, notes: [...notes, ...todo] };
}

async function exportProfile(args: ExportArguments): Promise<ProfileOutcome> {
  const { output, format } = args;
  const sections = readSections({ configFile: args.config });
  if (!sections.ok)
    throw new VpnError('config', sections.errors.map(({ message }) => message).join('\n'));
  const { name, section } = findConnection(sections.root, args.connection);
  const { profile, caFiles } = connectionProfile(sections.root, name, section, {
    server: args.server,
    identity: args.identity,
    withSecrets: args.withSecrets ?? false,
  });
  const base = dirname(args.config);
  const certificates = await Promise.all(
    caFiles.map((file) => readCertificateFile(caPath(base, file))),
  );
  const whole: VpnProfile = {
    ...profile,
    uuid: randomUUID(),
    caCertificates: certificates.map(({ der }) => der),
    ...(await identityOf(args)),
  };
  const uuids = Array.from({ length: certificates.length + 3 }, () => randomUUID());
  const written = format === 'mobileconfig' ? writeMobileConfig(whole, uuids) : writeSswan(whole);
  if (!written.ok) throw new VpnError('config', written.sentence);
  const text = format === 'qr' ? codeOf(written.text) : written.text;
  if (output === undefined) return { text, notes: written.notes };
  writeNewFiles([{ path: output, content: text, mode: SECRET_MODE }]);
  return { text: `${output}: the profile of ${name}, mode 0600\n`, notes: written.notes };
}

async function identityOf({ p12, passwordFile }: ExportArguments): Promise<Partial<VpnProfile>> {
  if (p12 === undefined) {
    if (passwordFile === undefined) return {};
    throw new VpnError(
      'config',
      '--password-file is the password of a PKCS #12 file: give --p12 FILE as well.',
    );
  }
  const pkcs12 = readWholeFile(p12, MAX_P12_BYTES);
  if (passwordFile === undefined) return { pkcs12 };
  const what = { file: passwordFile, option: '--password-file', what: p12 };
  return {
    pkcs12,
    pkcs12Password: Buffer.from((await readPassword(what)).reveal()).toString('utf8'),
  };
}

/** Without the spaces that are for people: a code takes few bytes. */
function codeOf(json: string): string {
  const code = qrCode(JSON.stringify(JSON.parse(json)));
  if (!code.ok) throw new VpnError('config', code.sentence);
  return `${code.lines}\n`;
}

function caPath(base: string, file: string): string {
  if (isAbsolute(file)) return file;
  const inDirectory = join(base, 'x509ca', file);
  return existsSync(inDirectory) ? inDirectory : join(base, file);
}
