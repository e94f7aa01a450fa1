export * from './create-tun.ts';
export * from './leftovers.ts';
export * from './tun-adapter.ts';
export { TunError } from './tun-error.ts';
export * from './tun-from-fd.ts';
