import { DOMParser } from '@xmldom/xmldom';
import { build, type PlistValue, parse } from 'plist';
import { espOf, ikeOf, proposalFromApple } from './apple-proposals.ts';
import { FieldReader, refuse } from './field-reader.ts';
import {
  MAX_PROFILE_LETTERS,
  type ProfileAuthentication,
  type ProfileResult,
  type ProfileText,
  type VpnProfile,
} from './profile.ts';

const VPN_PAYLOAD = 'com.apple.vpn.managed';
const PKCS12_PAYLOAD = 'com.apple.security.pkcs12';
const CA_PAYLOADS = [
  'com.apple.security.root',
  'com.apple.security.pkcs1',
  'com.apple.security.pem',
];

/** Fields that are understood, and those that change nothing here; the others are noted, since a device would do something with them. */
const KNOWN = {
  ike: [
    ...['RemoteAddress', 'RemoteIdentifier', 'LocalIdentifier', 'AuthenticationMethod'],
    ...['SharedSecret', 'ExtendedAuthEnabled', 'AuthName', 'AuthPassword', 'CertificateType'],
    ...['PayloadCertificateUUID', 'DisableMOBIKE', 'EnablePFS', 'DisableRedirect'],
    ...['IKESecurityAssociationParameters', 'ChildSecurityAssociationParameters'],
    // CRLs are looked at in any case, and the name of the server is always held against its certificate.
    ...['EnableCertificateRevocationCheck', 'ServerCertificateCommonName'],
  ],
  vpn: [
    ...['PayloadType', 'PayloadVersion', 'PayloadIdentifier', 'PayloadUUID'],
    ...['PayloadDisplayName', 'PayloadDescription', 'PayloadOrganization', 'PayloadEnabled'],
    ...['UserDefinedName', 'VPNType', 'VPNSubType', 'IKEv2'],
  ],
} as const;

/** Reads the IKEv2 payload of an Apple configuration profile (`.mobileconfig`, an XML property list). Never throws.
 * A signed profile, which is not XML, is refused with the command that takes the signature off.
 */
export function readMobileConfig(file: string): ProfileResult {
  const text = file.replace(/^\uFEFF/, '');
  if (text.length > MAX_PROFILE_LETTERS)
    return refuse('The profile is longer than a profile can be.');
  if (!/^\s*</.test(text)) return refuse(whatElse(text));
  if (!/<plist[\s>]/.test(text)) return refuse('The profile is XML, but no property list.');
  const parsed = parsePlist(text);
  if (parsed === undefined) return refuse('The property list of the profile is malformed XML.');
  const fields = new FieldReader(parsed);
  const payloads = fields.objects('PayloadContent');
  const isVpn = (one: FieldReader): boolean =>
    one.text('PayloadType') === VPN_PAYLOAD && one.text('VPNType') === 'IKEv2';
  const vpn = payloads.find(isVpn);
  if (vpn === undefined) return refuse('The profile has no VPN payload of type IKEv2.');
  const read = readVpn(vpn, fields, payloads);
  if (fields.faults.length > 0)
    return refuse(`The profile is malformed: ${fields.faults.join('; ')}.`);
  const others = payloads.filter(isVpn).length - 1;
  if (!read.ok || others === 0) return read;
  return { ...read, notes: [...read.notes, `${others} more VPNs in the profile were left out`] };
}

/** What begins as no XML does. */
function whatElse(text: string): string {
  // A SEQUENCE, as CMS begins (RFC 5652 §3); what is signed may stand in the clear inside.
  if (text.startsWith('0'))
    return 'The profile is signed: take the signature off and import what is left: openssl smime -verify -noverify -inform DER -in FILE -out PLAIN';
  if (text.startsWith('bplist'))
    return 'The profile is a binary property list: write it as XML: plutil -convert xml1 FILE';
  return 'The profile is neither a .sswan file (JSON) nor a .mobileconfig (an XML property list).';
}

function readVpn(
  vpn: FieldReader,
  fields: FieldReader,
  payloads: readonly FieldReader[],
): ProfileResult {
  const ike = vpn.inside('IKEv2');
  const server = ike.text('RemoteAddress');
  if (server === undefined) return refuse('The profile lacks IKEv2.RemoteAddress.');
  const method = ike.text('AuthenticationMethod');
  if (method === 'SharedSecret' && ike.boolean('ExtendedAuthEnabled'))
    return refuse(
      'The profile has the server prove itself with a pre-shared key and the user by EAP: anybody who has the key could be the server, and this side does not do that; have the server use a certificate.',
    );
  const authentication = readAuthentication(ike);
  if (authentication === undefined)
    return refuse(
      'IKEv2.AuthenticationMethod of the profile is not None, SharedSecret or Certificate.',
    );
  const wanted = ike.text('PayloadCertificateUUID');
  const identity = payloads.find(
    (one) => one.text('PayloadType') === PKCS12_PAYLOAD && one.text('PayloadUUID') === wanted,
  );
  const caCertificates = payloads
    .filter((one) => CA_PAYLOADS.includes(one.text('PayloadType') ?? ''))
    .flatMap((one) => one.bytes('PayloadContent') ?? []);
  const proposals = ['IKESecurityAssociationParameters', 'ChildSecurityAssociationParameters'].map(
    (key) => (ike.has(key) ? proposalFromApple(ike.inside(key), key.startsWith('IKE')) : undefined),
  );
  const [ikeProposal, espProposal] = proposals;
  const unknown = proposals.some((one) => one === 'unknown');
  const profile: VpnProfile = {
    name: vpn.text('UserDefinedName') ?? fields.text('PayloadDisplayName') ?? server,
    ...optional('uuid', fields.text('PayloadUUID')),
    server,
    ...optional('remoteId', ike.text('RemoteIdentifier')),
    ...optional('localId', ike.text('LocalIdentifier')),
    authentication,
    ...optional('pkcs12', identity?.bytes('PayloadContent')),
    ...optional('pkcs12Password', identity?.text('Password')),
    caCertificates,
    ikeProposals: ikeProposal === undefined || ikeProposal === 'unknown' ? [] : [ikeProposal],
    espProposals: espProposal === undefined || espProposal === 'unknown' ? [] : [espProposal],
    remoteSubnets: [],
    ...(ike.boolean('DisableMOBIKE') ? { mobike: false } : {}),
  };
  const others = [...ike.others(KNOWN.ike), ...vpn.others(KNOWN.vpn)];
  const dropped = others.map((path) => path.replace(/^.*\./, ''));
  const notes = [
    ...(unknown
      ? ['algorithms that are not known here were left out: the default ones are offered']
      : []),
    ...(dropped.length > 0
      ? [`left out, since it has no counterpart here: ${dropped.join(', ')}`]
      : []),
  ];
  return { ok: true, profile, notes };
}

function readAuthentication(ike: FieldReader): ProfileAuthentication | undefined {
  const isExtended = ike.boolean('ExtendedAuthEnabled') ?? false;
  const names = {
    ...optional('user', ike.text('AuthName')),
    ...optional('password', ike.text('AuthPassword')),
  };
  const hasCertificate = ike.has('PayloadCertificateUUID');
  switch (ike.text('AuthenticationMethod')) {
    case 'None':
      if (!isExtended) return { kind: 'psk', ...optional('secret', ike.text('SharedSecret')) };
      return hasCertificate ? { kind: 'eap-tls' } : { kind: 'eap', ...names };
    case 'SharedSecret':
      return { kind: 'psk', ...optional('secret', ike.text('SharedSecret')) };
    case 'Certificate':
      if (!isExtended) return { kind: 'certificate' };
      return hasCertificate ? { kind: 'eap-tls' } : { kind: 'eap', ...names };
    default:
      return undefined;
  }
}

/** Writes a configuration profile for Apple devices. The secrets in `profile` are in it, in the clear.
 * @param uuids - at least as many fresh ones as the profile has certificates, and three more.
 */
export function writeMobileConfig(profile: VpnProfile, uuids: readonly string[]): ProfileText {
  const { authentication, pkcs12, caCertificates, remoteSubnets, uuid } = profile;
  const { kind } = authentication;
  if (kind === 'certificate-and-eap') {
    return refuse(
      'Apple devices know no second round of authentication: use a certificate or EAP.',
    );
  }
  const [outer = '', own = '', identity = '', ...rest] = uuids;
  if (rest.length < caCertificates.length) {
    throw new RangeError(`"uuids" expected ${caCertificates.length + 3}, got ${uuids.length}`);
  }
  const needsIdentity = kind === 'certificate' || kind === 'eap-tls';
  if (needsIdentity && !pkcs12)
    return refuse(
      'Apple devices need key and certificate inside the profile: give a PKCS #12 file.',
    );
  const identifier = `org.ipsec-kit.${(uuid ?? outer).toLowerCase()}`;
  const content: PlistValue[] = [
    {
      ...payload(VPN_PAYLOAD, `${identifier}.vpn`, own, profile.name),
      UserDefinedName: profile.name,
      VPNType: 'IKEv2',
      IKEv2: vpnOf(profile, needsIdentity ? identity : undefined),
    },
  ];
  if (needsIdentity && pkcs12) {
    content.push({
      ...payload(PKCS12_PAYLOAD, `${identifier}.identity`, identity, `${profile.name}, identity`),
      PayloadContent: pkcs12,
      ...optional('Password', profile.pkcs12Password),
    });
  }
  for (const [index, certificate] of caCertificates.entries()) {
    content.push({
      ...payload(
        'com.apple.security.root',
        `${identifier}.ca${index}`,
        rest[index] ?? '',
        `${profile.name}, CA`,
      ),
      PayloadContent: certificate,
    });
  }
  const root: PlistValue = {
    ...payload('Configuration', identifier, uuid ?? outer, profile.name),
    PayloadContent: content,
  };
  const notes = [
    ...(remoteSubnets.length > 0
      ? ['the device asks for all traffic; the server narrows it to what it allows']
      : []),
    ...(needsIdentity && profile.pkcs12Password === undefined
      ? ['the device asks for the password of the PKCS #12 file']
      : []),
    ...(profile.ikeProposals.length > 1 || profile.espProposals.length > 1
      ? ['one algorithm of each kind is in it, the first that Apple devices have']
      : []),
  ];
  return { ok: true, text: `${build(root)}\n`, notes };
}

function vpnOf(profile: VpnProfile, identity: string | undefined): { [key: string]: PlistValue } {
  const { authentication } = profile;
  const isExtended = authentication.kind === 'eap' || authentication.kind === 'eap-tls';
  const ike = ikeOf(profile.ikeProposals);
  const esp = espOf(profile.espProposals);
  return {
    AuthenticationMethod:
      authentication.kind === 'psk'
        ? 'SharedSecret'
        : authentication.kind === 'certificate'
          ? 'Certificate'
          : 'None',
    RemoteAddress: profile.server,
    // Without one the device takes none, and refuses every server.
    RemoteIdentifier: profile.remoteId ?? profile.server,
    LocalIdentifier: profile.localId ?? '',
    ...(isExtended ? { ExtendedAuthEnabled: 1 } : {}),
    ...(authentication.kind === 'psk' ? optional('SharedSecret', authentication.secret) : {}),
    ...('user' in authentication ? optional('AuthName', authentication.user) : {}),
    ...('password' in authentication ? optional('AuthPassword', authentication.password) : {}),
    ...(identity === undefined ? {} : { PayloadCertificateUUID: identity.toUpperCase() }),
    ...(ike ? { IKESecurityAssociationParameters: ike } : {}),
    ...(esp ? { ChildSecurityAssociationParameters: esp } : {}),
    ...(profile.mobike === false ? { DisableMOBIKE: 1 } : {}),
  };
}

function payload(
  type: string,
  identifier: string,
  uuid: string,
  name: string,
): { [key: string]: PlistValue } {
  return {
    PayloadType: type,
    PayloadVersion: 1,
    PayloadIdentifier: identifier,
    PayloadUUID: uuid.toUpperCase(),
    PayloadDisplayName: name,
  };
}

function parsePlist(text: string): unknown {
  // Entities that expand one another have no place in a property list.
  if (/<!ENTITY/i.test(text)) return undefined;
  try {
    // The parser below writes about malformed XML to the console, and goes on after some faults; this one stops.
    new DOMParser({ onError: refuseXml }).parseFromString(text, 'text/xml');
    return parse(text);
  } catch {
    return undefined;
  }
}

function refuseXml(): never {
  throw new SyntaxError('malformed XML');
}

function optional<K extends string, T>(
  key: K,
  value: T | undefined,
): { [P in K]: T } | Record<string, never>;
function optional(key: string, value: unknown): Record<string, unknown> {
  return value === undefined ? {} : { [key]: value };
}
