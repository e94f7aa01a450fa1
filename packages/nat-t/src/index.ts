export * from './keepalive-timer.ts';
export * from './mapping-tracker.ts';
export * from './nat-detection.ts';
export * from './port-4500.ts';
