export * from './config.ts';
export * from './endpoint-io.ts';
export * from './events.ts';
