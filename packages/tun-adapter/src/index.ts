export * from './tun-adapter.ts';
