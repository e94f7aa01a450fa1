import { Worker } from 'node:worker_threads';
import type { Posix } from '@ipsec-kit/posix';
import {
  BACKLOG_BYTES,
  type FromWorker,
  type PacketWorkerStart,
  type ToWorker,
} from './messages.ts';
import { sentenceOf } from './sentence-of.ts';

/** How long a worker may take to end. */
const STOP_MS = 2_000;

type Ready = Extract<FromWorker, { kind: 'ready' }>;
type Told = Exclude<FromWorker, { kind: 'ready' | 'refused' | 'done' }>;

/** What a request waits with; a worker that ends leaves none unanswered. */
interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** The way to a packet worker and back. */
export interface WorkerChannel {
  readonly ready: Ready;
  /** See `PacketWorkerStart.backlog`. */
  readonly backlog: Int32Array;
  /** @param moved - buffers that are the worker's from then on. */
  send(command: ToWorker, moved?: readonly ArrayBuffer[]): void;
  /** Resolves when it is done, rejects with the worker's reason. @param command - given the id of the request. */
  request(command: (id: number) => ToWorker, moved?: readonly ArrayBuffer[]): Promise<void>;
  /** Whether the worker has ended without being asked to: what it used is nobody's now. */
  readonly hasFailed: boolean;
  onMessage(handler: (message: Told) => void): void;
  /** The worker has ended without being asked to; nothing is carried any more. */
  onFailure(handler: (error: Error) => void): void;
  /** Resolves when the worker has ended, asked to or not. */
  readonly ended: Promise<void>;
  /** Resolves when the worker has ended; may be called again. */
  stop(): Promise<void>;
}

/** Starts a worker for a queue of a TUN device.
 * @param device - its `wakeFd` is the caller's to close when the worker has ended, and whoever else may wake it.
 * @returns the channel, or one sentence that says why the worker cannot serve; it has ended then.
 */
export async function openWorkerChannel(
  posix: Posix,
  device: Omit<PacketWorkerStart, 'backlog'>,
): Promise<WorkerChannel | string> {
  const { wakeFd } = device;
  const backlog = new SharedArrayBuffer(BACKLOG_BYTES);
  const start: PacketWorkerStart = { ...device, backlog };
  let worker: Worker;
  try {
    worker = startWorker(start);
  } catch (error) {
    return sentenceOf(error);
  }
  // A process that exits waits for its threads, so the one in poll has to be woken.
  const wakeAtExit = (): void => posix.signalEventfd(wakeFd);
  process.once('exit', wakeAtExit);
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      process.off('exit', wakeAtExit);
      resolve();
    });
  });
  const first = await firstMessage(worker);
  if (first.kind === 'ready') return channelTo(worker, posix, { start, first, exited });
  await exited;
  return first.kind === 'refused' ? first.reason : `the packet worker began with ${first.kind}`;
}

/** The worker's program lies beside this one: compiled in a package, as source in the repository. */
function startWorker(workerData: PacketWorkerStart): Worker {
  const isSource = import.meta.url.endsWith('.ts');
  if (!isSource) return new Worker(new URL('./packet-worker.js', import.meta.url), { workerData });
  const execArgv = ['--conditions=@ipsec-kit/source'];
  return new Worker(new URL('./from-source.mjs', import.meta.url), { workerData, execArgv });
}

function firstMessage(worker: Worker): Promise<FromWorker> {
  return new Promise((resolve) => {
    const refuse = (error: unknown): void =>
      resolve({ kind: 'refused', reason: sentenceOf(error) });
    worker.once('message', resolve);
    worker.once('error', refuse);
    worker.once('exit', (code) => refuse(`the packet worker ended with code ${code}`));
  });
}

function channelTo(
  worker: Worker,
  posix: Posix,
  { start, first, exited }: { start: PacketWorkerStart; first: Ready; exited: Promise<void> },
): WorkerChannel {
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let hasEnded = false;
  let hasFailed = false;
  let isStopping = false;
  let onMessage: (message: Told) => void = () => undefined;
  let onFailure: (error: Error) => void = () => undefined;
  let failure = 'the packet worker has ended';

  function send(command: ToWorker, moved: readonly ArrayBuffer[] = []): void {
    if (hasEnded) return;
    worker.postMessage(command, moved);
    posix.signalEventfd(start.wakeFd);
  }

  worker.on('message', (message: FromWorker) => {
    if (message.kind !== 'done') {
      if (message.kind !== 'ready' && message.kind !== 'refused') onMessage(message);
      return;
    }
    const request = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.failure === undefined) request?.resolve();
    else request?.reject(new Error(message.failure));
  });
  worker.on('error', (error) => {
    failure = `the packet worker has failed: ${sentenceOf(error)}`;
  });
  worker.once('exit', () => {
    hasEnded = true;
    hasFailed = !isStopping;
    for (const { resolve, reject } of waiting.values()) {
      if (isStopping) resolve();
      else reject(new Error(failure));
    }
    waiting.clear();
    if (hasFailed) onFailure(new Error(failure));
  });

  async function stop(): Promise<void> {
    isStopping = true;
    send({ kind: 'stop' });
    // A worker that does not hear is ended by force; where it is in poll it wakes up first.
    const force = setTimeout(() => {
      void worker.terminate();
      if (!hasEnded) posix.signalEventfd(start.wakeFd);
    }, STOP_MS);
    await exited;
    clearTimeout(force);
  }

  return {
    ready: first,
    backlog: new Int32Array(start.backlog),
    send,
    request(command, moved): Promise<void> {
      if (hasEnded) return isStopping ? Promise.resolve() : Promise.reject(new Error(failure));
      lastId += 1;
      const id = lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        send(command(id), moved);
      });
    },
    get hasFailed(): boolean {
      return hasFailed;
    },
    onMessage(handler): void {
      onMessage = handler;
    },
    onFailure(handler): void {
      onFailure = handler;
    },
    ended: exited,
    stop,
  };
}
