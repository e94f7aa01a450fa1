export * from './node-tls-engine.ts';
