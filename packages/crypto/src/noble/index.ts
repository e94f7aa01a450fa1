export * from './noble-provider.ts';
export * from './system-random.ts';
