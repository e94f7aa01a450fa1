/** Loads the calls in a worker and waits there for an eventfd. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadSystemCalls, POLLIN, rawMemory } from '../src/index.ts';

const loaded = loadSystemCalls();
if (!loaded.ok) throw new Error(loaded.reason);
const memory = rawMemory(loaded.calls.mapMemory(64));
memory.words32[0] = workerData.fd;
memory.words32[1] = POLLIN;
parentPort?.postMessage('blocking');
loaded.calls.poll(memory.address, 1, 10_000);
parentPort?.postMessage((memory.words32[1] ?? 0) >>> 16);
