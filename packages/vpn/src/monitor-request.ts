import { connect } from 'node:net';
import { controlUnreachable } from './control-request.ts';
import type { MonitoredEvent } from './event-listener.ts';
import { VpnError } from './vpn-error.ts';

const lineLimitBytes = 1024 * 1024;

/** A stream of the events of a running client or server. */
export interface EventStream {
  /** Resolves when the process ended or {@link EventStream.stop} was called.
   * @throws {@link VpnError} `control-unreachable` when nobody answers there.
   */
  readonly ended: Promise<void>;
  stop(): void;
}

/** Asks a running client or server for its events, as they come.
 * @param onEvent - what it returns is waited for before more is read; a process whose listener is too slow leaves events out and
 *   says how many (`events-lost`).
 */
export function monitorEvents(
  path: string,
  onEvent: (event: MonitoredEvent) => void | Promise<void>,
): EventStream {
  const socket = connect(path);
  return {
    ended: readEvents(path, socket, onEvent).finally(() => socket.destroy()),
    stop: () => socket.destroy(),
  };
}

async function readEvents(
  path: string,
  socket: ReturnType<typeof connect>,
  onEvent: (event: MonitoredEvent) => void | Promise<void>,
): Promise<void> {
  socket.setEncoding('utf8');
  socket.write('{"command":"monitor"}\n');
  let buffered = '';
  let isAccepted = false;
  try {
    for await (const chunk of socket) {
      buffered += chunk;
      for (let end = buffered.indexOf('\n'); end >= 0; end = buffered.indexOf('\n')) {
        const line = parseLine(buffered.slice(0, end), path);
        buffered = buffered.slice(end + 1);
        if (isAccepted) await onEvent(line as MonitoredEvent);
        else isAccepted = requireAccepted(line);
      }
      if (buffered.length > lineLimitBytes) throw notOurs(path);
    }
  } catch (error) {
    if (error instanceof VpnError) throw error;
    // Ended here, or by the end of the process there.
    if (isAccepted) return;
    throw controlUnreachable(path, error instanceof Error ? error : new Error(String(error)));
  }
  if (isAccepted) return;
  throw new VpnError(
    'control-unreachable',
    `The process behind ${path} ended before it answered "monitor".`,
  );
}

function parseLine(line: string, path: string): object {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    throw notOurs(path);
  }
  throw notOurs(path);
}

function requireAccepted(answer: object): true {
  if ('ok' in answer && answer.ok === true) return true;
  const reason = 'error' in answer ? String(answer.error) : 'no reason was given';
  throw new VpnError('control-refused', reason);
}

function notOurs(path: string): VpnError {
  return new VpnError('control-refused', `What answers on ${path} is no ipsec-kit.`);
}
