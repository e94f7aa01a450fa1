import { type NotifyPayload, NotifyType } from '@ipsec-kit/ikev2-codec';
import {
  addressesEqual,
  addressFromBytes,
  hasAddress,
  type IpAddress,
  isLoopback,
  isMulticast,
  isUnspecified,
} from '@ipsec-kit/ip';

/** How many addresses of a peer are kept, unless told otherwise. */
const DEFAULT_MAX_ADDRESSES = 16;

/** What a message did to the set. `ignored` counts addresses that nobody can be reached at, that were malformed, or too many. */
export type AddressListChange =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'replaced'; readonly ignored: number };

/** The addresses that a peer says it can be reached at: the one that its message came from, and those that it lists.
 * A list always replaces the one before it; there is no adding or deleting of one address. Behind a NAT the list is of
 * little use: it holds the peer's own view (RFC 4555 §3.4).
 * @see RFC 4555 §3.4, §3.6
 */
export class PeerAddressSet {
  readonly #maxAddresses: number;
  #addresses: readonly IpAddress[] = [];
  #listed: readonly IpAddress[] = [];

  /** @param options - `maxAddresses`: how many are kept, the source included; default 16. */
  constructor(options: { readonly maxAddresses?: number } = {}) {
    const max = options.maxAddresses ?? DEFAULT_MAX_ADDRESSES;
    if (!Number.isInteger(max) || max < 1) {
      throw new RangeError(`"maxAddresses" expected a whole number of at least 1, got ${max}`);
    }
    this.#maxAddresses = max;
  }

  /** All addresses, the one that the last list came from first. Empty until the first message. */
  get addresses(): readonly IpAddress[] {
    return this.#addresses;
  }

  has(address: IpAddress): boolean {
    return hasAddress(this.#addresses, address);
  }

  /** Whether the peer itself has named it, in this list or, where this one came from there, in the one before, or was shown to be there.
   * The source of a list is in the set (RFC 4555 §3.6), but whoever is on the path may have written it.
   */
  isListed(address: IpAddress): boolean {
    return hasAddress(this.#listed, address);
  }

  /** Takes the list of an IKE_AUTH message, where no notify at all means no other address; its source is where that exchange went.
   * @see RFC 4555 §3.4
   */
  begin(source: IpAddress, notifies: readonly NotifyPayload[]): AddressListChange {
    return this.#replace(source, notifies, true);
  }

  /** Takes the list of an INFORMATIONAL request, if it carries one. @see RFC 4555 §3.6
   * @param source - of the IP header: implicitly in the set. An old address that is not listed is gone.
   * @param isShown - the peer was shown to be there before; default false.
   */
  update(
    source: IpAddress,
    notifies: readonly NotifyPayload[],
    isShown = false,
  ): AddressListChange {
    if (!carriesAddressList(notifies)) return { kind: 'unchanged' };
    return this.#replace(source, notifies, isShown);
  }

  #replace(
    source: IpAddress,
    notifies: readonly NotifyPayload[],
    isShown: boolean,
  ): AddressListChange {
    const addresses = [source];
    let isSourceListed = isShown || this.isListed(source);
    let ignored = 0;
    for (const notify of notifies) {
      if (!isAdditionalAddress(notify)) continue;
      const address = decodeAdditionalAddress(notify);
      if (address === undefined || !isReachable(address, source)) ignored += 1;
      else if (addressesEqual(address, source)) isSourceListed = true;
      else if (hasAddress(addresses, address)) continue;
      else if (addresses.length >= this.#maxAddresses) ignored += 1;
      else addresses.push(address);
    }
    this.#addresses = addresses;
    this.#listed = isSourceListed ? addresses : addresses.slice(1);
    return { kind: 'replaced', ignored };
  }
}

/** Whether a message says anything about the peer's addresses. @see RFC 4555 §3.6 */
export function carriesAddressList(notifies: readonly NotifyPayload[]): boolean {
  return notifies.some(
    (notify) => isAdditionalAddress(notify) || notify.notify === NotifyType.NO_ADDITIONAL_ADDRESSES,
  );
}

/** The address in an ADDITIONAL_IP4_ADDRESS or ADDITIONAL_IP6_ADDRESS notify; `undefined` for another notify or a wrong length.
 * @see RFC 4555 §4.2.2
 */
export function decodeAdditionalAddress(notify: NotifyPayload): IpAddress | undefined {
  if (!isAdditionalAddress(notify)) return undefined;
  const bytes = notify.notify === NotifyType.ADDITIONAL_IP4_ADDRESS ? 4 : 16;
  return notify.data.length === bytes ? addressFromBytes(notify.data) : undefined;
}

function isAdditionalAddress(notify: NotifyPayload): boolean {
  return (
    notify.notify === NotifyType.ADDITIONAL_IP4_ADDRESS ||
    notify.notify === NotifyType.ADDITIONAL_IP6_ADDRESS
  );
}

/** A peer must not make us send to ourselves or to a group, whatever it lists. */
function isReachable(address: IpAddress, source: IpAddress): boolean {
  if (isUnspecified(address) || isMulticast(address)) return false;
  if (address.version === 4 && address.bytes.every((byte) => byte === 255)) return false;
  return !isLoopback(address) || isLoopback(source);
}
