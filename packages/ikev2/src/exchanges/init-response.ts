import {
  ExchangeType,
  encodeMessage,
  NotifyType,
  notify,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import type { IkeSpis } from '@ipsec-kit/nat-t';
import { connectionsForPath } from '../endpoint/connection-choice.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { natDetectionNotifies } from '../nat/nat-detection.ts';
import { hasAdditional } from '../negotiate/additional-key-exchanges.ts';
import { certificateRequests, hashNotifies, type PeerWishes } from '../proof/peer-wishes.ts';
import { headerOf } from '../session/ike-sa.ts';
import { NONCE_BYTES } from '../session/nonce-bytes.ts';
import type { InitAnswer } from '../session/session-state.ts';

/** What an IKE_SA_INIT response is made of, but for what is drawn for it. */
export interface InitResponseFacts
  extends Pick<InitAnswer, 'proposal' | 'method' | 'peerFragments'> {
  readonly path: Path;
  readonly peerWishes: PeerWishes;
}

/** The payloads of an IKE_SA_INIT response. @see RFC 7296 §1.2, §2.23, RFC 7383 §2.3, RFC 6023 §3, RFC 9242 §3.1 */
export function initResponsePayloads(
  context: EndpointContext,
  { proposal, method, peerFragments, path, peerWishes }: InitResponseFacts,
  spis: IkeSpis,
  { publicValue, nonce }: { readonly publicValue: Uint8Array; readonly nonce: Uint8Array },
): readonly Payload[] {
  const payloads: Payload[] = [
    { type: 'SA', proposals: [{ ...proposal, spi: new Uint8Array(0) }] },
    { type: 'KE', method, data: publicValue },
    { type: 'Nonce', data: nonce },
    ...natDetectionNotifies(context.crypto, spis, path),
  ];
  if (peerFragments && announcesFragments(context, path)) {
    payloads.push(notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED));
  }
  // Which connection it will be is known in IKE_AUTH only.
  const candidates = connectionsForPath(context.connections, path);
  if (candidates.some(({ childless }) => childless !== 'never')) {
    payloads.push(notify(NotifyType.CHILDLESS_IKEV2_SUPPORTED));
  }
  if (hasAdditional(proposal)) payloads.push(notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED));
  if (peerWishes.signatureHashes) payloads.push(...hashNotifies(candidates));
  payloads.push(...certificateRequests(candidates));
  // RFC 8784 §3: whoever has no such key passes over the announcement.
  if (peerWishes.usesPpk && hasPpk(context, path)) payloads.push(notify(NotifyType.USE_PPK));
  return payloads;
}

/** Whether a peer on this path may turn out to be one that we have a post-quantum pre-shared key for. */
export function hasPpk(context: EndpointContext, path: Path): boolean {
  return connectionsForPath(context.connections, path).some(({ ppk }) => ppk !== undefined);
}

/** Whether an IKE_SA_INIT response on this path says that we take fragments. @see RFC 7383 §2.3 */
export function announcesFragments(context: EndpointContext, path: Path): boolean {
  return (connectionsForPath(context.connections, path)[0]?.fragmentation ?? 'yes') !== 'no';
}

/** The response as it leaves. */
export function encodeInitResponse(spis: IkeSpis, payloads: readonly Payload[]): Uint8Array {
  const header = headerOf(
    { ...spis, isInitiator: false },
    { exchangeType: ExchangeType.IKE_SA_INIT, isResponse: true, messageId: 0 },
  );
  return encodeMessage({ header, payloads });
}

/** How long the response will be at most, before the work for it is begun: with a public value as long as the peer's, which no
 * key exchange method exceeds in its answer.
 */
export function initResponseBytes(
  context: EndpointContext,
  facts: InitResponseFacts & Pick<InitAnswer, 'initiatorSpi' | 'peerPublicValue'>,
): number {
  const spis = { initiatorSpi: facts.initiatorSpi, responderSpi: 0n };
  const drawn = { publicValue: facts.peerPublicValue, nonce: new Uint8Array(NONCE_BYTES) };
  return encodeInitResponse(spis, initResponsePayloads(context, facts, spis, drawn)).length;
}
