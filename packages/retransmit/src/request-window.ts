import { addMs, type Deadline, type Instant, type WakeClass } from '@ipsec-kit/clock';
import {
  copyDatagrams,
  MAX_MESSAGE_ID,
  MAX_WINDOW_SIZE,
  requireMessageId,
  requireWindowSize,
} from './message-id.ts';
import type {
  NewRequest,
  OutstandingRequest,
  RequestWindowOptions,
  SendPermission,
  TimeoutAction,
} from './request-window-contract.ts';
import {
  DEFAULT_RETRANSMIT_POLICY,
  MIN_RETRANSMIT_DELAY_MS,
  type RetransmitPolicy,
  requireRetransmitPolicy,
  retransmitDelayMs,
  retransmitSpanMs,
} from './retransmit-policy.ts';

/** Share of a wait by which a retransmission may come later without harm, and the most that may be. */
const TOLERANCE_SHARE = 0.05;
const MAX_TOLERANCE_MS = 1_000;

interface Pending {
  readonly messageId: number;
  readonly name: string;
  datagrams: readonly Uint8Array[];
  firstSentAt: Instant;
  lastSentAt: Instant;
  transmissions: number;
  /** Those of them that its policy does not count. */
  extra: number;
  isHastened: boolean;
  nextAt: Instant;
  waitMs: number;
  isPaced: boolean;
  readonly policy: RetransmitPolicy;
  readonly notAfter: Instant | undefined;
  readonly wake: WakeClass;
}

/** The side of an IKE SA that sends requests: message ids, the window, retransmission, giving up.
 * It sends nothing itself: the caller transmits the datagrams, at first and whenever `onTimeout` says so.
 * @see RFC 7296 §2.1, §2.2, §2.3, §2.4
 */
export class RequestWindow {
  readonly #policy: RetransmitPolicy;
  readonly #jitterFraction: () => number;
  /** In order of message id. */
  readonly #pending = new Map<number, Pending>();
  #windowSize: number;
  #nextId: number;
  #gaveUp = false;

  constructor(options: RequestWindowOptions = {}) {
    this.#policy = requireRetransmitPolicy(options.policy ?? DEFAULT_RETRANSMIT_POLICY);
    this.#jitterFraction = options.jitterFraction ?? (() => 0);
    this.#windowSize = requireWindowSize(options.windowSize ?? 1);
    this.#nextId = requireMessageId('firstMessageId', options.firstMessageId ?? 0);
  }

  /** The requests that wait for a response, in order of message id. */
  get outstanding(): readonly OutstandingRequest[] {
    return [...this.#pending.values()].map(snapshot);
  }

  get windowSize(): number {
    return this.#windowSize;
  }

  /** How many message ids are left: rekey the IKE SA before there is none for its DELETE. @see RFC 7296 §2.2 */
  get remainingMessageIds(): number {
    return MAX_MESSAGE_ID - this.#nextId + 1;
  }

  /** Whether a request may be sent now, and with which message id: build the message with that id, then call `send`.
   * @see RFC 7296 §2.3: request X MUST wait until all requests up to X-N have their response, for a window of N.
   */
  permission(): SendPermission {
    if (this.#gaveUp) return { ok: false, code: 'gave-up' };
    if (this.#nextId > MAX_MESSAGE_ID) return { ok: false, code: 'message-ids-exhausted' };
    const [oldest] = this.#pending.keys();
    if (oldest !== undefined && this.#nextId >= oldest + this.#windowSize) {
      return { ok: false, code: 'window-full' };
    }
    return { ok: true, messageId: this.#nextId };
  }

  /** Records the first transmission of the request with the message id that `permission` named, and starts its timer.
   * @returns the same as `permission`; nothing is recorded when it is refused.
   */
  send(request: NewRequest): SendPermission {
    const permission = this.permission();
    if (!permission.ok) return permission;
    const policy = request.policy ? requireRetransmitPolicy(request.policy) : this.#policy;
    const pending: Pending = {
      messageId: permission.messageId,
      name: request.name,
      datagrams: copyDatagrams(request.datagrams),
      firstSentAt: request.now,
      lastSentAt: request.now,
      transmissions: 1,
      extra: 0,
      isHastened: false,
      nextAt: request.now,
      waitMs: 0,
      isPaced: false,
      policy,
      notAfter: request.notAfter,
      wake: request.wake ?? 'device',
    };
    this.#startWait(pending, request.now);
    this.#pending.set(pending.messageId, pending);
    this.#nextId += 1;
    return permission;
  }

  /** Puts another message in the place of an outstanding one, under the same message id and as its first transmission:
   * the retry of IKE_SA_INIT after COOKIE or INVALID_KE_PAYLOAD, which keeps id 0, and the only case there is.
   * @returns false when no request with message id 0 is outstanding.
   * @see RFC 7296 §2.2, §2.6, §1.2
   */
  replaceInitial(now: Instant, datagrams: readonly Uint8Array[]): boolean {
    const pending = this.#pending.get(0);
    if (pending === undefined) return false;
    pending.datagrams = copyDatagrams(datagrams);
    pending.firstSentAt = now;
    pending.lastSentAt = now;
    pending.transmissions = 1;
    pending.extra = 0;
    pending.isHastened = false;
    this.#startWait(pending, now);
    return true;
  }

  /** Takes the response to a request; call it only once the response is verified.
   * @returns the request, or `undefined` when none with this message id is outstanding: a late duplicate, to be ignored.
   */
  acknowledge(messageId: number): OutstandingRequest | undefined {
    const pending = this.#pending.get(messageId);
    this.#pending.delete(messageId);
    return pending && snapshot(pending);
  }

  /** When `onTimeout` wants to be called next; `undefined` when nothing is outstanding. */
  nextDeadline(): Deadline | undefined {
    const next = this.#nextDue();
    if (next === undefined) return undefined;
    const toleranceMs = Math.min(next.waitMs * TOLERANCE_SHARE, MAX_TOLERANCE_MS);
    return { name: `retransmit ${next.name}`, at: dueAt(next), toleranceMs, wake: next.wake };
  }

  /** What is due at `now`, one request at a time: perform it and call again until it says `nothing`.
   * The wait after a retransmission counts from `now`, so a late call never sends twice in a row.
   * A request that is given up leaves the window, and no other can be sent: the IKE SA has failed (RFC 7296 §2.1).
   */
  onTimeout(now: Instant): TimeoutAction {
    const request = this.#nextDue();
    if (request === undefined || dueAt(request) > now) return { kind: 'nothing' };
    const lifetimeEnded = request.notAfter !== undefined && request.notAfter <= now;
    const counted = request.transmissions - request.extra;
    const isOver = !request.isPaced && !request.isHastened && counted > request.policy.tries;
    if (lifetimeEnded || isOver) {
      this.#pending.delete(request.messageId);
      this.#gaveUp = true;
      const reason = lifetimeEnded ? 'lifetime-ended' : 'no-response';
      return { kind: 'give-up', request: snapshot(request), reason };
    }
    request.transmissions += 1;
    if (request.isHastened) request.extra += 1;
    request.isHastened = false;
    request.lastSentAt = now;
    this.#startWait(request, now);
    return { kind: 'retransmit', request: snapshot(request) };
  }

  /** Takes the pace of a request out of the hands of its policy: the caller has sent it at `now`, it is due again `waitMs` later, and
   * to give it up is the caller's matter, who may be trying several paths with it. What it serves still ends it at `notAfter`.
   * @returns false when no request with this message id is outstanding.
   * @see RFC 4555 §3.11
   */
  pace(messageId: number, now: Instant, waitMs: number): boolean {
    const pending = this.#pending.get(messageId);
    if (pending === undefined) return false;
    pending.isPaced = true;
    pending.isHastened = false;
    pending.lastSentAt = now;
    pending.waitMs = Math.max(waitMs, MIN_RETRANSMIT_DELAY_MS);
    pending.nextAt = addMs(now, pending.waitMs);
    return true;
  }

  /** Has a request sent once more before its policy would: it waits in a hurry for an answer that is due within a round trip. The policy
   * goes on from there, and does not count it among its tries.
   * @returns false when no request with this message id is outstanding, or it is due before that anyway.
   */
  hasten(messageId: number, at: Instant): boolean {
    const pending = this.#pending.get(messageId);
    if (pending === undefined || pending.isPaced || at >= pending.nextAt) return false;
    pending.isHastened = true;
    pending.nextAt = at;
    return true;
  }

  /** Notes that the caller has sent a request again of its own accord, at `now`. Its policy goes on as if it had not: however often that
   * happens, it is given up when it would have been.
   */
  noteRepeated(messageId: number, now: Instant): void {
    const pending = this.#pending.get(messageId);
    if (pending === undefined) return;
    pending.transmissions += 1;
    pending.extra += 1;
    pending.lastSentAt = now;
  }

  /** Takes over the window that the peer announced in SET_WINDOW_SIZE, up to {@link MAX_WINDOW_SIZE}.
   * A window can only grow: a smaller size changes nothing.
   * @see RFC 7296 §2.3
   */
  growWindow(announced: number): void {
    const size = Math.min(announced, MAX_WINDOW_SIZE);
    if (size > this.#windowSize) this.#windowSize = requireWindowSize(size);
  }

  /** Forgets everything outstanding, when the IKE SA ends. */
  clear(): void {
    this.#pending.clear();
  }

  #startWait(pending: Pending, now: Instant): void {
    const attempt = pending.transmissions - 1 - pending.extra;
    pending.waitMs = retransmitDelayMs(pending.policy, attempt, this.#jitterFraction());
    pending.nextAt = addMs(now, pending.waitMs);
  }

  /** A scan, since a window holds {@link MAX_WINDOW_SIZE} requests at most and mostly one. */
  #nextDue(): Pending | undefined {
    let first: Pending | undefined;
    for (const pending of this.#pending.values()) {
      if (first === undefined || dueAt(pending) < dueAt(first)) first = pending;
    }
    return first;
  }
}

function dueAt(pending: Pending): Instant {
  const { nextAt, notAfter } = pending;
  return notAfter !== undefined && notAfter < nextAt ? notAfter : nextAt;
}

/** Plain data that does not change when the request goes on. */
function snapshot(pending: Pending): OutstandingRequest {
  const { messageId, name, datagrams, firstSentAt, lastSentAt, transmissions, isPaced } = pending;
  return {
    messageId,
    name,
    datagrams,
    firstSentAt,
    lastSentAt,
    transmissions,
    isPaced,
    dueAt: dueAt(pending),
    overAt: addMs(firstSentAt, retransmitSpanMs(pending.policy)),
  };
}
