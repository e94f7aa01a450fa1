// Starts the worker's program from source, as tests and development do; it is in no package. The hooks that compile
// TypeScript in the main thread do not reach into a worker.
import { register } from 'tsx/esm/api';

register();
await import('../packet-worker.ts');
