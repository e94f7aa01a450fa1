export * from './memory-network.ts';
