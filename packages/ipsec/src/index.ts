export type { DropReason, EngineDropReason } from './drop-counters.ts';
export * from './engine.ts';
export {
  HELD_FOR_ALL_SPIS,
  HELD_FOR_ALL_TRAPS,
  HELD_PER_SPI,
  HELD_PER_TRAP,
  type HoldingLimits,
} from './held-queue.ts';
export * from './packet-engine.ts';
export type { HandOver, PairElsewhere } from './pair-elsewhere.ts';
export * from './path-mtu.ts';
export * from './path-mtu-contract.ts';
export type { PathProbe } from './path-probe.ts';
export * from './prefix-trie.ts';
export * from './sa-pair.ts';
export type { TfcPadding } from './tfc-padding.ts';
export * from './trap.ts';
export * from './tunnel-mtu.ts';
