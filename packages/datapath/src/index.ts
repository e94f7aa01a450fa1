export * from './datapath.ts';
export type { DatapathCounters } from './datapath-counters.ts';
export * from './packet-path.ts';
export * from './packet-worker-contract.ts';
export type { PairActivity, PathFact, TooBigFact } from './pair-activity.ts';
export * from './start-packet-worker.ts';
export type { PlaceSpi } from './workers/spi-placement.ts';
