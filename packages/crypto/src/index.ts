export { constantTimeEqual } from './constant-time-equal.ts';
export * from './key-material.ts';
export * from './prf-plus.ts';
export * from './provider.ts';
export * from './random-source.ts';
export * from './seeded-random.ts';
export * from './transform-names.ts';
export * from './transforms.ts';
