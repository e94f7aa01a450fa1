export * from './drop-reason.ts';
export * from './sa.ts';
