import type { ProblemList } from '../compile/config-problem.ts';
import type { AuthorityOptions, KeyOptions, VpnOptions } from '../options.ts';
import type { CredentialFile, CredentialFiles } from './credential-files.ts';
import { parseSecretText } from './secret-text.ts';
import { type PositionMap, present, SettingsReader } from './settings-reader.ts';
import type { SettingsSection } from './settings-tree.ts';

/** The directories with private keys; a section of `secrets` whose name begins so has the passphrase of one. */
const KEY_KINDS = ['private', 'rsa', 'ecdsa', 'pkcs8', 'pkcs12'] as const;

/** Makes the options of keys and certificates: all files in the directories beside the configuration, and those that `secrets` and
 * `authorities` name.
 */
export function buildCredentials(
  root: SettingsSection,
  files: CredentialFiles,
  positions: PositionMap,
  problems: ProblemList,
): Pick<VpnOptions, 'keys' | 'certificates' | 'authorities' | 'crls'> {
  return present({
    keys: filled(buildKeys(root.sections.get('secrets'), files, positions, problems)),
    certificates: filled(files.all('x509')),
    authorities: filled(buildAuthorities(root.sections.get('authorities'), files, positions)),
    crls: filled(files.all('x509crl')),
  });
}

function buildKeys(
  secrets: SettingsSection | undefined,
  files: CredentialFiles,
  positions: PositionMap,
  problems: ProblemList,
): readonly KeyOptions[] {
  const keys = new Map<string, KeyOptions>();
  const add = ({ name, data }: CredentialFile, secret?: string | Uint8Array): void => {
    keys.set(name, { name, data, ...(secret === undefined ? {} : { secret }) });
  };
  for (const kind of KEY_KINDS) for (const file of files.all(kind)) add(file);
  for (const [name, section] of secrets?.sections ?? []) {
    const kind = KEY_KINDS.find((one) => name.startsWith(one));
    if (!kind) continue;
    const path = `secrets.${name}`;
    const reader = new SettingsReader(section, path, `keys.${name}`, positions);
    const file = reader.text('file');
    const text = reader.text('secret');
    const secret = text === undefined ? undefined : parseSecretText(text);
    const position = section.values.get('file')?.at ?? section.at;
    if (text !== undefined && secret === undefined) {
      const sentence = 'expected hexadecimal digits after 0x, or Base64 after 0s';
      problems.add({ code: 'invalid-value', path: `${path}.secret`, position, sentence });
    }
    if (file === undefined) {
      const sentence = 'the name of the file with the private key is missing: write file = ...';
      problems.add({ code: 'missing-value', path: `${path}.file`, position, sentence });
      continue;
    }
    for (const found of files.named([file], kind, `${path}.file`, position)) add(found, secret);
  }
  return [...keys.values()];
}

function buildAuthorities(
  section: SettingsSection | undefined,
  files: CredentialFiles,
  positions: PositionMap,
): readonly AuthorityOptions[] {
  const found = new Map<string, AuthorityOptions>();
  for (const file of files.all('x509ca')) found.set(file.name, { cacert: file });
  for (const [name, one] of section?.sections ?? []) {
    const path = `authorities.${name}`;
    const reader = new SettingsReader(one, path, path, positions);
    const named = reader.text('cacert') ?? reader.text('file');
    if (named === undefined) continue;
    const position = one.values.get('cacert')?.at ?? one.at;
    const places = present({
      crlUris: reader.list('crl_uris', 'crlUris'),
      ocspUris: reader.list('ocsp_uris', 'ocspUris'),
    });
    for (const cacert of files.named([named], 'x509ca', `${path}.cacert`, position)) {
      found.set(cacert.name, { cacert, ...places });
    }
  }
  return [...found.values()];
}

function filled<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}
