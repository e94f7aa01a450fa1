import type { ProblemList } from '../compile/config-problem.ts';
import type { ConnectionOptions, PoolOptions, SecretOptions, VpnOptions } from '../options.ts';
import { buildConnection } from './build-connection.ts';
import { buildCredentials } from './build-credentials.ts';
import { buildSettings } from './build-settings.ts';
import type { CredentialFiles } from './credential-files.ts';
import { parseSecretText } from './secret-text.ts';
import { type PositionMap, present, SettingsReader } from './settings-reader.ts';
import { createSection, type SettingsSection } from './settings-tree.ts';

/** What {@link buildOptions} makes. */
export interface BuiltOptions {
  readonly options: VpnOptions;
  readonly positions: PositionMap;
}

/** Makes options out of checked trees. What is missing, or said twice, goes to `problems`.
 * @param settings - the tree of strongswan.conf, if there is one.
 * @param files - where keys and certificates are.
 */
export function buildOptions(
  root: SettingsSection,
  settings: SettingsSection | undefined,
  problems: ProblemList,
  files: CredentialFiles,
): BuiltOptions {
  const positions: PositionMap = new Map();
  const section = (name: string): SettingsSection => {
    const found = root.sections.get(name) ?? createSection(root.at);
    positions.set(name, { path: name, position: found.at });
    return found;
  };
  const common = settings && buildSettings(settings, positions);
  const connections: [string, ConnectionOptions][] = [];
  for (const [name, one] of section('connections').sections) {
    const built = buildConnection(name, one, common, positions, problems, files);
    if (built) connections.push([name, built]);
  }
  const pools = [...section('pools').sections].map(([name, one]): [string, PoolOptions] => [
    name,
    buildPool(name, one, positions),
  ]);
  const secrets = buildSecrets('ike', 'secrets', section('secrets'), positions, problems).map(
    ({ ids, secret }) => (ids.length === 0 ? { secret } : { ids, secret }),
  );
  const ppks = buildSecrets('ppk', 'ppks', section('secrets'), positions, problems);
  const eapSecrets = buildSecrets('eap', 'eapSecrets', section('secrets'), positions, problems);
  const options: VpnOptions = {
    connections: Object.fromEntries(connections),
    secrets,
    ...(eapSecrets.length === 0 ? {} : { eapSecrets }),
    ...(ppks.length === 0 ? {} : { ppks }),
    ...buildCredentials(root, files, positions, problems),
    ...(connections.some(hasCertificate) ? { crlSource: () => files.readAgain('x509crl') } : {}),
    pools: Object.fromEntries(pools),
    ...(common ? { settings: common.settings } : {}),
    ...(common?.radius ? { radius: common.radius } : {}),
  };
  return { options, positions };
}

function hasCertificate([, { remote }]: readonly [string, ConnectionOptions]): boolean {
  return remote.auth !== 'psk';
}

/** The secrets whose section begins with a word. */
function buildSecrets(
  kind: 'ike' | 'eap' | 'ppk',
  option: 'secrets' | 'eapSecrets' | 'ppks',
  section: SettingsSection,
  positions: PositionMap,
  problems: ProblemList,
): readonly (SecretOptions & { readonly ids: readonly string[] })[] {
  const secrets: (SecretOptions & { readonly ids: readonly string[] })[] = [];
  for (const [name, one] of section.sections) {
    if (!name.startsWith(kind)) continue;
    const path = `secrets.${name}`;
    const reader = new SettingsReader(one, path, `${option}[${secrets.length}]`, positions);
    const ids = [...one.values.keys()]
      .filter((key) => key.startsWith('id'))
      .flatMap((key) => reader.text(key, 'ids') ?? []);
    const text = reader.text('secret');
    const secret = text === undefined ? undefined : parseSecretText(text);
    if (secret === undefined || secret.length === 0) {
      const sentence =
        text === undefined || text === ''
          ? 'the secret is missing: write secret = "..."'
          : 'expected hexadecimal digits after 0x, or Base64 after 0s';
      const code = text === undefined || text === '' ? 'missing-value' : 'invalid-value';
      const position = one.values.get('secret')?.at ?? one.at;
      problems.add({ code, path: `${path}.secret`, position, sentence });
    } else {
      secrets.push({ ids, secret });
    }
  }
  return secrets;
}

function buildPool(name: string, section: SettingsSection, positions: PositionMap): PoolOptions {
  const reader = new SettingsReader(section, `pools.${name}`, `pools.${name}`, positions);
  const attributes = [...section.values.keys()]
    .filter((key) => /^\d+$/.test(key))
    .flatMap((key) => {
      const value = reader.text(key, 'attributes');
      return value === undefined ? [] : [{ type: Number(key), value }];
    });
  return {
    addrs: reader.text('addrs') ?? '',
    ...present({
      dns: reader.list('dns'),
      nbns: reader.list('nbns'),
      dhcp: reader.list('dhcp'),
      netmask: reader.list('netmask'),
      subnet: reader.list('subnet'),
      attributes: attributes.length === 0 ? undefined : attributes,
    }),
  };
}
