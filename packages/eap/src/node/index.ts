export * from './node-radius-backend.ts';
export * from './node-tls-engine.ts';
