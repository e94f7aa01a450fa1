export * from './alarm-wake-source.ts';
export * from './catch-up-order.ts';
export * from './scheduler.ts';
export * from './scheduler-contract.ts';
export type { WakeCost } from './wake-costs.ts';
export * from './wake-source.ts';
