export { loadOpenSslProvider, type OpenSslResult } from './load-openssl.ts';
export * from './packet-cipher.ts';
