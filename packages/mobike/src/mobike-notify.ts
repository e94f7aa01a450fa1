import { type NotifyPayload, NotifyType } from '@ipsec-kit/ikev2-codec';
import { type IpAddress, type Path, writeUint16 } from '@ipsec-kit/ip';

/** Limits of the data of COOKIE2. @see RFC 4555 §4.2.5 */
export const MIN_COOKIE2_BYTES = 8;
export const MAX_COOKIE2_BYTES = 64;

/** MOBIKE_SUPPORTED, for IKE_AUTH. @see RFC 4555 §3.2, §4.2.1 */
export function mobikeSupportedNotify(): NotifyPayload {
  return notify(NotifyType.MOBIKE_SUPPORTED);
}

/** UPDATE_SA_ADDRESSES: the IKE SA and its Child SAs move to the addresses of this request. @see RFC 4555 §3.5, §4.2.4 */
export function updateSaAddressesNotify(): NotifyPayload {
  return notify(NotifyType.UPDATE_SA_ADDRESSES);
}

/** ADDITIONAL_IP4_ADDRESS and ADDITIONAL_IP6_ADDRESS: the whole list of our addresses but the one in the IP header.
 * @returns one notify for each address, none for none: what goes into IKE_AUTH.
 * @see RFC 4555 §3.4, §4.2.2
 */
export function additionalAddressNotifies(others: readonly IpAddress[]): readonly NotifyPayload[] {
  return others.map((address) =>
    notify(
      address.version === 4 ? NotifyType.ADDITIONAL_IP4_ADDRESS : NotifyType.ADDITIONAL_IP6_ADDRESS,
      address.bytes.slice(),
    ),
  );
}

/** The same list for an INFORMATIONAL request, where it replaces the one that the peer knows.
 * @returns NO_ADDITIONAL_ADDRESSES when there is none but the one in the IP header.
 * @see RFC 4555 §3.6, §4.2.3
 */
export function addressListNotifies(others: readonly IpAddress[]): readonly NotifyPayload[] {
  if (others.length === 0) return [notify(NotifyType.NO_ADDITIONAL_ADDRESSES)];
  return additionalAddressNotifies(others);
}

/** COOKIE2 with these bytes. @throws RangeError when there are fewer than 8 or more than 64. @see RFC 4555 §4.2.5 */
export function cookie2Notify(cookie: Uint8Array): NotifyPayload {
  if (cookie.length < MIN_COOKIE2_BYTES || cookie.length > MAX_COOKIE2_BYTES) {
    throw new RangeError(`"cookie" expected 8 to 64 bytes, got ${cookie.length}`);
  }
  return notify(NotifyType.COOKIE2, cookie.slice());
}

/** NO_NATS_ALLOWED: the addresses and ports that this request leaves with, so that the peer finds out when they were changed.
 * Goes into every request that can move the SAs while NAT traversal is not enabled.
 * @throws RangeError when the ends of the path are of different families.
 * @see RFC 4555 §3.9, §4.2.6
 */
export function noNatsAllowedNotify(path: Path): NotifyPayload {
  if (path.local.address.version !== path.remote.address.version) {
    throw new RangeError('"path" expected two ends of one family, got IPv4 and IPv6');
  }
  return notify(NotifyType.NO_NATS_ALLOWED, noNatsAllowedData(path));
}

/** The data of NO_NATS_ALLOWED for a packet that leaves over `path`: addresses, then ports, source first; 12 or 36 bytes. */
export function noNatsAllowedData(path: Path): Uint8Array {
  const { local, remote } = path;
  const portsAt = local.address.bytes.length + remote.address.bytes.length;
  const data = new Uint8Array(portsAt + 4);
  data.set(local.address.bytes);
  data.set(remote.address.bytes, local.address.bytes.length);
  writeUint16(data, portsAt, local.port);
  writeUint16(data, portsAt + 2, remote.port);
  return data;
}

/** A notify of MOBIKE: protocol and SPI size are zero in all of them. @see RFC 4555 §4 */
export function notify(type: number, data: Uint8Array = new Uint8Array(0)): NotifyPayload {
  return { type: 'N', protocol: 0, spi: new Uint8Array(0), notify: type, data };
}
