import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { RevalidationReport, RevalidationRequest } from './credentials/revalidation-report.ts';
import { createEventListener, type EventListener } from './event-listener.ts';
import type { VpnEvent } from './events.ts';
import { makeDirectory } from './make-directory.ts';
import {
  readRevalidationRequest,
  readSessionRequest,
  SESSION_ACTIONS,
  type SessionRequest,
} from './session-request.ts';
import type { VpnStatus } from './status.ts';
import {
  messageOf,
  systemErrorCode,
  VpnError,
  type VpnErrorCode,
  vpnErrorFrom,
} from './vpn-error.ts';

/** What a control socket can be asked to do. */
export interface ControlHandlers {
  status(): VpnStatus;
  /** Resolves when the tunnel is closed; the answer is sent then. */
  disconnect(): Promise<void>;
  /** Resolves with one sentence when it is done; rejects with one when it is not. */
  perform(request: SessionRequest): Promise<string>;
  /** Resolves when the certificates of all peers have a verdict. */
  revalidate(request: RevalidationRequest): Promise<RevalidationReport>;
}

/** A control socket that is listening. */
export interface ControlSocket {
  readonly path: string;
  /** Tells an event to everybody who asked for `monitor`; whoever reads too slowly misses some, and is told how many. */
  publish(event: VpnEvent): void;
  /** Finishes answers in progress, then closes and removes the socket. */
  close(): Promise<void>;
}

/** One answer on the control socket: a line of JSON. */
export type ControlAnswer =
  | {
      readonly ok: true;
      readonly status?: VpnStatus;
      readonly sentence?: string;
      readonly revalidation?: RevalidationReport;
      /** Events follow, each on a line of its own. */
      readonly monitor?: true;
    }
  | { readonly ok: false; readonly error: string; readonly code?: VpnErrorCode };

const requestLimitBytes = 4096;
const connectionLimit = 16;
/** Requests of one connection that may wait for their answers before no more is read. */
const unansweredLimit = 8;
const idleMs = 30_000;
/** `sun_path` has 108 bytes with its terminator. */
const pathLimitBytes = 107;

/** Opens a control socket: a Unix socket of mode 0600 that takes newline-delimited JSON: `{"command":"status"}`,
 * `{"command":"disconnect"}`, `{"command":"monitor"}` (then one event for each line, until the connection ends), and the requests of
 * {@link SessionRequest}, as `{"command":"rekey","child":"net"}`. Its directory is created with mode 0700 when missing. The socket of a process
 * that is gone is replaced.
 * @throws {@link VpnError} `control-in-use` when a running process answers there, `permission` or `file-failed`
 *   when the socket cannot be made.
 */
export async function openControlSocket(
  path: string,
  handlers: ControlHandlers,
): Promise<ControlSocket> {
  if (Buffer.byteLength(path) > pathLimitBytes) {
    throw new VpnError(
      'config',
      `The control path is ${Buffer.byteLength(path)} bytes long, and a socket's path has at most ${pathLimitBytes}: choose a shorter --control PATH.`,
    );
  }
  try {
    makeDirectory(dirname(path));
    await removeStaleSocket(path);
  } catch (error) {
    throw vpnErrorFrom(error, `open the control socket ${path}`, 'file-failed');
  }

  const sockets = new Set<Socket>();
  const answers = new Set<Promise<void>>();
  const listeners = new Map<Socket, EventListener>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      listeners.delete(socket);
    });
    socket.on('error', () => socket.destroy());
    serve(socket, handlers, answers, () => {
      if (!listeners.has(socket)) listeners.set(socket, createEventListener(socket));
    });
  });
  server.maxConnections = connectionLimit;
  await listen(server, path);

  let closing: Promise<void> | undefined;
  return {
    path,
    publish(event) {
      for (const listener of listeners.values()) listener.tell(event);
    },
    close() {
      closing ??= closeServer(server, sockets, answers);
      return closing;
    },
  };
}

function serve(
  socket: Socket,
  handlers: ControlHandlers,
  answers: Set<Promise<void>>,
  listen: () => void,
): void {
  let buffered = '';
  let unanswered = 0;
  // Who waits for an answer is not idle.
  socket.setTimeout(idleMs, () => unanswered === 0 && socket.destroy());
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    buffered += chunk;
    for (let end = buffered.indexOf('\n'); end >= 0; end = buffered.indexOf('\n')) {
      const line = buffered.slice(0, end);
      buffered = buffered.slice(end + 1);
      unanswered += 1;
      if (unanswered === unansweredLimit) socket.pause();
      const answer = answerTo(line, handlers)
        .then((value) => {
          if (socket.destroyed) return;
          socket.write(`${JSON.stringify(value)}\n`);
          if (!value.ok || !value.monitor) return;
          // Between two events there may be hours.
          socket.setTimeout(0);
          listen();
        })
        .finally(() => {
          answers.delete(answer);
          unanswered -= 1;
          socket.resume();
        });
      answers.add(answer);
    }
    if (buffered.length > requestLimitBytes) {
      const refusal: ControlAnswer = {
        ok: false,
        error: `A request has at most ${requestLimitBytes} bytes.`,
      };
      socket.end(`${JSON.stringify(refusal)}\n`);
      buffered = '';
      socket.removeAllListeners('data');
      socket.resume();
    }
  });
}

async function answerTo(line: string, handlers: ControlHandlers): Promise<ControlAnswer> {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    return { ok: false, error: 'A request is one line of JSON: {"command":"status"}.' };
  }
  const command =
    typeof request === 'object' && request !== null && 'command' in request
      ? request.command
      : undefined;
  try {
    switch (command) {
      case 'status':
        return { ok: true, status: handlers.status() };
      case 'monitor':
        return { ok: true, monitor: true };
      case 'disconnect':
        await handlers.disconnect();
        return { ok: true };
      case 'revalidate':
        return await answerRevalidation(request, handlers);
      default:
        return await answerSession(request, handlers);
    }
  } catch (error) {
    const code = error instanceof VpnError ? { code: error.code } : {};
    return { ok: false, error: messageOf(error), ...code };
  }
}

async function answerRevalidation(
  value: unknown,
  handlers: ControlHandlers,
): Promise<ControlAnswer> {
  const request = readRevalidationRequest(value);
  if (typeof request === 'string') return { ok: false, error: request, code: 'config' };
  return { ok: true, revalidation: await handlers.revalidate(request) };
}

async function answerSession(value: unknown, handlers: ControlHandlers): Promise<ControlAnswer> {
  const request = readSessionRequest(value);
  if (typeof request === 'string') return { ok: false, error: request, code: 'config' };
  if (request) return { ok: true, sentence: await handlers.perform(request) };
  const known = ['status', 'monitor', 'disconnect', ...SESSION_ACTIONS, 'revalidate']
    .map((name) => `"${name}"`)
    .join(', ');
  return { ok: false, error: `Unknown command: there are ${known}.` };
}

/** Removes what a process that is gone left behind; refuses when one answers, or when it is no socket at all. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) {
    throw new VpnError(
      'control-in-use',
      `${path} exists and is not a socket: remove it, or choose another --control PATH.`,
    );
  }
  if (await isAnswered(path)) {
    throw new VpnError(
      'control-in-use',
      `A running ipsec-kit already answers on ${path}: end it with \`ipsec-kit disconnect --control ${path}\`, or choose another --control PATH.`,
    );
  }
  unlinkSync(path);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.on('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', (error) => {
      const code = systemErrorCode(error);
      // A full backlog belongs to a process that lives; only a refusal says that nobody listens.
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false);
      else if (code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(vpnErrorFrom(error, `open the control socket ${path}`, 'file-failed')),
    );
    // The socket is bound inside listen(): with this mask it never stands with a wider mode, not for a moment.
    const before = isMainThread ? process.umask(0o177) : undefined;
    try {
      server.listen(path, () => {
        chmodSync(path, 0o600);
        resolve();
      });
    } finally {
      if (before !== undefined) process.umask(before);
    }
  });
}

async function closeServer(
  server: Server,
  sockets: ReadonlySet<Socket>,
  answers: ReadonlySet<Promise<void>>,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await Promise.allSettled([...answers]);
  for (const socket of sockets) socket.end();
  const patience = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, 1000);
  await closed;
  clearTimeout(patience);
}
