export * from './create-tun.ts';
export * from './leftovers.ts';
export * from './tun-adapter.ts';
export * from './tun-error.ts';
export * from './tun-from-fd.ts';
