export * from './engine.ts';
export * from './sa-pair.ts';
