export * from './certificate-identity.ts';
export { identitiesEqual } from './identities-equal.ts';
export * from './identity.ts';
export {
  IdentityMatch,
  type IdentityPattern,
  type IdentityPatternResult,
  matchIdentity,
  parseIdentityPattern,
} from './identity-pattern.ts';
export * from './identity-text.ts';
export * from './psk-auth.ts';
export * from './secret-store.ts';
export * from './signature-auth.ts';
export * from './signature-hashes.ts';
export * from './signed-octets.ts';
export * from './verify-signature.ts';
