import { webcrypto } from 'node:crypto';
import { basename } from 'node:path';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import {
  MAX_PROFILE_LETTERS,
  readMobileConfig,
  readSswan,
  sectionName,
  swanctlText,
  type VpnProfile,
} from '@ipsec-kit/profiles';
import { VpnError } from '@ipsec-kit/vpn';
import { readCertificate, readKeyFile } from '@ipsec-kit/x509';
import { writePem } from '@ipsec-kit/x509/issue';
import { nodeOldCiphers } from '@ipsec-kit/x509/node';
import {
  type NewFile,
  PUBLIC_MODE,
  readWholeFile,
  SECRET_MODE,
  writeNewFiles,
} from '../files/new-file.ts';
import { readPassword } from '../files/read-password.ts';
import type { ImportArguments } from './profile-commands.ts';
import type { ProfileOutcome } from './profile-outcome.ts';

/** Writes a profile as swanctl.conf, with its certificates beside it. @throws VpnError */
export async function importProfile(args: ImportArguments): Promise<ProfileOutcome> {
  const { file, output } = args;
  const bytes = readWholeFile(file, MAX_PROFILE_LETTERS);
  const text = Buffer.from(bytes).toString('utf8');
  const read = /^[\uFEFF\s]*[{[]/.test(text) ? readSswan(text) : readMobileConfig(text);
  if (!read.ok) throw new VpnError('config', `${file}: ${read.sentence}`);
  const profile = await withPassword(read.profile, args);
  const path = output ?? `${sectionName(profile.name)}.conf`;
  const stem = path.replace(/\.conf$/, '');
  const own = await ownCertificates(profile, `${stem}.p12`, args);
  const authorities = profile.caCertificates.map((der, index) =>
    certificateFile(`${stem}.ca${index === 0 ? '' : index + 1}.pem`, [der]),
  );
  const leaf =
    own.certificates.length > 0 ? [certificateFile(`${stem}.cert.pem`, own.certificates)] : [];
  const bundle = profile.pkcs12
    ? [{ path: `${stem}.p12`, content: profile.pkcs12, mode: SECRET_MODE }]
    : [];
  const [certificate, pkcs12] = [leaf[0], bundle[0]].map((one) => one && basename(one.path));
  const names = {
    caCertificates: authorities.map((one) => basename(one.path)),
    ...(certificate === undefined ? {} : { certificate }),
    ...(pkcs12 === undefined ? {} : { pkcs12 }),
  };
  const files = [...authorities, ...leaf, ...bundle];
  const content = swanctlText(profile, names);
  writeNewFiles([{ path, content, mode: SECRET_MODE }, ...files]);
  return {
    text: `${profile.name}: ${[path, ...files.map((one) => one.path)].join(', ')}\n`,
    notes: [
      ...read.notes,
      ...own.notes,
      ...missingFrom(profile),
      `next: ipsec-kit doctor --config ${path}`,
    ],
  };
}

function certificateFile(path: string, ders: readonly Uint8Array[]): NewFile {
  const content = ders.map((der) => writePem('CERTIFICATE', der)).join('');
  return { path, content, mode: PUBLIC_MODE };
}

async function withPassword(
  profile: VpnProfile,
  { passwordFile }: ImportArguments,
): Promise<VpnProfile> {
  if (passwordFile === undefined) return profile;
  if (!profile.pkcs12) {
    throw new VpnError('config', 'The profile holds no key: leave --password-file out.');
  }
  const what = { file: passwordFile, option: '--password-file', what: 'the key in the profile' };
  const word = await readPassword(what);
  return { ...profile, pkcs12Password: Buffer.from(word.reveal()).toString('utf8') };
}

/** The certificates of this end in the PKCS #12 file of a profile, its own first; none, with a note, when that cannot be read here.
 * @throws VpnError when the password is missing, or a wrong one was given.
 */
async function ownCertificates(
  { pkcs12, pkcs12Password }: VpnProfile,
  path: string,
  { file, passwordFile }: ImportArguments,
): Promise<{ readonly certificates: readonly Uint8Array[]; readonly notes: readonly string[] }> {
  if (!pkcs12) return { certificates: [], notes: [] };
  const isGiven = passwordFile !== undefined;
  const word = pkcs12Password === undefined ? undefined : Buffer.from(pkcs12Password);
  const read = await readKeyFile(pkcs12, {
    ...(word ? { password: new KeyMaterial(Uint8Array.from(word)) } : {}),
    webCrypto: webcrypto,
    oldCiphers: nodeOldCiphers,
  });
  if (!read.ok) {
    const isAsked = read.code === 'needs-password' || (isGiven && read.code === 'wrong-password');
    if (!isAsked) return { certificates: [], notes: [`${path}: ${read.sentence}`] };
    const what = isGiven ? 'is not that of the key in the profile' : 'of its key is needed';
    throw new VpnError(
      'config',
      `${file}: the password ${what}: write it into a file, and give --password-file FILE.`,
    );
  }
  const parsed = read.certificates.flatMap((der) => {
    const result = readCertificate(der);
    return result.ok ? [result.certificate] : [];
  });
  const publicKeys = read.keys.flatMap((key) => {
    const imported = createNodeSignatures().importPrivateKey(key);
    return imported.ok ? [Buffer.from(imported.key.publicKey)] : [];
  });
  const own = parsed.filter((one) => publicKeys.some((key) => key.equals(one.publicKey)));
  // A root is of no use to the peer.
  const above = parsed.filter(
    (one) => !own.includes(one) && !Buffer.from(one.issuer).equals(one.subject),
  );
  return { certificates: [...own, ...above].map(({ der }) => der), notes: [] };
}

/** What a telephone asks its user for, or has itself, and a configuration has to hold. */
function missingFrom({ authentication, pkcs12, caCertificates }: VpnProfile): readonly string[] {
  const { kind } = authentication;
  if (kind === 'psk') {
    return 'secret' in authentication
      ? []
      : ['the profile holds no pre-shared key: add it to secrets'];
  }
  const needsPassword = kind === 'eap' || kind === 'certificate-and-eap';
  const user = 'user' in authentication ? authentication.user : undefined;
  return [
    ...(needsPassword && user === undefined
      ? ['the profile names no user: write eap_id = NAME into local']
      : []),
    ...(needsPassword && !('password' in authentication)
      ? [
          'the profile holds no password: add to secrets: eap-user { id = NAME, secret = "..." }, each on a line of its own',
        ]
      : []),
    ...(kind !== 'eap' && !pkcs12
      ? [
          'the profile holds no certificate of its user: write its file into local as certs, and its key into the directory private',
        ]
      : []),
    ...(caCertificates.length === 0
      ? [
          'the profile holds no CA: write the file of that which the server is certified by into remote as cacerts',
        ]
      : []),
  ];
}
