import type { ProfileAuthentication, VpnProfile } from './profile.ts';

/** Files beside the configuration that it names. */
export interface ProfileFiles {
  /** One for each CA certificate. */
  readonly caCertificates: readonly string[];
  /** Certificate of this end. */
  readonly certificate?: string;
  readonly pkcs12?: string;
}

/** Writes a profile as swanctl.conf. The secrets of the profile are in it: the file is for its owner alone.
 * @param files - how the certificates of the profile are called beside it.
 */
export function swanctlText(profile: VpnProfile, files: ProfileFiles): string {
  const { authentication, server } = profile;
  const name = sectionName(profile.name);
  const remoteId = profile.remoteId ?? server;
  const subnets = profile.remoteSubnets.length > 0 ? profile.remoteSubnets : ['0.0.0.0/0', '::/0'];
  const isPsk = authentication.kind === 'psk';
  const rounds = localRounds(authentication, profile.localId, files.certificate);
  return text([
    'connections {',
    ...indented([
      `${name} {`,
      ...indented([
        `remote_addrs = ${value(server)}`,
        ...(profile.port === undefined ? [] : [`remote_port = ${profile.port}`]),
        'vips = 0.0.0.0, ::',
        ...list('proposals', profile.ikeProposals),
        ...(hasLegacy(profile) ? ['legacy = yes'] : []),
        ...(profile.mobike === false ? ['mobike = no'] : []),
        ...rounds,
        'remote {',
        ...indented([
          `auth = ${isPsk ? 'psk' : 'pubkey'}`,
          `id = ${value(remoteId)}`,
          ...(isPsk ? [] : list('cacerts', files.caCertificates)),
          ...(profile.revocation ? [`revocation = ${profile.revocation}`] : []),
        ]),
        '}',
        'children {',
        ...indented([
          'net {',
          ...indented([
            `remote_ts = ${subnets.map(value).join(', ')}`,
            ...list('esp_proposals', profile.espProposals),
          ]),
          '}',
        ]),
        '}',
      ]),
      '}',
    ]),
    '}',
    ...secretLines(profile, name, remoteId, files),
  ]);
}

/** What a configuration takes with `legacy = yes` alone. */
const LEGACY: ReadonlySet<string> = new Set(['3des', 'sha1', 'sha', 'prfsha1', 'modp1024']);

function hasLegacy({ ikeProposals, espProposals }: VpnProfile): boolean {
  return [...ikeProposals, ...espProposals].some((proposal) =>
    proposal
      .toLowerCase()
      .split('-')
      .some((keyword) => LEGACY.has(keyword)),
  );
}

function localRounds(
  authentication: ProfileAuthentication,
  id: string | undefined,
  certificate: string | undefined,
): readonly string[] {
  const certs = certificate === undefined ? [] : [`certs = ${value(certificate)}`];
  const own = id === undefined ? [] : [`id = ${value(id)}`];
  const user = 'user' in authentication ? authentication.user : undefined;
  const eap = (section: string, method: string): readonly string[] => [
    `${section} {`,
    ...indented([
      `auth = ${method}`,
      ...own,
      ...(method === 'eap-tls' ? certs : []),
      ...(user === undefined ? [] : [`eap_id = ${value(user)}`]),
    ]),
    '}',
  ];
  const plain = (auth: string): readonly string[] => [
    'local {',
    ...indented([`auth = ${auth}`, ...own, ...(auth === 'pubkey' ? certs : [])]),
    '}',
  ];
  switch (authentication.kind) {
    case 'psk':
      return plain('psk');
    case 'certificate':
      return plain('pubkey');
    case 'eap':
      return eap('local', 'eap-mschapv2');
    case 'eap-tls':
      return eap('local', 'eap-tls');
    case 'certificate-and-eap':
      return [...plain('pubkey'), ...eap('local-eap', 'eap-mschapv2')];
  }
}

function secretLines(
  { authentication, pkcs12Password, localId }: VpnProfile,
  name: string,
  remoteId: string,
  files: ProfileFiles,
): readonly string[] {
  const sections: string[] = [];
  if (authentication.kind === 'psk' && authentication.secret !== undefined) {
    const pair = [`id = ${value(remoteId)}`, `secret = ${secret(authentication.secret)}`];
    sections.push(`ike-${name} {`, ...indented(pair), '}');
  }
  if ('password' in authentication && authentication.password !== undefined) {
    const user = authentication.user ?? localId;
    const id = user === undefined ? [] : [`id = ${value(user)}`];
    sections.push(
      `eap-${name} {`,
      ...indented([...id, `secret = ${secret(authentication.password)}`]),
      '}',
    );
  }
  if (files.pkcs12 !== undefined) {
    const word = pkcs12Password === undefined ? [] : [`secret = ${secret(pkcs12Password)}`];
    sections.push(`pkcs12-${name} {`, ...indented([`file = ${value(files.pkcs12)}`, ...word]), '}');
  }
  return sections.length === 0 ? [] : ['secrets {', ...indented(sections), '}'];
}

/** The name of a section: letters of a profile's name that are syntax become `-`. */
export function sectionName(text: string): string {
  const name = text.replace(/[^A-Za-z0-9_-]+/g, '-').replace(/^-+|-+$/g, '');
  return name.slice(0, 64) || 'vpn';
}

function list(key: string, values: readonly string[]): readonly string[] {
  return values.length === 0 ? [] : [`${key} = ${values.map(value).join(', ')}`];
}

/** Words of harmless letters stand as they are, all else in quotes. */
function value(text: string): string {
  return /^[A-Za-z0-9_.:/@+%-]+$/.test(text) ? text : quoted(text);
}

/** A secret that begins with 0x or 0s would be decoded, and one between quotes keeps its letters. */
function secret(text: string): string {
  return /^0[xs]/i.test(text) ? `0x${hexOf(text)}` : quoted(text);
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, (letter) => `\\${letter}`)}"`;
}

function hexOf(text: string): string {
  const escaped = encodeURIComponent(text);
  return escaped.replace(/%([0-9A-F]{2})|[\s\S]/g, (letter, digits: string | undefined) =>
    digits === undefined
      ? letter.charCodeAt(0).toString(16).padStart(2, '0')
      : digits.toLowerCase(),
  );
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
