export * from './address.ts';
export * from './packet-batch.ts';
export * from './traffic-selector.ts';
