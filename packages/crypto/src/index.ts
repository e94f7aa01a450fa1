export * from './key-material.ts';
export * from './provider.ts';
export * from './random-source.ts';
export * from './transforms.ts';
