export * from './udp-adapter.ts';
