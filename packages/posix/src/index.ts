export * from './load-posix.ts';
export * from './posix.ts';
export * from './posix-error.ts';
export * from './struct-layout.ts';
export * from './tun-request.ts';
