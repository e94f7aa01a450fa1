export * from './issue-certificate.ts';
export * from './issue-revocation-list.ts';
export { lockPkcs8, type PlatformCrypto } from './lock-pkcs8.ts';
export { writePem } from './write-pem.ts';
export { type Pkcs12Entry, writePkcs12 } from './write-pkcs12.ts';
