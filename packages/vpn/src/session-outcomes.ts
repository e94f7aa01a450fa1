import type { SessionEvent, SessionFailure } from '@ipsec-kit/ikev2';
import { formatSpi } from './public-event.ts';

/** How something that a user wanted has ended: the end of a sentence. */
export interface Outcome {
  readonly ok: boolean;
  readonly text: string;
}

/** Finds the outcome among events; may remember what it has seen. */
export type Expectation = (event: SessionEvent) => Outcome | undefined;

/** A Child SA gets other keys. */
export function expectChildRekey(childId: number): Expectation {
  return (event) => {
    switch (event.kind) {
      case 'child-rekeyed':
        if (event.oldChildId !== childId) return undefined;
        return done(
          `rekeyed, SPI in ${formatSpi(event.inboundSpi)}, out ${formatSpi(event.outboundSpi)}`,
        );
      case 'rekey-failed':
        return event.childId === childId ? postponed('rekeyed', event) : undefined;
      case 'child-closed':
        return event.childId === childId ? failed(`it was closed: ${event.reason}`) : undefined;
      default:
        return undefined;
    }
  };
}

/** A Child SA is closed, under whatever id it has by then. */
export function expectChildEnd(childId: number): Expectation {
  let current = childId;
  return (event) => {
    if (event.kind === 'child-rekeyed' && event.oldChildId === current) current = event.newChildId;
    if (event.kind === 'child-closed' && event.childId === current) return done('closed');
    return undefined;
  };
}

/** An IKE SA gets other keys. */
export function expectIkeRekey(sessionId: number): Expectation {
  return about(sessionId, (event) => {
    switch (event.kind) {
      case 'session-rekeyed':
        return done('rekeyed');
      case 'session-reauthenticated':
        return done('reauthenticated meanwhile, which gives it other keys as well');
      case 'rekey-failed':
        return event.childId === undefined ? postponed('rekeyed', event) : undefined;
      case 'session-interrupted':
        return failed(`it was lost: ${event.failure.sentence}`);
      default:
        return undefined;
    }
  });
}

/** Both sides prove anew who they are; one that breaks first opens the session anew. */
export function expectReauthentication(sessionId: number): Expectation {
  return about(sessionId, (event) => {
    switch (event.kind) {
      case 'session-reauthenticated':
      case 'session-opened':
        return done('reauthenticated');
      case 'reauthentication-failed':
        return postponed('reauthenticated', event);
      case 'session-interrupted':
        return event.failure.code === 'reauthenticating'
          ? undefined
          : postponed('reauthenticated', event);
      default:
        return undefined;
    }
  });
}

/** A session ends. */
export function expectEnd(sessionId: number): Expectation {
  return (event) =>
    event.kind === 'session-closed' && event.sessionId === sessionId ? done('closed') : undefined;
}

/** Of one session, whose end ends the wait as well. */
function about(sessionId: number, expectation: Expectation): Expectation {
  return (event) => {
    if (!('sessionId' in event) || event.sessionId !== sessionId) return undefined;
    if (event.kind === 'session-closed') return failed(`it ended: ${event.failure.sentence}`);
    return expectation(event);
  };
}

function done(text: string): Outcome {
  return { ok: true, text };
}

function failed(text: string): Outcome {
  return { ok: false, text };
}

function postponed(
  what: string,
  { failure, retryInMs }: { readonly failure: SessionFailure; readonly retryInMs: number },
): Outcome {
  const again = retryInMs > 0 ? ` It is tried again in ${Math.ceil(retryInMs / 1000)} s.` : '';
  return failed(`not ${what}: ${failure.sentence}${again}`);
}
