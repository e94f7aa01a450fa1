import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { qrCode, type VpnProfile, writeMobileConfig, writeSswan } from '@ipsec-kit/profiles';
import { VpnError } from '@ipsec-kit/vpn';
import { readSections } from '@ipsec-kit/vpn/swanctl';
import { readWholeFile, SECRET_MODE, writeNewFiles } from '../files/new-file.ts';
import { readPassword } from '../files/read-password.ts';
import { readCertificateFile } from '../pki/authority.ts';
import { connectionProfile, findConnection } from './connection-profile.ts';
import { importProfile } from './import-profile.ts';
import type { ExportArguments, ProfileRequest } from './profile-commands.ts';
import type { ProfileOutcome } from './profile-outcome.ts';

const MAX_P12_BYTES = 262_144;

/** Does what `ipsec-kit profile` was asked to. @throws VpnError */
export function runProfile(request: ProfileRequest): Promise<ProfileOutcome> {
  return request.action === 'import' ? importProfile(request.args) : exportProfile(request.args);
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

/** Without the spaces that are for people: a code takes few bytes. In ASCII: a code does not say how its letters are encoded, and readers
 * guess.
 */
function codeOf(json: string): string {
  const ascii = JSON.stringify(JSON.parse(json)).replace(
    /[^ -~]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const code = qrCode(ascii);
  if (!code.ok) throw new VpnError('config', code.sentence);
  return `${code.lines}\n`;
}

function caPath(base: string, file: string): string {
  if (isAbsolute(file)) return file;
  const inDirectory = join(base, 'x509ca', file);
  return existsSync(inDirectory) ? inDirectory : join(base, file);
}
