import {
  addMs,
  type Deadline,
  earliestDeadline,
  type Instant,
  type Machine,
  msBetween,
} from '@ipsec-kit/clock';
import type { CryptoProvider, PacketCipher, RandomSource } from '@ipsec-kit/crypto';
import {
  decodeMessage,
  type EncryptedFragmentPayload,
  type EncryptedPayload,
  ExchangeType,
} from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import { plainBytes } from '../payloads/plain-bytes.ts';
import { openPayload } from '../protect/open-message.ts';
import { type MessageSealer, sealMessage } from '../protect/seal-message.ts';
import { headerOf } from '../session/ike-sa.ts';
import { DELEGATED_MESSAGES, type DelegateReport } from './delegation.ts';
import { toHex } from './hex.ts';
import { type ParsedDelegation, parseDelegation } from './parse-delegation.ts';

/** What happens to a delegate. */
export type DelegateInput =
  | {
      /** A datagram of the session's path, from the IKE header on: the non-ESP marker is already gone. */
      readonly kind: 'datagram';
      readonly now: Instant;
      readonly path: Path;
      readonly data: Uint8Array;
      readonly marker: boolean;
    }
  | { readonly kind: 'timeout'; readonly now: Instant };

/** Why the owner is wanted: the peer asks for more than a sign of life, has been silent for too long, the owner has work of its own,
 * or the IVs of the delegate are used up.
 */
export type WakeReason = 'request' | 'silence' | 'deadline' | 'exhausted';

/** What a delegate wants done. */
export type DelegateOutput =
  | {
      readonly kind: 'send';
      readonly path: Path;
      readonly data: Uint8Array;
      readonly marker: boolean;
    }
  /** 0xFF. @see RFC 3948 §2.3 */
  | { readonly kind: 'send-keepalive'; readonly path: Path }
  | {
      /** Have the owner take the session back, and hand it the datagram then, if there is one: it has had no answer. */
      readonly kind: 'wake';
      readonly reason: WakeReason;
      readonly datagram?: Extract<DelegateInput, { readonly kind: 'datagram' }>;
    };

/** What a delegate is made with. */
export interface DelegateOptions {
  readonly crypto: Pick<CryptoProvider, 'createCipher' | 'cipherShape'>;
  /** For the IVs of ciphers that take random ones. */
  readonly random: RandomSource;
}

/** A delegate, or why there is none. */
export type DelegateResult =
  | { readonly ok: true; readonly delegate: LivenessDelegate }
  | { readonly ok: false; readonly code: 'malformed' | 'unsupported-suite' };

/** Makes the delegate of a session.
 * @param delegation - a {@link Delegation}, as it came out of JSON.
 */
export function createLivenessDelegate(
  now: Instant,
  delegation: unknown,
  { crypto, random }: DelegateOptions,
): DelegateResult {
  const parsed = parseDelegation(delegation);
  if (!parsed) return { ok: false, code: 'malformed' };
  const shape = crypto.cipherShape(parsed.suite);
  if (!shape) return { ok: false, code: 'unsupported-suite' };
  const { skEi, skEr, skAi, skAr } = parsed.material;
  const hasKeys =
    [skEi, skEr].every(({ length }) => length === shape.encryptionKeyBytes) &&
    [skAi, skAr].every(({ length }) => length === shape.integrityKeyBytes);
  if (!hasKeys) return { ok: false, code: 'malformed' };
  const ofInitiator = crypto.createCipher(parsed.suite, { encryption: skEi, integrity: skAi });
  const ofResponder = crypto.createCipher(parsed.suite, { encryption: skEr, integrity: skAr });
  const [own, theirs] = parsed.isInitiator
    ? [ofInitiator, ofResponder]
    : [ofResponder, ofInitiator];
  const sealer = { cipher: own, sealed: parsed.counter };
  return { ok: true, delegate: new LivenessDelegate(now, parsed, sealer, theirs, random) };
}

/** Keeps one session alive while its owner rests: answers empty INFORMATIONAL requests of the peer, and copies of the last one, and keeps
 * the NAT mapping. Whatever else is authentic wakes the owner, unanswered, so that it decides; what is not is dropped, and wakes
 * nobody. It begins no exchange, so the owner's own message ids stay as they are.
 * @see RFC 7296 §1.4, §2.1, §2.4, RFC 3948 §4
 */
export class LivenessDelegate implements Machine<DelegateInput, DelegateOutput> {
  readonly #facts: ParsedDelegation;
  readonly #sealer: MessageSealer;
  readonly #opener: PacketCipher;
  readonly #random: RandomSource;
  #expected: number;
  #response: ParsedDelegation['response'];
  #lastOutbound: Instant;
  #lastInbound: Instant;
  #wakeAt: Instant | undefined;
  #answered = 0;
  #keepalives = 0;
  #hasWoken = false;

  /** Made by {@link createLivenessDelegate}. */
  constructor(
    now: Instant,
    facts: ParsedDelegation,
    sealer: MessageSealer,
    opener: PacketCipher,
    random: RandomSource,
  ) {
    this.#facts = facts;
    this.#sealer = sealer;
    this.#opener = opener;
    this.#random = random;
    this.#expected = facts.expectedRequestId;
    this.#response = facts.response;
    this.#lastOutbound = addMs(now, -facts.lastOutboundAgoMs);
    this.#lastInbound = addMs(now, -facts.lastInboundAgoMs);
    this.#wakeAt = facts.wakeInMs === undefined ? undefined : addMs(now, facts.wakeInMs);
  }

  handle(input: DelegateInput): readonly DelegateOutput[] {
    if (input.kind === 'timeout') return this.#onTimeout(input.now);
    return this.#receive({ ...input, data: plainBytes(input.data) });
  }

  nextDeadline(): Deadline | undefined {
    const { keepaliveMs } = this.#facts;
    const ends: (Deadline | undefined)[] = [
      keepaliveMs > 0
        ? deadline('nat-keepalive', addMs(this.#lastOutbound, keepaliveMs), keepaliveMs / 10)
        : undefined,
      this.#silentAt === undefined ? undefined : deadline('silence', this.#silentAt, 0),
      this.#wakeAt === undefined ? undefined : deadline('owner', this.#wakeAt, 0),
    ];
    return earliestDeadline(ends);
  }

  /** Ends the delegation: nothing may be handed to the delegate any more.
   * @returns what the owner needs to go on in step.
   */
  release(now: Instant): DelegateReport {
    const { sessionId, material } = this.#facts;
    const response = this.#answered > 0 ? this.#response : undefined;
    for (const key of Object.values(material)) key.erase();
    return {
      version: 1,
      sessionId,
      expectedRequestId: this.#expected,
      ...(response
        ? { lastResponse: { ...response, datagrams: response.datagrams.map(toHex) } }
        : {}),
      lastOutboundAgoMs: Math.max(0, msBetween(this.#lastOutbound, now)),
      lastInboundAgoMs: Math.max(0, msBetween(this.#lastInbound, now)),
      answered: this.#answered,
      keepalives: this.#keepalives,
    };
  }

  get #silentAt(): Instant | undefined {
    const { silenceMs } = this.#facts;
    return silenceMs > 0 && !this.#hasWoken ? addMs(this.#lastInbound, silenceMs) : undefined;
  }

  #onTimeout(now: Instant): readonly DelegateOutput[] {
    const { keepaliveMs, path } = this.#facts;
    const outputs: DelegateOutput[] = [];
    if (keepaliveMs > 0 && now >= addMs(this.#lastOutbound, keepaliveMs)) {
      this.#lastOutbound = now;
      this.#keepalives += 1;
      outputs.push({ kind: 'send-keepalive', path });
    }
    if (this.#wakeAt !== undefined && now >= this.#wakeAt) {
      this.#wakeAt = undefined;
      outputs.push(this.#wake('deadline'));
    } else if (this.#silentAt !== undefined && now >= this.#silentAt) {
      outputs.push(this.#wake('silence'));
    }
    return outputs;
  }

  #wake(
    reason: WakeReason,
    datagram?: Extract<DelegateInput, { readonly kind: 'datagram' }>,
  ): DelegateOutput {
    this.#hasWoken = true;
    return datagram ? { kind: 'wake', reason, datagram } : { kind: 'wake', reason };
  }

  #receive(
    input: Extract<DelegateInput, { readonly kind: 'datagram' }>,
  ): readonly DelegateOutput[] {
    const { isInitiator, spis } = this.#facts;
    const message = decodeMessage(input.data);
    if (!message.ok) return [];
    const { header, payloads } = message.value;
    const isOurs =
      header.initiatorSpi === spis.initiator &&
      header.responderSpi === spis.responder &&
      header.isInitiator !== isInitiator;
    const payload = payloads.at(-1);
    if (!isOurs || header.isResponse) return [];
    if (payload?.type !== 'SK' && payload?.type !== 'SKF') return [];
    const isCopy = header.messageId === this.#response?.messageId;
    // RFC 7296 §2.3: neither what is old nor what lies ahead is answered.
    if (!isCopy && header.messageId !== this.#expected) return [];
    const content = this.#open(input.data, payload);
    if (!content) return [];
    this.#lastInbound = input.now;
    if (isCopy) {
      // RFC 7383 §2.6.1: only the first fragment of a retransmitted request triggers the response again.
      const isFirst = payload.type === 'SK' || payload.fragmentNumber === 1;
      return isFirst ? this.#send(input, this.#response?.datagrams ?? []) : [];
    }
    const isEmpty = payload.type === 'SK' && payload.firstPayload === 0 && content.length === 0;
    if (header.exchangeType !== ExchangeType.INFORMATIONAL || !isEmpty) {
      return [this.#wake('request', input)];
    }
    return this.#answer(input, header.messageId);
  }

  /** @returns nothing for what is not authentic. */
  #open(
    datagram: Uint8Array,
    payload: EncryptedPayload | EncryptedFragmentPayload,
  ): Uint8Array | undefined {
    const opened = openPayload(this.#opener, datagram, payload);
    return opened.ok ? opened.content : undefined;
  }

  #answer(
    input: Extract<DelegateInput, { readonly kind: 'datagram' }>,
    messageId: number,
  ): readonly DelegateOutput[] {
    const { counter, isInitiator, spis } = this.#facts;
    if (this.#sealer.sealed >= counter + BigInt(DELEGATED_MESSAGES)) {
      return [this.#wake('exhausted', input)];
    }
    const header = headerOf(
      { initiatorSpi: spis.initiator, responderSpi: spis.responder, isInitiator },
      { exchangeType: ExchangeType.INFORMATIONAL, isResponse: true, messageId },
    );
    const datagrams = sealMessage(this.#sealer, this.#random, header, []);
    this.#response = { messageId, datagrams };
    this.#expected = messageId + 1;
    this.#answered += 1;
    return this.#send(input, datagrams);
  }

  /** To where the request came from. @see RFC 7296 §2.11 */
  #send(
    { now, path, marker }: Extract<DelegateInput, { readonly kind: 'datagram' }>,
    datagrams: readonly Uint8Array[],
  ): readonly DelegateOutput[] {
    this.#lastOutbound = now;
    return datagrams.map((data) => ({ kind: 'send', path, data, marker }));
  }
}

function deadline(name: string, at: Instant, toleranceMs: number): Deadline {
  return { name, at, toleranceMs, wake: 'device' };
}
