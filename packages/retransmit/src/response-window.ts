import {
  copyDatagrams,
  MAX_MESSAGE_ID,
  requireMessageId,
  requireWindowSize,
} from './message-id.ts';

export interface ResponseWindowOptions {
  /** How many requests we said that we keep track of; 1 unless SET_WINDOW_SIZE was sent. @see RFC 7296 §2.3 */
  readonly windowSize?: number;
  /** Default 0: IKE_SA_INIT. */
  readonly firstMessageId?: number;
}

/** What to do with a request, by its message id alone.
 * - `new`: process it, after `begin`.
 * - `retransmission`: send `datagrams` again and nothing else; `in-progress` has no answer yet, so stay silent.
 * - `old`: its response is forgotten; it MUST be ignored.
 * - `ahead`: beyond the window; MUST NOT be answered. INVALID_MESSAGE_ID may be sent in an exchange of our own, rate-limited.
 * @see RFC 7296 §2.1, §2.3
 */
export type RequestClass =
  | { readonly kind: 'new' }
  | {
      readonly kind: 'retransmission';
      readonly state: 'answered';
      readonly datagrams: readonly Uint8Array[];
    }
  | { readonly kind: 'retransmission'; readonly state: 'in-progress' }
  | { readonly kind: 'old' }
  | { readonly kind: 'ahead' };

/** The side of an IKE SA that answers requests: which message ids are expected, and the last responses, bit by bit.
 * Give it only requests that are verified. It has no timer: a responder never retransmits on its own (RFC 7296 §2.1).
 * It keeps at most one response, and one request in progress, for each place in the window.
 * @see RFC 7296 §2.1, §2.2, §2.3
 */
export class ResponseWindow {
  #windowSize: number;
  /** Lowest message id that is not answered yet. */
  #lowestOpen: number;
  /** One above the highest message id that was received. */
  #afterHighest: number;
  readonly #inProgress = new Set<number>();
  readonly #responses = new Map<number, readonly Uint8Array[]>();

  constructor(options: ResponseWindowOptions = {}) {
    this.#windowSize = requireWindowSize(options.windowSize ?? 1);
    this.#lowestOpen = requireMessageId('firstMessageId', options.firstMessageId ?? 0);
    this.#afterHighest = this.#lowestOpen;
  }

  /** The lowest message id that has no response yet; 2^32 when all have been used. @see RFC 7296 §2.2 */
  get expectedMessageId(): number {
    return this.#lowestOpen;
  }

  /** Whether a request is being worked on. */
  get isWorking(): boolean {
    return this.#inProgress.size > 0;
  }

  get windowSize(): number {
    return this.#windowSize;
  }

  /** Sorts a request by its message id; changes nothing. */
  classify(messageId: number): RequestClass {
    const datagrams = this.#responses.get(messageId);
    if (datagrams !== undefined) return { kind: 'retransmission', state: 'answered', datagrams };
    if (this.#inProgress.has(messageId)) return { kind: 'retransmission', state: 'in-progress' };
    if (messageId < this.#lowestOpen) return { kind: 'old' };
    // A peer that keeps to the window never has a request out at this distance before the oldest has its response.
    if (messageId >= this.#lowestOpen + this.#windowSize) return { kind: 'ahead' };
    if (messageId > MAX_MESSAGE_ID) return { kind: 'ahead' };
    return { kind: 'new' };
  }

  /** Notes that a new request is being worked on: from now on its retransmissions are silent until `respond`.
   * Responses that the peer has shown to have received are forgotten here, and only here.
   * @throws Error when the message id is not `new`.
   */
  begin(messageId: number): void {
    if (this.classify(messageId).kind !== 'new') {
      throw new Error(`"messageId" expected a new request, got ${messageId}`);
    }
    this.#inProgress.add(messageId);
    this.#afterHighest = Math.max(this.#afterHighest, messageId + 1);
    // RFC 7296 §2.1: remembered until a request arrives whose number is the response's plus the window, or more.
    for (const old of this.#responses.keys()) {
      if (old + this.#windowSize < this.#afterHighest) this.#responses.delete(old);
    }
  }

  /** Keeps the response to a request in progress, to be sent again for each retransmission of the request.
   * @param datagrams - from the IKE header on: one, or one for each fragment. Copied.
   * @returns the copy to send.
   * @throws Error when the request is not in progress.
   */
  respond(messageId: number, datagrams: readonly Uint8Array[]): readonly Uint8Array[] {
    if (!this.#inProgress.has(messageId)) {
      throw new Error(`"messageId" expected a request in progress, got ${messageId}`);
    }
    const copy = copyDatagrams(datagrams);
    this.#inProgress.delete(messageId);
    this.#responses.set(messageId, copy);
    while (this.#responses.has(this.#lowestOpen)) this.#lowestOpen += 1;
    return copy;
  }

  /** Goes on behind requests that somebody else has answered in our place.
   * @param expectedMessageId - of the next request.
   * @param lastResponse - the datagrams that answered the one before. Copied.
   * @throws RangeError when that would lead back, or a request is in progress.
   */
  resumeAt(expectedMessageId: number, lastResponse: readonly Uint8Array[]): void {
    requireMessageId('expectedMessageId', expectedMessageId);
    if (this.isWorking || expectedMessageId <= this.#lowestOpen) {
      throw new RangeError(
        `"expectedMessageId" expected one above ${this.#lowestOpen} and no request in progress, got ${expectedMessageId}`,
      );
    }
    this.#responses.clear();
    this.#responses.set(expectedMessageId - 1, copyDatagrams(lastResponse));
    this.#lowestOpen = expectedMessageId;
    this.#afterHighest = expectedMessageId;
  }

  /** Widens the window to what we announced in SET_WINDOW_SIZE; it can only grow. @see RFC 7296 §2.3 */
  growWindow(announced: number): void {
    if (announced > this.#windowSize) this.#windowSize = requireWindowSize(announced);
  }

  /** Drops the responses that only retransmissions could ask for, as a responder may after several minutes;
   * the requests that they answered are then `old`. @see RFC 7296 §2.1
   */
  forgetResponses(): void {
    // What lies above an open request stays: without its response it would look new and be processed twice.
    for (const messageId of this.#responses.keys()) {
      if (messageId < this.#lowestOpen) this.#responses.delete(messageId);
    }
  }
}
