export * from './scheduler.ts';
export * from './wake-source.ts';
