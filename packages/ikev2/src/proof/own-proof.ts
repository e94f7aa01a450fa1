import type { Identity } from '@ipsec-kit/auth';
import type { IdPayload, Payload } from '@ipsec-kit/ikev2-codec';
import type { ConnectionConfig } from '../config.ts';
import { ask, type EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer, SignatureProof } from '../endpoint-work.ts';
import { noSecret, noSignature } from '../errors/authentication-failures.ts';
import type { SessionFailure } from '../events.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { InitTranscript } from '../session/session-state.ts';
import type { MadeProof } from './made-proof.ts';
import { awaitProof, endProofTimer } from './proof-timer.ts';
import { pskProof } from './psk-proof.ts';
import { signedOctets } from './signed-octets.ts';

/** Who we are, to whom, and under what. */
export interface OwnClaim {
  readonly connection: ConnectionConfig;
  /** Our identification payload, as it is sent. */
  readonly id: IdPayload;
  readonly remote: Identity;
  readonly transcript: InitTranscript;
}

/** What proves who we are, or why there is nothing. */
export type OwnProof = MadeProof | { readonly ok: false; readonly failure: SessionFailure };

/** Asks the driver for what proves who we are. @returns the id of the request. */
export function askOwnProof(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  { connection, id, remote, transcript }: OwnClaim,
): number {
  const names = { connection: connection.name, local: identityOf(id), remote };
  const { kind } = connection.localAuthentication ?? { kind: 'psk' };
  switch (kind) {
    case 'psk':
      return ask(context, session, { kind: 'shared-secret', ...names });
    case 'signature': {
      awaitProof(context, session);
      const { signatureHashes, certificateRequests } = session.peerWishes;
      return ask(context, session, {
        kind: 'sign',
        ...names,
        octets: signedOctets(context.crypto, sa, transcript, id),
        peerHashes: signatureHashes,
        certificateRequests,
        refusals: session.signatureRefusals,
      });
    }
    case 'eap':
      throw new Error('a proof was asked for before EAP');
    default:
      return unreachable(kind);
  }
}

/** Whether the peer's proof and ours take the same answer: both sides prove that they know the secret of the two identities. */
export function sharesSecret({
  localAuthentication,
  remoteAuthentication,
}: ConnectionConfig): boolean {
  return (
    (localAuthentication?.kind ?? 'psk') === 'psk' &&
    (remoteAuthentication?.kind ?? 'psk') === 'psk'
  );
}

/** Makes the payloads of our proof from the driver's answer. */
export function readOwnProof(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  claim: OwnClaim,
  answer: Answer,
): OwnProof {
  const { connection, id, remote, transcript } = claim;
  endProofTimer(context, session);
  const { kind } = connection.localAuthentication ?? { kind: 'psk' };
  switch (kind) {
    case 'psk': {
      const secret = answer.kind === 'shared-secret' ? answer.secret : undefined;
      if (!secret) return { ok: false, failure: noSecret(identityOf(id), remote, answer) };
      const octets = signedOctets(context.crypto, sa, transcript, id);
      const payloads = [pskProof(context.crypto, sa, octets, secret)];
      return { ok: true, payloads, hasMore: false };
    }
    case 'signature':
      if (answer.kind !== 'sign' || !answer.proof) {
        return { ok: false, failure: noSignature(identityOf(id), answer) };
      }
      return { ok: true, payloads: payloadsOf(answer.proof), hasMore: answer.proof.hasMore };
    case 'eap':
      throw new Error('a proof was read before EAP');
    default:
      return unreachable(kind);
  }
}

function payloadsOf({ method, data, certificates }: SignatureProof): readonly Payload[] {
  const certs = certificates.map((one): Payload => ({ type: 'CERT', ...one }));
  return [...certs, { type: 'AUTH', method, data }];
}

function identityOf({ idType, data }: IdPayload): Identity {
  return { idType, data };
}

function unreachable(kind: never): never {
  throw new Error(`unhandled authentication ${JSON.stringify(kind)}`);
}
