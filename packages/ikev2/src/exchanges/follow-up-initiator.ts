import type { KeyMaterial } from '@ipsec-kit/crypto';
import {
  ExchangeType,
  findNotify,
  keyExchangeMethodName,
  NotifyType,
  notify,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import { LATE, retryMoment } from '../collisions/retry-pause.ts';
import { ask, type EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import { answerReason } from '../errors/answer-reason.ts';
import { malformedFromPeer, ownWorkFailed } from '../errors/failures.ts';
import { keyExchangeInvalid } from '../errors/offer-failures.ts';
import type { SessionFailure } from '../events.ts';
import { findPayload } from '../payloads/find-payload.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { sendRequest } from '../session/send-message.ts';
import { failChildAttempt } from './create-child-refused.ts';
import { type InitiationOf, isMade } from './create-child-state.ts';
import { dropPeerSeries } from './drop-exchanges.ts';
import type { Accepted, OwnSeries } from './follow-up-state.ts';
import { endOnBadAnswer } from './rekey-ike-refused.ts';

/** What the peer wants back in the first request of a series, copied. @see RFC 9370 §2.2.4 */
export function readLink(payloads: readonly Payload[]): Uint8Array | undefined {
  return findNotify(payloads, NotifyType.ADDITIONAL_KEY_EXCHANGE)?.data.slice();
}

/** Begins the additional key exchanges that the peer has agreed to. Whatever it has begun for the same is over: it stops there,
 * since ours is not the one with the lowest nonce.
 * @param first - SK(0), of the CREATE_CHILD_SA exchange.
 * @param link - `undefined`: the peer has left it out, which ends the attempt.
 * @see RFC 9370 §2.2.4
 */
export function beginSeries(
  context: EndpointContext,
  session: IkeSession,
  accepted: Accepted,
  methods: readonly number[],
  first: KeyMaterial,
  link: Uint8Array | undefined,
): void {
  if (!link) {
    first.erase();
    const detail = 'it has no ADDITIONAL_KEY_EXCHANGE';
    failSeries(context, session, accepted, malformedFromPeer(CREATE_ANSWER, detail));
    return;
  }
  if (isForTheSame(session, accepted)) dropPeerSeries(context, session);
  const { rival } = session;
  if (rival && !isMade(rival)) session.rival = undefined;
  generate(context, session, { accepted, methods, secrets: [first], link });
}

const CREATE_ANSWER = 'CREATE_CHILD_SA response';

/** Whether the peer's series is for what ours is for. */
export function isForTheSame({ peerSeries }: IkeSession, { kind, attempt }: Accepted): boolean {
  const promised = peerSeries?.promised;
  if (promised?.kind !== kind) return false;
  if (promised.kind === 'ike' || !('rekeys' in attempt)) return true;
  return attempt.rekeys !== undefined && promised.reply.rekeys === attempt.rekeys;
}

function generate(context: EndpointContext, session: IkeSession, series: OwnSeries): void {
  const [method = 0] = series.methods;
  const requestId = ask(context, session, { kind: 'generate-key', method });
  const { attempt } = series.accepted;
  session.initiation = { kind: 'generating-follow-up-key', requestId, attempt, series };
}

/** Our value is there: sends KEi(n) with the link. @see RFC 9370 §2.2.4 */
export function onFollowUpKeyGenerated(
  context: EndpointContext,
  session: IkeSession,
  { series, attempt }: InitiationOf<'generating-follow-up-key'>,
  answer: Answer,
): void {
  const { sa, running } = session;
  const { accepted, link } = series;
  const secret = answer.kind === 'generate-key' ? answer.secret : undefined;
  if (!secret || !sa || !running) {
    failSeries(context, session, accepted, ownWorkFailed('The key exchange', answerReason(answer)));
    return;
  }
  const payloads: Payload[] = [
    { type: 'KE', method: secret.method, data: secret.publicValue },
    notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, link),
  ];
  const notAfter = expiryOf(session, accepted);
  const type = ExchangeType.IKE_FOLLOWUP_KE;
  const messageId = sendRequest(context, session, sa, type, payloads, { notAfter });
  if (messageId === undefined) {
    failSeries(
      context,
      session,
      accepted,
      ownWorkFailed('The key exchange', 'no message id is left'),
    );
    return;
  }
  session.running = { ...running, messageId };
  session.initiation = { kind: 'awaiting-follow-up-response', attempt, series, secret };
}

/** The end of what is being replaced: later than that nothing is asked for. */
function expiryOf(session: IkeSession, { kind, attempt }: Accepted): IkeSession['expiresAt'] {
  if (kind === 'ike' || !('rekeys' in attempt) || attempt.rekeys === undefined) {
    return kind === 'ike' ? session.expiresAt : undefined;
  }
  return session.children.get(attempt.rekeys)?.expiresAt;
}

/** The response without an error: KEr(n), and the link to the next exchange where one is to come. @see RFC 9370 §2.2.4 */
export function onFollowUpResponse(
  context: EndpointContext,
  session: IkeSession,
  { series, attempt, secret }: InitiationOf<'awaiting-follow-up-response'>,
  payloads: readonly Payload[],
): void {
  const ke = findPayload(payloads, 'KE');
  const nextLink = readLink(payloads);
  const isLast = series.methods.length === 1;
  if (ke?.method !== secret.method || (!isLast && !nextLink)) {
    const detail = `it has no KE of ${keyExchangeMethodName(secret.method)}, or no link to the next exchange`;
    const failure = malformedFromPeer('IKE_FOLLOWUP_KE response', detail);
    failSeries(context, session, series.accepted, failure);
    return;
  }
  const peerPublicValue = ke.data.slice();
  const requestId = ask(context, session, { kind: 'agree-key', secret, peerPublicValue });
  session.initiation = { kind: 'agreeing-follow-up-key', requestId, attempt, series, nextLink };
}

/** The shared secret is there.
 * @returns what is complete now, with SK(0), SK(1), ...; `undefined` while another exchange is to come, and when it has failed.
 */
export function onFollowUpKeyAgreed(
  context: EndpointContext,
  session: IkeSession,
  { series, nextLink }: InitiationOf<'agreeing-follow-up-key'>,
  answer: Answer,
): Pick<OwnSeries, 'accepted' | 'secrets'> | undefined {
  const { accepted } = series;
  const [method = 0, ...methods] = series.methods;
  if (answer.kind !== 'agree-key' || !answer.agreement.ok) {
    const failure =
      answer.kind === 'agree-key' && !answer.agreement.ok
        ? keyExchangeInvalid(method, answer.agreement.code)
        : ownWorkFailed('The key exchange', answerReason(answer));
    failSeries(context, session, accepted, failure);
    return undefined;
  }
  const secrets = [...series.secrets, answer.agreement.sharedSecret];
  if (methods.length === 0) return { accepted, secrets };
  generate(context, session, { ...series, methods, secrets, link: nextLink ?? series.link });
  return undefined;
}

/** The series has failed, and with it the whole attempt. After the last exchange the peer has what we cannot have. */
function failSeries(
  context: EndpointContext,
  session: IkeSession,
  accepted: Accepted,
  failure: SessionFailure,
): void {
  if (accepted.kind === 'ike') {
    endOnBadAnswer(context, session, failure);
    return;
  }
  const { attempt } = accepted;
  session.queue.unshift({ kind: 'withdraw-child', inboundSpi: attempt.inboundSpi });
  failChildAttempt(context, session, attempt, failure, retryMoment(context, LATE));
}
