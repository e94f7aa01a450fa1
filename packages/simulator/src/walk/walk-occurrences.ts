import type { SessionEvent } from '@ipsec-kit/ikev2';

/** How often something happened in walks, by name: `act rekey-ike`, `rekey-child meets rekey-ike`, `answer TEMPORARY_FAILURE`,
 * `end peer-dead`, `IKE lost`. Shows that walks go where they are meant to.
 */
export type WalkOccurrences = Map<string, number>;

/** Counts one more. */
export function countOccurrence(occurrences: WalkOccurrences, what: string): void {
  occurrences.set(what, (occurrences.get(what) ?? 0) + 1);
}

const ANSWERS: readonly string[] = [
  'TEMPORARY_FAILURE',
  'CHILD_SA_NOT_FOUND',
  'INVALID_KE_PAYLOAD',
];

/** Counts what the messages of one host show: requests that cross one of its own, errors that it answers, and how its
 * sessions end.
 * @see RFC 7296 §2.8.1, §2.8.2, §2.25
 */
export class MessageMeetings {
  readonly #occurrences: WalkOccurrences;
  /** What is out, by session. */
  readonly #own = new Map<number, string>();

  constructor(occurrences: WalkOccurrences) {
    this.#occurrences = occurrences;
  }

  note(event: SessionEvent): void {
    switch (event.kind) {
      case 'message':
        this.#message(event);
        return;
      case 'session-interrupted':
      case 'session-closed':
        this.#own.delete(event.sessionId);
        countOccurrence(this.#occurrences, `end ${event.failure.code}`);
        return;
      default:
        return;
    }
  }

  #message(event: Extract<SessionEvent, { readonly kind: 'message' }>): void {
    const { direction, isResponse, sessionId, payloads } = event;
    if (event.retransmission) {
      if (!isResponse) countOccurrence(this.#occurrences, 'IKE retransmitted');
      return;
    }
    const request = requestName(event);
    if (isResponse) {
      if (direction === 'received') this.#own.delete(sessionId);
      const error = direction === 'sent' && ANSWERS.find((name) => payloads.includes(name));
      if (error) countOccurrence(this.#occurrences, `answer ${error}`);
      return;
    }
    if (!request) return;
    const own = this.#own.get(sessionId);
    if (direction === 'sent') this.#own.set(sessionId, request);
    else if (own) countOccurrence(this.#occurrences, `${own} meets ${request}`);
  }
}

function requestName({
  exchange,
  payloads,
}: Extract<SessionEvent, { readonly kind: 'message' }>): string | undefined {
  if (exchange === 'INFORMATIONAL') return payloads.startsWith('D') ? 'delete' : 'liveness';
  if (exchange !== 'CREATE_CHILD_SA') return undefined;
  if (!payloads.includes('TSi')) return 'rekey-ike';
  return payloads.includes('REKEY_SA') ? 'rekey-child' : 'create-child';
}
