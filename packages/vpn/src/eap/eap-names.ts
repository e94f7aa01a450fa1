import { formatIdentity, type Identity } from '@ipsec-kit/auth';
import { IdType } from '@ipsec-kit/ikev2-codec';

/** The name of an IKE identity, in UTF-8. */
export function nameOf(identity: Identity): Uint8Array {
  const { idType, data } = identity;
  const isName = idType === IdType.ID_FQDN || idType === IdType.ID_RFC822_ADDR;
  return isName ? data : new TextEncoder().encode(formatIdentity(identity));
}

/** What a certificate has to vouch for, of a name that was only said. */
export function identityOf(name: Uint8Array): Identity {
  const idType = name.includes(0x40) ? IdType.ID_RFC822_ADDR : IdType.ID_FQDN;
  return { idType, data: name.slice() };
}

/** Bytes that should be UTF-8. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A name for a sentence: what the other end says may hold anything. */
export function printable(name: Uint8Array): string {
  return formatIdentity(identityOf(name));
}
