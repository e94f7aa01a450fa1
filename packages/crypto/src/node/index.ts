export * from './node-provider.ts';
export * from './node-signatures.ts';
export * from './system-random.ts';
