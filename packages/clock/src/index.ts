export * from './clock.ts';
export * from './deadline.ts';
export * from './instant.ts';
export * from './machine.ts';
export * from './time-queue.ts';
export * from './virtual-clock.ts';
