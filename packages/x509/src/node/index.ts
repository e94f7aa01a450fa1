export * from './fetch-evidence.ts';
export * from './node-old-ciphers.ts';
