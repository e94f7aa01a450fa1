export * from './fetch-evidence.ts';
