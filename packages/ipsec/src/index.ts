export type { DropReason, EngineDropReason } from './drop-counters.ts';
export * from './engine.ts';
export * from './packet-engine.ts';
export * from './prefix-trie.ts';
export * from './sa-pair.ts';
export * from './tunnel-mtu.ts';
