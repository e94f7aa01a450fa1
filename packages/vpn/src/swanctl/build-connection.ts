import type { ProblemList } from '../compile/config-problem.ts';
import { TTLS_INNERS } from '../eap/eap-setting.ts';
import type { AuthenticationOptions, ChildOptions, ConnectionOptions } from '../options.ts';
import type { BuiltSettings } from './build-settings.ts';
import type { CredentialDirectory, CredentialFiles } from './credential-files.ts';
import { type PositionMap, present, SettingsReader } from './settings-reader.ts';
import type { SettingsSection } from './settings-tree.ts';

/** Makes the options of one connection.
 * @param common - what is so where a connection or child says nothing.
 * @returns `undefined` when it cannot be told how a side proves who it is; that went to `problems`.
 */
export function buildConnection(
  name: string,
  section: SettingsSection,
  common: BuiltSettings | undefined,
  positions: PositionMap,
  problems: ProblemList,
  files: CredentialFiles,
): ConnectionOptions | undefined {
  const path = `connections.${name}`;
  const reader = new SettingsReader(section, path, path, positions);
  const local = buildAuthentication('local', section, path, positions, problems, files);
  const remote = buildAuthentication('remote', section, path, positions, problems, files);
  const children = buildChildren(section, path, common?.replayWindow, positions);
  if (!local || !remote) return undefined;
  const ttlsCert = common?.ttlsCert === true && /^eap(-ttls|-dynamic)?$/.test(remote.auth ?? '');
  const rest = present({
    localAddrs: reader.list('local_addrs', 'localAddrs'),
    remoteAddrs: reader.list('remote_addrs', 'remoteAddrs'),
    localPort: reader.integer('local_port', 'localPort'),
    remotePort: reader.integer('remote_port', 'remotePort'),
    proposals: reader.list('proposals'),
    legacy: reader.boolean('legacy'),
    ppkId: reader.text('ppk_id', 'ppkId'),
    ppkIdType: reader.choice('ppk_id_type', 'ppkIdType', ['fixed', 'opaque'] as const),
    ppkRequired: reader.boolean('ppk_required', 'ppkRequired'),
    vips: reader.list('vips'),
    pools: reader.list('pools'),
    encap: reader.boolean('encap'),
    mobike: reader.boolean('mobike'),
    keepaliveKind: reader.choice('keepalive_kind', 'keepaliveKind', [
      'byte',
      'esp',
      'dpd',
    ] as const),
    updateOnConnectivity: reader.boolean('update_on_connectivity', 'updateOnConnectivity'),
    bindingDiscovery: reader.boolean('binding_discovery', 'bindingDiscovery'),
    peerPathCheck: reader.boolean('peer_path_check', 'peerPathCheck'),
    ifUnheard: reader.choice('if_unheard', 'ifUnheard', ['return', 'stay'] as const),
    fragmentation: reader.choice('fragmentation', 'fragmentation', [
      'yes',
      'accept',
      'force',
      'no',
    ] as const),
    dpdDelayMs: reader.timeMs('dpd_delay', 'dpdDelayMs'),
    dpdTimeoutMs: reader.timeMs('dpd_timeout', 'dpdTimeoutMs'),
    keyingTries: reader.integer('keyingtries', 'keyingTries'),
    sendCert: sendCert(reader),
    sendCertreq: reader.boolean('send_certreq', 'sendCertreq'),
    ocsp: reader.choice('ocsp', 'ocsp', ['never', 'reply', 'request', 'both'] as const),
    unique: reader.choice('unique', 'unique', ['never', 'no', 'keep', 'replace'] as const),
    childless: reader.choice('childless', 'childless', [
      'allow',
      'prefer',
      'force',
      'never',
    ] as const),
    rekeyTimeMs: reader.timeMs('rekey_time', 'rekeyTimeMs'),
    reauthTimeMs: reader.timeMs('reauth_time', 'reauthTimeMs'),
    overTimeMs: reader.timeMs('over_time', 'overTimeMs'),
    randTimeMs: reader.timeMs('rand_time', 'randTimeMs'),
  });
  return { ...rest, local, remote: { ...(ttlsCert ? { ttlsCert } : {}), ...remote }, children };
}

/** The one round of a side, whatever its suffix. */
function buildAuthentication(
  side: 'local' | 'remote',
  connection: SettingsSection,
  path: string,
  positions: PositionMap,
  problems: ProblemList,
  files: CredentialFiles,
): AuthenticationOptions | undefined {
  const rounds = [...connection.sections].filter(([name]) => name.startsWith(side));
  const [first, second] = rounds;
  if (!first) {
    const sentence = `the section "${side}" is missing: write ${side} { auth = psk } or ${side} { auth = pubkey }`;
    const position = connection.at;
    problems.add({ code: 'missing-value', path: `${path}.${side}`, position, sentence });
    return undefined;
  }
  if (second) {
    const sentence = `several rounds of authentication are not supported: keep one section "${side}"`;
    const position = second[1].at;
    problems.add({ code: 'not-supported', path: `${path}.${second[0]}`, position, sentence });
  }
  const [name, section] = first;
  const reader = new SettingsReader(section, `${path}.${name}`, `${path}.${side}`, positions);
  const named = (key: string, directory: CredentialDirectory) => {
    const names = reader.list(key);
    const position = section.values.get(key)?.at;
    return names && files.named(names, directory, `${path}.${name}.${key}`, position);
  };
  const own = {
    auth: reader.text('auth') ?? 'pubkey',
    ...present({
      id: reader.text('id'),
      eapId: reader.text('eap_id', 'eapId'),
      certs: named('certs', 'x509'),
      pubkeys: named('pubkeys', 'pubkey'),
    }),
  };
  if (side === 'local') {
    const inner = reader.choice('ttls_inner', 'ttlsInner', TTLS_INNERS);
    return { ...own, ...present({ aaaId: reader.text('aaa_id', 'aaaId'), ttlsInner: inner }) };
  }
  const words = ['strict', 'ifuri', 'relaxed'] as const;
  const revocation = reader.choice('revocation', 'revocation', words);
  return {
    ...own,
    ...present({
      cacerts: named('cacerts', 'x509ca'),
      revocation,
      ttlsCert: reader.boolean('ttls_cert', 'ttlsCert'),
      revalidation: reader.choice('revalidation', 'revalidation', [
        'close',
        'alert',
        'grace',
      ] as const),
      revalidationGraceMs: reader.timeMs('revalidation_grace', 'revalidationGraceMs'),
      revalidationTimeMs: reader.timeMs('revalidation_time', 'revalidationTimeMs'),
    }),
  };
}

function buildChildren(
  connection: SettingsSection,
  path: string,
  replayWindow: number | undefined,
  positions: PositionMap,
): Readonly<Record<string, ChildOptions>> {
  const children = connection.sections.get('children');
  if (!children) return {};
  positions.set(`${path}.children`, { path: `${path}.children`, position: children.at });
  const entries = [...children.sections].map(([name, section]): [string, ChildOptions] => {
    const at = `${path}.children.${name}`;
    return [name, buildChild(new SettingsReader(section, at, at, positions), replayWindow)];
  });
  return Object.fromEntries(entries);
}

function buildChild(reader: SettingsReader, replayWindow: number | undefined): ChildOptions {
  return present({
    localTs: reader.list('local_ts', 'localTs'),
    remoteTs: reader.list('remote_ts', 'remoteTs'),
    espProposals: reader.list('esp_proposals', 'espProposals'),
    mode: reader.choice('mode', 'mode', ['tunnel', 'transport'] as const),
    replayWindow: reader.integer('replay_window', 'replayWindow') ?? replayWindow,
    tfcPadding: tfcPadding(reader),
    copyDscp: copyDscp(reader),
    rekeyTimeMs: reader.timeMs('rekey_time', 'rekeyTimeMs'),
    lifeTimeMs: reader.timeMs('life_time', 'lifeTimeMs'),
    randTimeMs: reader.timeMs('rand_time', 'randTimeMs'),
    rekeyBytes: reader.bytes('rekey_bytes', 'rekeyBytes'),
    lifeBytes: reader.bytes('life_bytes', 'lifeBytes'),
    randBytes: reader.bytes('rand_bytes', 'randBytes'),
    rekeyPackets: reader.integer('rekey_packets', 'rekeyPackets'),
    lifePackets: reader.integer('life_packets', 'lifePackets'),
    randPackets: reader.integer('rand_packets', 'randPackets'),
    startAction: startAction(reader),
    dpdAction: lossAction(reader, 'dpd_action', 'dpdAction'),
    closeAction: lossAction(reader, 'close_action', 'closeAction'),
  });
}

/** The words with `send` are those of before. */
function sendCert(reader: SettingsReader): 'ifasked' | 'always' | 'never' | undefined {
  const words = [
    'always',
    'never',
    'ifasked',
    'always_send',
    'send_if_asked',
    'never_send',
  ] as const;
  switch (reader.choice('send_cert', 'sendCert', words)) {
    case 'always':
    case 'always_send':
      return 'always';
    case 'never':
    case 'never_send':
      return 'never';
    case 'ifasked':
    case 'send_if_asked':
      return 'ifasked';
    case undefined:
      return undefined;
  }
}

/** A number of bytes, or `mtu`; anything else is no number and refused as such. */
function tfcPadding(reader: SettingsReader): number | 'mtu' | undefined {
  const isMtu = reader.text('tfc_padding', 'tfcPadding')?.trim().toLowerCase() === 'mtu';
  if (isMtu) return 'mtu';
  return reader.text('tfc_padding') === undefined
    ? undefined
    : (reader.integer('tfc_padding', 'tfcPadding') ?? Number.NaN);
}

/** Whether it goes out; into packets that come in it is never copied. */
function copyDscp(reader: SettingsReader): boolean | undefined {
  const words = [
    'out',
    'in',
    'yes',
    'no',
    'true',
    'false',
    '0',
    '1',
    'enabled',
    'disabled',
  ] as const;
  switch (reader.choice('copy_dscp', 'copyDscp', words)) {
    case undefined:
      return undefined;
    case 'out':
    case 'yes':
    case 'true':
    case '1':
    case 'enabled':
      return true;
    default:
      return false;
  }
}

/** `route` is another word for trap. */
function startAction(reader: SettingsReader): 'none' | 'trap' | 'start' | undefined {
  const words = ['none', 'start', 'trap', 'route'] as const;
  const word = reader.choice('start_action', 'startAction', words);
  return word === 'route' ? 'trap' : word;
}

/** `clear` is another word for none, `route` and `hold` for trap, and `restart` for start. */
function lossAction(
  reader: SettingsReader,
  key: string,
  option: string,
): 'none' | 'trap' | 'start' | undefined {
  const words = ['none', 'clear', 'trap', 'route', 'hold', 'start', 'restart'] as const;
  switch (reader.choice(key, option, words)) {
    case 'none':
    case 'clear':
      return 'none';
    case 'trap':
    case 'route':
    case 'hold':
      return 'trap';
    case 'start':
    case 'restart':
      return 'start';
    case undefined:
      return undefined;
  }
}
