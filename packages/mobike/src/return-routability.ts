import { constantTimeEqual, type RandomSource } from '@ipsec-kit/crypto';
import { type NotifyPayload, NotifyType } from '@ipsec-kit/ikev2-codec';
import { type Endpoint, endpointsEqual } from '@ipsec-kit/ip';
import { cookie2Notify } from './mobike-notify.ts';

const DEFAULT_COOKIE_BYTES = 16;

/** What a response says about the path. `ambiguous`: the request went to several destinations, so it proves none; ask
 * again. `failed`: the IKE SA MUST be closed.
 */
export type RoutabilityVerdict =
  | { readonly kind: 'verified'; readonly remote: Endpoint }
  | { readonly kind: 'ambiguous' }
  | { readonly kind: 'failed'; readonly code: 'cookie-mismatch' | 'cookie-missing' };

/** One return routability check: can the peer receive at the address that it claims? The request carries a COOKIE2 that it
 * cannot know without having received it. One object for each request.
 * @see RFC 4555 §3.7, §4.2.5
 */
export class ReturnRoutabilityCheck {
  readonly #cookie: Uint8Array;
  readonly #notify: NotifyPayload;
  #destination: Endpoint | undefined;
  #wentElsewhere = false;

  /** @param cookieBytes - 8 to 64; default 16. */
  constructor(random: RandomSource, cookieBytes: number = DEFAULT_COOKIE_BYTES) {
    this.#cookie = new Uint8Array(cookieBytes);
    random.fill(this.#cookie);
    this.#notify = cookie2Notify(this.#cookie);
  }

  /** The COOKIE2 for the request. */
  get notify(): NotifyPayload {
    return this.#notify;
  }

  /** Notes each destination that the request was sent to, retransmissions included. */
  onSent(remote: Endpoint): void {
    if (this.#destination === undefined) this.#destination = remote;
    else if (!endpointsEqual(this.#destination, remote)) this.#wentElsewhere = true;
  }

  /** Judges the verified response; compares the cookies in constant time.
   * @throws Error when no destination was noted before.
   */
  onResponse(notifies: readonly NotifyPayload[]): RoutabilityVerdict {
    if (this.#destination === undefined) {
      throw new Error('onSent expected before onResponse: a response to nothing proves nothing');
    }
    const echo = notifies.find((payload) => payload.notify === NotifyType.COOKIE2);
    if (echo === undefined) return { kind: 'failed', code: 'cookie-missing' };
    if (!constantTimeEqual(this.#cookie, echo.data)) {
      return { kind: 'failed', code: 'cookie-mismatch' };
    }
    // RFC 4555 §3.7: "receiving the INFORMATIONAL response does not tell which address is the working one".
    if (this.#wentElsewhere) return { kind: 'ambiguous' };
    return { kind: 'verified', remote: this.#destination };
  }
}
