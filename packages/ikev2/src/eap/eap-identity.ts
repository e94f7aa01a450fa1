import { formatIdentity, type Identity, identitiesEqual } from '@ipsec-kit/auth';
import { IdType } from '@ipsec-kit/ikev2-codec';

const AT = 0x40;

/** The name that an EAP method has proven, as an identity: with an @ an e-mail address, else a name. What it says is not read
 * otherwise, so that nobody becomes another by how a name is spelt. @param user - in UTF-8. @see RFC 7542
 */
export function eapIdentityOf(user: Uint8Array): Identity {
  const idType = user.includes(AT) ? IdType.ID_RFC822_ADDR : IdType.ID_FQDN;
  return { idType, data: user.slice() };
}

/** Whether a name is that of an IKE identity: an address or a distinguished name has the name that people read. */
export function isNameOf(identity: Identity, user: Uint8Array): boolean {
  const proven = eapIdentityOf(user);
  const isName = identity.idType === IdType.ID_FQDN || identity.idType === IdType.ID_RFC822_ADDR;
  if (isName) return identitiesEqual(identity, proven);
  return formatIdentity(identity) === formatIdentity(proven);
}
