export * from './network/datagram.ts';
export type { DatagramHook, Decision } from './network/fault.ts';
export * from './network/format-trace.ts';
export * from './network/link.ts';
export * from './network/middlebox.ts';
export type { TraceEntry } from './network/network-trace.ts';
export * from './network/random-stream.ts';
export * from './network/virtual-network.ts';
