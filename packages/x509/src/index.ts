export * from './certificate.ts';
export * from './certificate-extensions.ts';
export * from './certificate-request.ts';
export * from './certificate-validator.ts';
export type { GeneralName, NameConstraints } from './name-constraints.ts';
export type { PathFailure, PathPolicy } from './path-search.ts';
export * from './pem.ts';
export * from './revocation-list.ts';
