/** How many messages a delegate may seal: IVs that the owner never uses from then on. */
export const DELEGATED_MESSAGES: number = 2 ** 20;

/** Most bytes of a response that goes along. */
export const MOST_RESPONSE_BYTES = 65_536;

/** A response of the last request, so that a copy of that request gets the same bytes. @see RFC 7296 §2.1 */
export interface LastResponse {
  readonly messageId: number;
  /** Its datagrams from the IKE header on, in hexadecimal digits. */
  readonly datagrams: readonly string[];
}

/** What another process needs to keep a session alive in our place: plain data for JSON, and nothing more than that takes. It has no key
 * from which others follow, and none of ESP; but who reads it can speak in our name on this IKE SA, so it belongs into a pipe and
 * not into a file.
 */
export interface Delegation {
  readonly version: 1;
  readonly sessionId: number;
  /** As `192.0.2.1:4500`. */
  readonly local: string;
  readonly remote: string;
  /** Whether messages carry the non-ESP marker. */
  readonly marker: boolean;
  /** In 16 hexadecimal digits. */
  readonly initiatorSpi: string;
  readonly responderSpi: string;
  /** Whether we are the original initiator of the IKE SA. */
  readonly isInitiator: boolean;
  /** IANA ids, and the bits of the key. */
  readonly suite: {
    readonly encryption: number;
    readonly keyBits: number;
    readonly integrity: number;
  };
  /** SK_ei, SK_er, SK_ai and SK_ar in hexadecimal digits. */
  readonly keys: {
    readonly skEi: string;
    readonly skEr: string;
    readonly skAi: string;
    readonly skAr: string;
  };
  /** The IV counter that the first message sealed by the delegate stands behind, in decimal digits; it may seal
   * {@link DELEGATED_MESSAGES}.
   */
  readonly sealed: string;
  /** Message id of the peer's next request. */
  readonly expectedRequestId: number;
  readonly lastResponse?: LastResponse;
  /** Silence outbound after which a keepalive goes out; 0: none do. */
  readonly keepaliveMs: number;
  readonly lastOutboundAgoMs: number;
  /** Silence inbound after which the owner is woken; 0: none does. */
  readonly silenceMs: number;
  readonly lastInboundAgoMs: number;
  /** When the owner has work that waits for no message, such as a rekey; absent: never. */
  readonly wakeInMs?: number;
}

/** What a delegate gives back, so that its owner goes on in step; plain data for JSON, without a secret. */
export interface DelegateReport {
  readonly version: 1;
  readonly sessionId: number;
  readonly expectedRequestId: number;
  /** There when it has answered. */
  readonly lastResponse?: LastResponse;
  readonly lastOutboundAgoMs: number;
  readonly lastInboundAgoMs: number;
  /** Requests that it has answered, and keepalives that it has sent. */
  readonly answered: number;
  readonly keepalives: number;
}
