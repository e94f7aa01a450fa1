export * from './noble-provider.ts';
export * from './noble-signatures.ts';
export * from './system-random.ts';
