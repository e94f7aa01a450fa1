export * from './create-udp-adapter.ts';
export * from './local-address.ts';
export * from './udp-adapter.ts';
export { UdpBindError } from './udp-bind-error.ts';
