import { addMs, type Clock, type Instant } from '@ipsec-kit/clock';
import type { Command, SessionEvent } from '@ipsec-kit/ikev2';
import { createDeferred } from './deferred.ts';

/** Ends sessions with DELETE. */
export interface SessionCloser {
  /** Resolves when no session is left, or after `patienceMs`; again with less patience resolves earlier. */
  close(patienceMs: number): Promise<void>;
  /** To be told of every event, after the book. */
  note(event: SessionEvent): void;
}

export interface SessionCloserOptions {
  readonly clock: Pick<Clock, 'now' | 'wakeAt'>;
  readonly command: (command: Command) => void;
  /** All sessions that exist now, those included that are just being opened. */
  readonly ids: () => readonly number[];
}

/** Makes the one closer of a tunnel. */
export function createSessionCloser({ clock, command, ids }: SessionCloserOptions): SessionCloser {
  const gone = createDeferred<void>();
  let giveUpAt: Instant | undefined;

  return {
    async close(patienceMs) {
      const at = addMs(clock.now(), Math.max(patienceMs, 0));
      giveUpAt = at;
      for (const sessionId of ids()) command({ kind: 'close', sessionId, giveUpAt: at });
      if (ids().length === 0 || patienceMs <= 0) gone.resolve();
      const cancel = clock.wakeAt(at, gone.resolve);
      await gone.promise;
      cancel();
    },
    note(event) {
      if (giveUpAt === undefined) return;
      // A peer that was just opening one is not to be left with it.
      if (event.kind === 'ike-sa-keyed') {
        command({ kind: 'close', sessionId: event.sessionId, giveUpAt });
      } else if (event.kind === 'session-closed' && ids().length === 0) {
        gone.resolve();
      }
    },
  };
}
