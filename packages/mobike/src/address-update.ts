import { bytesEqual } from '@ipsec-kit/crypto';
import { type NotifyPayload, NotifyType } from '@ipsec-kit/ikev2-codec';
import type { IpAddress, Path } from '@ipsec-kit/ip';
import { noNatsAllowedData, notify } from './mobike-notify.ts';
import { type AddressListChange, carriesAddressList, PeerAddressSet } from './peer-address-set.ts';

/** Our role, and what is taken from the peer. */
export interface AddressUpdatesOptions {
  /** Our role in the IKE SA: only an initiator moves it, so a responder's UPDATE_SA_ADDRESSES is ignored. @see RFC 4555 §3.5 */
  readonly role: 'initiator' | 'responder';
  /** Whether the peer may move the SAs to this path; default: anywhere. */
  readonly isAcceptable?: (path: Path) => boolean;
  /** Whether the peer was shown to be at this address: a list from another may have been sent on from there; default: nowhere. */
  readonly isShown?: (address: IpAddress) => boolean;
  /** Most addresses of the peer that are kept; default 16. */
  readonly maxAddresses?: number;
}

/** A verified INFORMATIONAL request of the peer, or what matters of it here. */
export interface AddressRequest {
  readonly messageId: number;
  /** The addresses and ports that it arrived with. */
  readonly path: Path;
  readonly notifies: readonly NotifyPayload[];
  /** Whether NAT traversal is enabled: both peers sent NAT detection in IKE_SA_INIT. */
  readonly natTraversal: boolean;
}

/** What to do about addresses, and what the response must carry. Every answer goes to where the request came from. */
export type AddressDecision = {
  /** Notifies for the response: COOKIE2 as it came, and a refusal if there is one. */
  readonly response: readonly NotifyPayload[];
  /** The request carried NAT detection, so the response MUST too. @see RFC 4555 §3.8 */
  readonly includeNatDetection: boolean;
} & (
  | /** Nothing about addresses: the SAs stay where they are. */ { readonly kind: 'unrelated' }
  | /** A newer request has been here already. */ { readonly kind: 'superseded' }
  | {
      readonly kind: 'refused';
      readonly code: 'unexpected-nat-detected' | 'unacceptable-addresses';
    }
  | {
      readonly kind: 'applied';
      /** Where the IKE SA moves, now; the Child SAs follow, after a return routability check if policy wants one. */
      readonly moveTo?: Path;
      /** What happened to {@link AddressUpdates.peerAddresses}. */
      readonly list: AddressListChange;
    }
);

/** Decides on a peer's requests that concern addresses: UPDATE_SA_ADDRESSES, ADDITIONAL_*_ADDRESS, NO_ADDITIONAL_ADDRESSES.
 * @see RFC 4555 §3.5, §3.6, §3.8, §3.9
 */
export class AddressUpdates {
  readonly peerAddresses: PeerAddressSet;
  readonly #role: 'initiator' | 'responder';
  readonly #isAcceptable: (path: Path) => boolean;
  readonly #isShown: (address: IpAddress) => boolean;
  #newestMove = -1;
  #newestList = -1;

  constructor(options: AddressUpdatesOptions) {
    const { maxAddresses } = options;
    this.peerAddresses = new PeerAddressSet(maxAddresses === undefined ? {} : { maxAddresses });
    this.#role = options.role;
    this.#isAcceptable = options.isAcceptable ?? (() => true);
    this.#isShown = options.isShown ?? (() => false);
  }

  /** Decides on one request; call it once for each, not for retransmissions. */
  handle(request: AddressRequest): AddressDecision {
    const { notifies, messageId, path } = request;
    const response = notifies.filter(isType(NotifyType.COOKIE2)).slice(0, 1);
    const includeNatDetection = notifies.some(isType(NotifyType.NAT_DETECTION_SOURCE_IP));
    const answer = { response, includeNatDetection };

    const asksToMove =
      this.#role === 'responder' && notifies.some(isType(NotifyType.UPDATE_SA_ADDRESSES));
    const hasList = carriesAddressList(notifies);
    if (!asksToMove && !hasList) return { kind: 'unrelated', ...answer };

    // RFC 4555 §3.5, §3.6: with a window above one, requests may come out of order; the newest one counts.
    const moves = asksToMove && messageId > this.#newestMove;
    const lists = hasList && messageId > this.#newestList;
    if (!moves && !lists) return { kind: 'superseded', ...answer };
    if (moves) this.#newestMove = messageId;
    if (lists) this.#newestList = messageId;

    const refusal = this.#refusal(request, moves);
    if (refusal !== undefined) {
      // RFC 4555 §4.1.1 has UNACCEPTABLE_ADDRESSES for requests to move alone.
      const says =
        moves || refusal === 'unexpected-nat-detected' ? [notify(refusalNotify[refusal])] : [];
      return { ...answer, kind: 'refused', code: refusal, response: [...says, ...response] };
    }
    const list: AddressListChange = lists
      ? this.#takeList(path.remote.address, notifies)
      : { kind: 'unchanged' };
    return { kind: 'applied', ...(moves ? { moveTo: path } : {}), list, ...answer };
  }

  #takeList(source: IpAddress, notifies: readonly NotifyPayload[]): AddressListChange {
    return this.peerAddresses.update(source, notifies, this.#isShown(source));
  }

  #refusal(request: AddressRequest, moves: boolean): keyof typeof refusalNotify | undefined {
    const noNats = request.notifies.filter(isType(NotifyType.NO_NATS_ALLOWED));
    if (!noNats.every(({ data }) => matchesArrival(data, request.path))) {
      return 'unexpected-nat-detected';
    }
    // RFC 4555 §3.9: without NAT traversal it MUST be there. No answer is laid down for a request that lacks it; moving
    // would trust unprotected addresses, so it is not acceptable.
    const isUnprotected = !request.natTraversal && noNats.length === 0;
    if (isUnprotected || (moves && !this.#isAcceptable(request.path))) {
      return 'unacceptable-addresses';
    }
    return undefined;
  }
}

const refusalNotify = {
  'unexpected-nat-detected': NotifyType.UNEXPECTED_NAT_DETECTED,
  'unacceptable-addresses': NotifyType.UNACCEPTABLE_ADDRESSES,
} as const;

/** Whether the data of NO_NATS_ALLOWED agrees with the addresses and ports that the request arrived with. @see RFC 4555 §3.9 */
export function matchesArrival(data: Uint8Array, path: Path): boolean {
  // What leaves the peer's end arrives at ours.
  return bytesEqual(data, noNatsAllowedData({ local: path.remote, remote: path.local }));
}

function isType(type: number): (payload: NotifyPayload) => boolean {
  return (payload) => payload.notify === type;
}
