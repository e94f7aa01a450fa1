export * from './datapath.ts';
export * from './packet-path.ts';
export type { PairActivity, PathFact, TooBigFact } from './pair-activity.ts';
export * from './start-packet-worker.ts';
