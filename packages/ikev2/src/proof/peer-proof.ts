import type { Identity } from '@ipsec-kit/auth';
import {
  AuthMethod,
  type AuthPayload,
  authMethodName,
  type IdPayload,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import type { CertificateData, ConnectionConfig, RemoteAuthentication } from '../config.ts';
import { ask, type EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { answerReason } from '../errors/answer-reason.ts';
import { noSecret, peerNotAuthentic, wrongProof } from '../errors/authentication-failures.ts';
import { ownWorkFailed } from '../errors/failures.ts';
import type { SessionFailure } from '../events.ts';
import { type IkeSa, spisOf } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { InitTranscript } from '../session/session-state.ts';
import { awaitProof, endProofTimer } from './proof-timer.ts';
import { isPskProof } from './psk-proof.ts';
import { signedOctets } from './signed-octets.ts';

/** More CERT payloads than this are not looked at; whoever checks them refuses fewer. */
const MAX_CERTIFICATES = 32;

/** Who a peer says it is, with what it proves that, and under what. */
export interface PeerClaim {
  readonly connection: ConnectionConfig;
  readonly local: Identity;
  readonly transcript: InitTranscript;
  readonly id: IdPayload;
  readonly auth: AuthPayload;
  /** All payloads of its message. */
  readonly payloads: readonly Payload[];
}

/** The way to authenticate that an AUTH payload belongs to; `undefined` for one that is not known here. @see RFC 7296 §3.8 */
export function kindOfProof({ method }: AuthPayload): RemoteAuthentication['kind'] | undefined {
  if (method === AuthMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE) return 'psk';
  return SIGNATURE_METHODS.has(method) ? 'signature' : undefined;
}

const SIGNATURE_METHODS: ReadonlySet<number> = new Set([
  AuthMethod.RSA_DIGITAL_SIGNATURE,
  AuthMethod.ECDSA_WITH_SHA256_ON_THE_P_256_CURVE,
  AuthMethod.ECDSA_WITH_SHA384_ON_THE_P_384_CURVE,
  AuthMethod.ECDSA_WITH_SHA512_ON_THE_P_521_CURVE,
  AuthMethod.DIGITAL_SIGNATURE,
]);

/** Whether a connection takes this way to authenticate from its peer. */
export function takesProof(connection: ConnectionConfig, auth: AuthPayload): boolean {
  return kindOfProof(auth) === requiredKind(connection);
}

/** The peer authenticates in another way than the connection wants. */
export function wrongKindOfProof(
  connection: ConnectionConfig,
  remote: Identity,
  auth: AuthPayload,
): SessionFailure {
  const wanted = WORDS[requiredKind(connection)];
  const detail = `it authenticates with ${authMethodName(auth.method)}, but ${connection.name} wants ${wanted} of it; set both sides to the same way`;
  return peerNotAuthentic(remote, detail);
}

const WORDS: Readonly<Record<RemoteAuthentication['kind'], string>> = {
  psk: 'a pre-shared key',
  signature: 'a signature',
  eap: 'EAP',
};

function requiredKind({ remoteAuthentication }: ConnectionConfig): RemoteAuthentication['kind'] {
  return remoteAuthentication?.kind ?? 'psk';
}

/** Asks the driver for what it takes to check the peer's proof. @returns the id of the request. */
export function askPeerProof(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  claim: PeerClaim,
): number {
  const { connection, local, transcript, id, auth, payloads } = claim;
  const names = { connection: connection.name, local, remote: identityOf(id) };
  const kind = requiredKind(connection);
  switch (kind) {
    case 'psk':
      return ask(context, session, { kind: 'shared-secret', ...names });
    case 'signature':
      awaitProof(context, session);
      return ask(context, session, {
        kind: 'verify-peer',
        ...names,
        role: id.type === 'IDi' ? 'initiator' : 'responder',
        octets: signedOctets(context.crypto, sa, transcript, id),
        auth: { method: auth.method, data: auth.data.slice() },
        certificates: certificatesOf(payloads),
        isReauthentication: session.takesOver !== undefined,
        spis: spisOf(sa),
      });
    case 'eap':
      throw new Error('a proof of the peer was taken in place of EAP');
    default:
      return unreachable(kind);
  }
}

/** Judges the peer's proof by the driver's answer.
 * @returns why the peer is not believed, or `undefined`.
 */
export function judgePeerProof(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  claim: PeerClaim,
  answer: Answer,
): SessionFailure | undefined {
  const { connection, local, transcript, id, auth } = claim;
  const remote = identityOf(id);
  endProofTimer(context, session);
  const kind = requiredKind(connection);
  switch (kind) {
    case 'psk': {
      const secret = answer.kind === 'shared-secret' ? answer.secret : undefined;
      if (!secret) return noSecret(local, remote, answer);
      const octets = signedOctets(context.crypto, sa, transcript, id);
      return isPskProof(context.crypto, sa, octets, secret, auth)
        ? undefined
        : wrongProof(remote, WRONG_SECRET, session.ppk === 'used');
    }
    case 'signature': {
      if (answer.kind !== 'verify-peer') {
        return ownWorkFailed("The check of the peer's signature", answerReason(answer));
      }
      const { verdict } = answer;
      const hasPpk = session.ppk === 'used';
      return verdict.ok ? undefined : wrongProof(remote, verdict.detail, hasPpk);
    }
    case 'eap':
      throw new Error('a proof of the peer was judged in place of EAP');
    default:
      return unreachable(kind);
  }
}

const WRONG_SECRET =
  'its AUTH does not match the pre-shared key that we have for it; give both sides the same secret';

function certificatesOf(payloads: readonly Payload[]): readonly CertificateData[] {
  return payloads
    .flatMap((payload) => (payload.type === 'CERT' ? [payload] : []))
    .slice(0, MAX_CERTIFICATES)
    .map(({ encoding, data }) => ({ encoding, data: data.slice() }));
}

function identityOf({ idType, data }: IdPayload): Identity {
  return { idType, data: data.slice() };
}

function unreachable(kind: never): never {
  throw new Error(`unhandled authentication ${JSON.stringify(kind)}`);
}
