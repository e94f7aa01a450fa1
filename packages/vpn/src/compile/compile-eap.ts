import { DEFAULT_SIGNATURE_POLICY, type IdentityPattern } from '@ipsec-kit/auth';
import { IdType } from '@ipsec-kit/ikev2-codec';
import { isPkcs12 } from '@ipsec-kit/x509';
import type { NamedCertificate } from '../credentials/compiled-credentials.ts';
import type { EapConnection } from '../eap/compiled-eap.ts';
import {
  EAP_METHODS,
  type EapSetting,
  needsPassword,
  needsTls,
  STANDALONE_METHODS,
  TTLS_INNERS,
} from '../eap/eap-setting.ts';
import type { AuthenticationOptions } from '../options.ts';
import { type CertificateStore, trustOf } from './compile-certificates.ts';
import type { EapStore } from './compile-eap-store.ts';
import { compileIdentityPattern } from './compile-identity.ts';
import type { CertificateWatch } from './compile-revalidation.ts';
import type { OptionChecks } from './option-checks.ts';

/** A side of a connection. */
export interface EapSide {
  readonly path: string;
  readonly setting: EapSetting | undefined;
  readonly options: AuthenticationOptions;
}

/** What both sides show, and how the peer's is watched. */
export interface EapCertificates {
  readonly certificates: readonly NamedCertificate[];
  readonly watch: CertificateWatch;
}

/** Compiles EAP of one connection; `undefined` where neither side has it. */
export function compileEapConnection(
  checks: OptionChecks,
  sides: { readonly local: EapSide; readonly remote: EapSide },
  { certificates, watch }: EapCertificates,
  store: CertificateStore,
  shared: EapStore,
): EapConnection | undefined {
  const { local, remote } = sides;
  if (!local.setting && !remote.setting) return undefined;
  const trust = trustOf(checks, `${remote.path}.cacerts`, remote.options.cacerts, store);
  const hasAnchors = trust.anchors.length + trust.containers.length > 0;
  const isOnlyProof = local.setting !== undefined && remote.setting !== undefined;
  const common = {
    checks,
    isOnlyProof,
    hasCertificate: certificates.length > 0,
    mayHaveCertificate: certificates.length > 0 || hasLooseCertificate(store),
    hasAnchors,
    shared,
  };
  const peer = local.setting && compilePeer(local, local.setting, common);
  const authenticator = remote.setting && compileAuthenticator(remote, remote.setting, common);
  return {
    ...(peer ? { peer } : {}),
    ...(authenticator ? { authenticator } : {}),
    certificates,
    ...trust,
    policy: DEFAULT_SIGNATURE_POLICY,
    ...watch,
  };
}

interface Common {
  readonly checks: OptionChecks;
  readonly isOnlyProof: boolean;
  readonly hasCertificate: boolean;
  /** Whether there is one, or a file may turn out to hold one. */
  readonly mayHaveCertificate: boolean;
  readonly hasAnchors: boolean;
  readonly shared: EapStore;
}

/** Whether one may lie beside its key that no connection names: in the directory x509, or in a PKCS #12 file, not opened yet. */
function hasLooseCertificate({ certificates, keys }: CertificateStore): boolean {
  return (
    certificates.some(({ certificate }) => !certificate.extensions.isCa) ||
    keys.some((one) => one.kind === 'file' && isPkcs12(one.bytes.reveal()))
  );
}

function compilePeer(
  { path, options }: EapSide,
  setting: EapSetting,
  common: Common,
): EapConnection['peer'] {
  const { checks, mayHaveCertificate, hasAnchors, isOnlyProof, shared } = common;
  if (setting.methods === 'radius') {
    const sentence = 'eap-radius is for the peer of a server: write the method of this side';
    checks.problem('invalid-value', `${path}.auth`, sentence);
    return undefined;
  }
  const methods = methodsOf(path, setting, common, (method, isCertified) =>
    method === 'eap-tls' ? isCertified && hasAnchors : hasAnchors || (isOnlyProof && isCertified),
  );
  const ttlsInner = checks.choice(`${path}.ttlsInner`, options.ttlsInner, TTLS_INNERS, 'eap');
  if (ttlsInner === 'certificate' && !mayHaveCertificate) {
    const sentence = 'there is no certificate of this side to show: name it in certs of local';
    checks.problem('missing-value', `${path}.ttlsInner`, sentence);
  }
  const name = options.eapId ?? options.id;
  const asksPassword = methods.some(
    (method) => needsPassword(method) && !(method === 'eap-ttls' && ttlsInner === 'certificate'),
  );
  if (name === undefined && asksPassword) {
    const sentence = 'the name of the user is missing: write eap_id, or id';
    checks.problem('missing-value', `${path}.eapId`, sentence);
  } else if (
    name !== undefined &&
    asksPassword &&
    // A server that is believed by EAP alone has a certificate in the place of a password.
    !(isOnlyProof && mayHaveCertificate) &&
    !methods.includes('eap-tls') &&
    !shared.passwordSource &&
    !shared.passwords.has(name)
  ) {
    const sentence = `there is no password of ${name}: add a section eap-${isOnlyProof ? 'tunnel' : 'user'} to secrets, with id = ${name} and the secret`;
    checks.problem('missing-value', `${path}.eapId`, sentence);
  }
  return {
    methods,
    ttlsInner,
    ...(options.eapId === undefined ? {} : { identity: new TextEncoder().encode(options.eapId) }),
    ...(options.aaaId === undefined
      ? {}
      : { server: compileIdentityPattern(checks, `${path}.aaaId`, options.aaaId) }),
  };
}

function compileAuthenticator(
  { path, options }: EapSide,
  setting: EapSetting,
  common: Common,
): EapConnection['authenticator'] {
  const { checks, hasAnchors, isOnlyProof, shared } = common;
  const asksIdentity = options.eapId !== undefined;
  if (setting.methods === 'radius') {
    if (!shared.radius) {
      const sentence =
        'there is no RADIUS server: name one in charon.plugins.eap-radius of strongswan.conf';
      checks.problem('missing-value', 'radius', sentence);
    }
    if (isOnlyProof)
      checks.problem('invalid-value', `${path}.auth`, cannotStandAlone('eap-radius'));
    return { methods: 'radius', asksIdentity: true, ttlsCert: false };
  }
  const ttlsCert = checks.boolean(`${path}.ttlsCert`, options.ttlsCert, false);
  const methods = methodsOf(path, setting, common, (method, isCertified) =>
    method === 'eap-tls' || ttlsCert
      ? isCertified && hasAnchors
      : isCertified || (isOnlyProof && hasAnchors),
  );
  // A client that believes the server by EAP alone has the password of its own side.
  const isAnswering = !isOnlyProof;
  const asksPassword = methods.some(needsPassword);
  const isEmpty = shared.passwords.size === 0 && !shared.passwordSource;
  if (isAnswering && asksPassword && !methods.includes('eap-tls') && isEmpty) {
    const sentence =
      'there is no password of any user: add sections eap-... to secrets, each with id';
    checks.problem('missing-value', 'eapSecrets', sentence);
  }
  return { methods, asksIdentity, ttlsCert };
}

/** The methods of a setting; those that lack what they need are a mistake when they are named. */
function methodsOf(
  path: string,
  { methods }: EapSetting,
  { checks, isOnlyProof, hasCertificate, mayHaveCertificate, hasAnchors, shared }: Common,
  hasTls: (method: string, isCertified: boolean) => boolean,
): readonly string[] {
  const isFit = (method: string): boolean =>
    !isOnlyProof ||
    STANDALONE_METHODS.has(method) ||
    shared.methods.get(method)?.method.isMutual === true;
  if (methods === 'any') {
    const known = EAP_METHODS.filter((method) => ANY_METHODS.has(method) && isFit(method));
    // What may turn out to be missing is not promised to the other end.
    return known.filter((method) => !needsTls(method) || hasTls(method, hasCertificate));
  }
  if (methods === 'radius') return [];
  for (const method of methods) {
    if (!isFit(method)) checks.problem('invalid-value', `${path}.auth`, cannotStandAlone(method));
    if (!needsTls(method) || hasTls(method, mayHaveCertificate)) continue;
    const sentence =
      !hasAnchors && (mayHaveCertificate || method === 'eap-ttls')
        ? `there is no CA that the other side's certificate in ${method} could come from: name one in cacerts of remote, or put it into x509ca`
        : `${method} needs a certificate of this side, with its private key: name it in certs of local`;
    checks.problem('missing-value', `${path}.auth`, sentence);
  }
  return methods;
}

/** What `eap` alone stands for: not those that make no key. @see RFC 7296 §2.16 (SHOULD NOT be used) */
const ANY_METHODS: ReadonlySet<string> = new Set(['eap-tls', 'eap-ttls', 'eap-mschapv2']);

function cannotStandAlone(method: string): string {
  return `${method} cannot be all that proves a server (RFC 5998 §4): use eap-tls or eap-ttls on both sides, or have the server use a certificate (auth = pubkey)`;
}

/** Compiles the name that a peer has to prove; `undefined`: the one of its IKE identity. */
export function compileEapPattern(
  checks: OptionChecks,
  { path, setting, options }: EapSide,
): IdentityPattern | undefined {
  const { eapId } = options;
  if (eapId === undefined) return setting?.methods === 'radius' ? { kind: 'any' } : undefined;
  if (eapId === '%any' || eapId === '*') return { kind: 'any' };
  const idType = eapId.includes('@') ? IdType.ID_RFC822_ADDR : IdType.ID_FQDN;
  const star = eapId.lastIndexOf('*');
  if (star > 0) {
    checks.problem('invalid-value', `${path}.eapId`, 'a wildcard * stands at the beginning only');
  }
  if (star === 0) return { kind: 'wildcard', idType, pattern: eapId };
  return { kind: 'identity', identity: { idType, data: new TextEncoder().encode(eapId) } };
}
