import type { Identity } from '@ipsec-kit/auth';
import { IdType } from '@ipsec-kit/ikev2-codec';
import type { IpAddress } from '@ipsec-kit/ip';

/** The identity that an address is. @see RFC 7296 §3.5 */
export function addressIdentity(address: IpAddress): Identity {
  const idType = address.version === 4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR;
  return { idType, data: address.bytes };
}
