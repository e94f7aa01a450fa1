export * from './datapath.ts';
export * from './packet-path.ts';
export * from './start-packet-worker.ts';
