import { base64 } from '@scure/base';
import { FieldReader, refuse } from './field-reader.ts';
import {
  MAX_PROFILE_LETTERS,
  type ProfileAuthentication,
  type ProfileResult,
  type ProfileText,
  type VpnProfile,
} from './profile.ts';

const KINDS: Readonly<Record<string, ProfileAuthentication['kind']>> = {
  'ikev2-eap': 'eap',
  'ikev2-cert': 'certificate',
  'ikev2-cert-eap': 'certificate-and-eap',
  'ikev2-eap-tls': 'eap-tls',
};
/** The same with a measurement of the device, which has no counterpart here. */
const BYOD = 'ikev2-byod-eap';
/** Fields that are understood; the others are noted, since a telephone would do something with them. */
const KNOWN = {
  profile: [
    ...['uuid', 'name', 'type', 'remote', 'local', 'split-tunneling'],
    ...['ike-proposal', 'esp-proposal'],
  ],
  // What is asked for with CERTREQ is what is believed, here.
  remote: ['addr', 'port', 'id', 'cert', 'certreq', 'revocation'],
  local: ['eap_id', 'id', 'p12'],
  split: ['subnets'],
  revocation: ['strict'],
} as const;

/** Reads a profile of the strongSwan app for Android (`.sswan`, JSON). Never throws. */
export function readSswan(text: string): ProfileResult {
  if (text.length > MAX_PROFILE_LETTERS)
    return refuse('The profile is longer than a profile can be.');
  // Editors of Windows begin a file with U+FEFF.
  const parsed = parseJson(text.replace(/^\uFEFF/, ''));
  if (parsed === undefined)
    return refuse('The profile is not JSON, which a .sswan file has to be.');
  const fields = new FieldReader(parsed);
  const remote = fields.inside('remote');
  const local = fields.inside('local');
  const split = fields.inside('split-tunneling');
  const revocation = remote.inside('revocation');
  const type = fields.text('type');
  const kind = type === BYOD ? 'eap' : KINDS[type ?? ''];
  const server = remote.text('addr');
  const name = fields.text('name');
  if (kind === undefined) {
    return refuse(
      `The type of the profile is not one of ${Object.keys(KINDS).join(', ')}: it is no .sswan file for a VPN of this kind.`,
    );
  }
  if (name === undefined || server === undefined)
    return refuse('The profile lacks name or remote.addr.');
  const user = local.text('eap_id');
  const certificate = remote.bytes('cert');
  const profile: VpnProfile = {
    name,
    ...optional('uuid', fields.text('uuid')),
    server,
    ...optional('port', remote.number('port', 1, 65_535)),
    ...optional('remoteId', remote.text('id')),
    ...optional('localId', local.text('id')),
    authentication: { kind, ...(user === undefined ? {} : { user }) },
    ...optional('pkcs12', local.bytes('p12')),
    caCertificates: certificate ? [certificate] : [],
    ikeProposals: fields.texts('ike-proposal'),
    espProposals: fields.texts('esp-proposal'),
    remoteSubnets: split.texts('subnets'),
    ...(revocation.boolean('strict') ? { revocation: 'strict' } : {}),
  };
  if (fields.faults.length > 0)
    return refuse(`The profile is malformed: ${fields.faults.join('; ')}.`);
  const dropped = [
    ...fields.others(KNOWN.profile),
    ...remote.others(KNOWN.remote),
    ...local.others(KNOWN.local),
    ...split.others(KNOWN.split),
    ...revocation.others(KNOWN.revocation),
    ...(type === BYOD ? ['the measurement of the device'] : []),
  ];
  const notes =
    dropped.length === 0
      ? []
      : [`left out, since it has no counterpart here: ${dropped.join(', ')}`];
  return { ok: true, profile, notes };
}

/** Writes a profile for the strongSwan app. It knows no pre-shared keys, and takes one CA certificate and no password. */
export function writeSswan(profile: VpnProfile): ProfileText {
  const { authentication, caCertificates, uuid, ikeProposals, espProposals } = profile;
  const { kind } = authentication;
  const type = Object.keys(KINDS).find((key) => KINDS[key] === kind);
  if (type === undefined) {
    return refuse(
      'The strongSwan app for Android knows no pre-shared keys: use certificates or EAP, or export for Apple devices.',
    );
  }
  if (uuid === undefined) return refuse('A .sswan profile needs a UUID.');
  const [ca, ...more] = caCertificates;
  const user = 'user' in authentication ? authentication.user : undefined;
  const value = {
    uuid,
    name: profile.name,
    type,
    remote: {
      addr: profile.server,
      ...optional('port', profile.port),
      ...optional('id', profile.remoteId),
      ...(ca ? { cert: base64.encode(ca) } : {}),
      ...(profile.revocation ? { revocation: { strict: true } } : {}),
    },
    local: {
      ...optional('eap_id', user),
      ...optional('id', profile.localId),
      ...(profile.pkcs12 ? { p12: base64.encode(profile.pkcs12) } : {}),
    },
    // The app offers one list of algorithms, not several.
    ...optional('ike-proposal', ikeProposals[0]),
    ...optional('esp-proposal', espProposals[0]),
    ...(profile.remoteSubnets.length > 0
      ? { 'split-tunneling': { subnets: [...profile.remoteSubnets] } }
      : {}),
  };
  const notes = [
    ...(more.length > 0 ? ['only the first CA certificate is in it'] : []),
    ...(ikeProposals.length > 1 || espProposals.length > 1
      ? ['only the first proposals are in it']
      : []),
    ...(profile.pkcs12 ? ['the app asks for the password of the PKCS #12 file'] : []),
  ];
  return { ok: true, text: `${JSON.stringify(value, null, 2)}\n`, notes };
}

function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function optional<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T };
function optional(key: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [key]: value };
}
