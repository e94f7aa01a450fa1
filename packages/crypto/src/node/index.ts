export * from './node-provider.ts';
export * from './system-random.ts';
