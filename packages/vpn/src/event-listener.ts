import type { Socket } from 'node:net';
import type { VpnEvent } from './events.ts';

/** What may wait for one listener; beyond that it misses events. */
const MOST_WAITING_BYTES = 256 * 1024;

/** An event as `monitor` tells it, one line of JSON each. */
export type MonitoredEvent =
  | (VpnEvent & { readonly time: string })
  /** The listener was too slow for so many events, which came before the next. */
  | { readonly kind: 'events-lost'; readonly time: string; readonly count: number };

/** Somebody who is told events over a socket. */
export interface EventListener {
  tell(event: VpnEvent): void;
}

/** Writes events to a socket without ever waiting for it: what it does not take is left out and counted. */
export function createEventListener(
  socket: Pick<Socket, 'write' | 'writableLength' | 'destroyed'>,
): EventListener {
  let lost = 0;

  function write(event: MonitoredEvent): void {
    socket.write(`${JSON.stringify(event)}\n`);
  }

  return {
    tell(event) {
      if (socket.destroyed) return;
      if (socket.writableLength > MOST_WAITING_BYTES) {
        lost += 1;
        return;
      }
      const time = new Date().toISOString();
      if (lost > 0) write({ kind: 'events-lost', time, count: lost });
      lost = 0;
      write({ time, ...event });
    },
  };
}
