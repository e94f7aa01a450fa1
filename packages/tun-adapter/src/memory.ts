export * from './memory-tun.ts';
