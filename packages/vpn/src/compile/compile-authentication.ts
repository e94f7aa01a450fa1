import {
  DEFAULT_SIGNATURE_POLICY,
  type IdentityPattern,
  type SignaturePolicy,
  signatureHashes,
} from '@ipsec-kit/auth';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import type { CertificateData, ConnectionConfig, RemoteAuthentication } from '@ipsec-kit/ikev2';
import { CertEncoding } from '@ipsec-kit/ikev2-codec';
import { encodeAuthorities } from '@ipsec-kit/x509';
import type { OwnCredentials, PeerCredentials } from '../credentials/compiled-credentials.ts';
import { type AuthMethodSetting, parseAuthMethod } from '../credentials/signature-rule.ts';
import type { EapConnection } from '../eap/compiled-eap.ts';
import { type EapSetting, parseEapSetting } from '../eap/eap-setting.ts';
import type { AuthenticationOptions, ConnectionOptions } from '../options.ts';
import {
  type CertificateStore,
  readCertificates,
  readPublicKeys,
  trustOf,
} from './compile-certificates.ts';
import { compileEapConnection, compileEapPattern, type EapSide } from './compile-eap.ts';
import type { EapStore } from './compile-eap-store.ts';
import { compileIdentityPattern } from './compile-identity.ts';
import { compileOwnIdentity } from './compile-own-identity.ts';
import { type CertificateWatch, compileWatch } from './compile-revalidation.ts';
import { isObject, type OptionChecks } from './option-checks.ts';

/** How both sides of a connection prove who they are. */
export interface CompiledAuthentication {
  readonly config: Pick<
    ConnectionConfig,
    | 'localIdentity'
    | 'remoteIdentity'
    | 'localAuthentication'
    | 'remoteAuthentication'
    | 'signatureHashes'
  >;
  readonly own?: OwnCredentials;
  readonly peer?: PeerCredentials;
  readonly eap?: EapConnection;
}

/** Compiles the `local` and `remote` of a connection. */
export function compileAuthentication(
  checks: OptionChecks,
  path: string,
  options: ConnectionOptions,
  store: CertificateStore,
  eapStore: EapStore,
): CompiledAuthentication {
  const local = side(
    checks,
    `${path}.local`,
    options.local,
    ['certs', 'pubkeys', 'aaaId', 'ttlsInner'],
    eapStore,
  );
  const remote = side(
    checks,
    `${path}.remote`,
    options.remote,
    [
      'certs',
      'pubkeys',
      'cacerts',
      'revocation',
      'revalidation',
      'revalidationGraceMs',
      'revalidationTimeMs',
      'ttlsCert',
    ],
    eapStore,
  );
  checkKinds(checks, path, local, remote);
  const sendCertificates = checks.choice(
    `${path}.sendCert`,
    options.sendCert,
    ['ifasked', 'always', 'never'],
    'ifasked',
  );
  const asks = checks.boolean(`${path}.sendCertreq`, options.sendCertreq, true);
  const ocsp = checks.choice(
    `${path}.ocsp`,
    options.ocsp,
    ['never', 'reply', 'request', 'both'],
    // Whoever does not want to know how a certificate stands need not ask.
    (remote.options.revocation ?? 'relaxed') === 'relaxed' ? 'reply' : 'both',
  );
  const signs = local.method.kind === 'signature' ? local.method : undefined;
  const hasEap = local.method.kind === 'eap' || remote.method.kind === 'eap';
  const certificates =
    signs || hasEap ? readCertificates(checks, `${path}.local.certs`, local.options.certs) : [];
  const publicKeys = signs
    ? readPublicKeys(checks, `${path}.local.pubkeys`, local.options.pubkeys)
    : [];
  const localIdentity = compileOwnIdentity(
    checks,
    `${path}.local`,
    { kind: local.method.kind, id: local.id, certificates, publicKeys },
    store,
  );
  const remoteIdentity = compileIdentityPattern(checks, `${path}.remote.id`, remote.id ?? '%any');
  const isPsk = remote.method.kind === 'psk';
  const watch = compileWatch(checks, `${path}.remote`, isPsk ? {} : remote.options);
  const peer = compilePeer(checks, `${path}.remote`, remote, remoteIdentity, watch, store);
  const policy = peer?.policy ?? DEFAULT_SIGNATURE_POLICY;
  const sides = {
    local: eapSide(`${path}.local`, local),
    remote: eapSide(`${path}.remote`, remote),
  };
  const eap = compileEapConnection(checks, sides, { certificates, watch }, store, eapStore);
  const pattern = compileEapPattern(checks, sides.remote);
  return {
    config: {
      ...(localIdentity === undefined ? {} : { localIdentity }),
      remoteIdentity,
      localAuthentication: { kind: local.method.kind },
      remoteAuthentication: sides.remote.setting
        ? {
            kind: 'eap',
            methods: [sides.remote.setting.methods].flat().join(' '),
            ...(pattern ? { identity: pattern } : {}),
          }
        : peer
          ? askFor(peer, { asks, asksOcsp: ocsp === 'request' || ocsp === 'both' })
          : { kind: 'psk' },
      ...(signs || peer ? { signatureHashes: signatureHashes(policy) } : {}),
    },
    ...(signs
      ? {
          own: {
            ...{ rule: signs.rule, certificates, publicKeys, sendCertificates },
            sendsOcsp: ocsp === 'reply' || ocsp === 'both',
          },
        }
      : {}),
    ...(peer ? { peer } : {}),
    ...(eap ? { eap } : {}),
  };
}

/** What goes with what. */
function checkKinds(checks: OptionChecks, path: string, local: Side, remote: Side): void {
  const kinds = [local.method.kind, remote.method.kind];
  if (kinds.includes('eap') && kinds.includes('psk')) {
    // RFC 7296 §2.16: EAP MUST be used with a responder that signs; whoever has the shared key could play the server.
    const sentence =
      'EAP goes with a server that has a certificate: write auth = pubkey for the side of the server';
    const side = local.method.kind === 'psk' ? 'local' : 'remote';
    checks.problem('invalid-value', `${path}.${side}.auth`, sentence);
  }
  const { method, options } = remote;
  const hasTtls =
    method.kind === 'eap' && ['any', 'eap-ttls'].some((one) => method.methods.includes(one));
  if (options.ttlsCert === true && !hasTtls) {
    const sentence = 'a certificate inside of TTLS goes with auth = eap-ttls';
    checks.problem('invalid-value', `${path}.remote.ttlsCert`, sentence);
  }
}

function eapSide(path: string, { method, options }: Side): EapSide {
  return { path, setting: method.kind === 'eap' ? method : undefined, options };
}

interface Side {
  readonly method: AuthMethodSetting | EapSetting;
  readonly id: string | undefined;
  readonly options: AuthenticationOptions;
}

function side(
  checks: OptionChecks,
  path: string,
  value: AuthenticationOptions | undefined,
  ofSignature: readonly (keyof AuthenticationOptions)[],
  { methods }: EapStore,
): Side {
  const none = { method: { kind: 'psk' }, id: undefined, options: {} } as const;
  if (value === undefined) {
    const sentence = "expected how this side proves who it is: { auth: 'psk' }";
    checks.problem('missing-value', path, sentence);
    return none;
  }
  checks.object(path, value, ['auth', 'id', 'eapId', ...ofSignature]);
  if (!isObject(value)) return none;
  const { auth = 'psk', id } = value;
  const method =
    typeof auth === 'string'
      ? (parseAuthMethod(auth) ?? parseEapSetting(auth, methods))
      : undefined;
  if (!method) {
    const known =
      'psk, pubkey, rsa, ecdsa, ed25519, ed448, one with sizes and hashes as ecdsa-256-sha256, eap-tls, eap-ttls, eap-mschapv2, eap-gtc, eap-md5, eap, or of a peer eap-radius';
    checks.invalid(`${path}.auth`, known, auth);
  }
  if (id !== undefined && typeof id !== 'string') {
    checks.invalid(`${path}.id`, 'an identity as text', id);
    return { method: method ?? none.method, id: undefined, options: value };
  }
  return { method: method ?? none.method, id, options: value };
}

function compilePeer(
  checks: OptionChecks,
  path: string,
  { method, options }: Side,
  id: IdentityPattern,
  watch: CertificateWatch,
  store: CertificateStore,
): PeerCredentials | undefined {
  if (method.kind !== 'signature') return undefined;
  const pinned = readCertificates(checks, `${path}.certs`, options.certs);
  const identity = id.kind === 'identity' ? { identity: id.identity } : {};
  const publicKeys = readPublicKeys(checks, `${path}.pubkeys`, options.pubkeys).map((one) => ({
    ...one,
    ...identity,
  }));
  const trust = trustOf(checks, `${path}.cacerts`, options.cacerts, store);
  const known = trust.anchors.length + trust.containers.length + pinned.length + publicKeys.length;
  if (known === 0 && (options.cacerts ?? []).length === 0) {
    const sentence =
      'there is no CA that the certificate of the peer could come from: name one, put it into x509ca beside the configuration, or name the certificate of the peer in certs, or its key in pubkeys';
    checks.problem('missing-value', `${path}.cacerts`, sentence);
  }
  const policy: SignaturePolicy = {
    ...DEFAULT_SIGNATURE_POLICY,
    acceptSha1: method.rule.hashes.includes('sha1'),
  };
  return { rule: method.rule, policy, pinned, publicKeys, ...trust, ...watch };
}

/** A peer whose certificate is known need not send it; one that has a raw key may have several.
 * @see RFC 7670 §3 (no authority is named for those)
 */
function askFor(
  { anchors, containers, pinned, publicKeys }: PeerCredentials,
  { asks, asksOcsp }: { readonly asks: boolean; readonly asksOcsp: boolean },
): RemoteAuthentication {
  if (!asks) return { kind: 'signature', certificateRequests: [] };
  const asksChain =
    anchors.length + containers.length > 0 && (publicKeys.length === 0 || pinned.length > 0);
  const certificateRequests: CertificateData[] = [];
  if (asksChain) {
    const data = encodeAuthorities(anchors, createNodeProvider());
    certificateRequests.push({ encoding: CertEncoding.X509_CERTIFICATE_SIGNATURE, data });
    // RFC 4806 §3.1: nobody is named, so that the CA and those that it has delegated may answer.
    if (asksOcsp) {
      certificateRequests.push({ encoding: CertEncoding.OCSP_CONTENT, data: new Uint8Array(0) });
    }
  }
  if (publicKeys.length > 0) {
    certificateRequests.push({ encoding: CertEncoding.RAW_PUBLIC_KEY, data: new Uint8Array(0) });
  }
  return { kind: 'signature', certificateRequests };
}
