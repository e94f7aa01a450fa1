import { addMs, type Instant } from '@ipsec-kit/clock';
import type { EncryptedFragmentPayload } from '@ipsec-kit/ikev2-codec';
import { concatBytes } from '../keys/concat-bytes.ts';

/** Most fragments of one message: 64 KiB in fragments of 300-byte packets. */
export const MAX_FRAGMENTS_PER_MESSAGE: number = 320;
/** Most bytes of one reassembled message. */
export const MAX_REASSEMBLED_BYTES: number = 65_536;
/** How long an incomplete message is kept. @see RFC 7383 §2.6 (implementations can use a shorter timeout to conserve memory) */
export const REASSEMBLY_TIMEOUT_MS: number = 60_000;

/** A message put together from all of its fragments. */
export interface ReassembledMessage {
  readonly firstPayload: number;
  readonly content: Uint8Array;
  readonly fragments: number;
  /** Bytes of all its datagrams. */
  readonly datagramBytes: number;
  /** The octet with the critical bit and the reserved ones, of the first fragment. @see RFC 9242 §3.3.2 */
  readonly reserved: number;
}

interface Collection {
  readonly messageId: number;
  readonly total: number;
  readonly chunks: Map<number, Uint8Array>;
  readonly until: Instant;
  firstPayload: number;
  bytes: number;
  datagramBytes: number;
  reserved: number;
}

/** Puts the fragments of one message at a time together; each direction of an IKE SA has one.
 * @see RFC 7383 §2.6
 */
export class Reassembly {
  #collection: Collection | undefined;

  /** Whether a fragment may be worth decrypting: checked before the ICV, as it costs nothing. */
  wants(messageId: number, fragment: EncryptedFragmentPayload, now: Instant): boolean {
    const { fragmentNumber, totalFragments } = fragment;
    // RFC 7383 §2.6: zero, or a number above the total, MUST be discarded; so is what would be too much.
    if (fragmentNumber === 0 || totalFragments === 0 || fragmentNumber > totalFragments)
      return false;
    if (totalFragments > MAX_FRAGMENTS_PER_MESSAGE) return false;
    const collection = this.#valid(messageId, now);
    if (!collection) return true;
    if (totalFragments < collection.total) return false;
    return totalFragments > collection.total || !collection.chunks.has(fragmentNumber);
  }

  /** Adds a fragment whose ICV has verified.
   * @param datagramBytes - of the datagram that it came in, for the narration.
   * @param reserved - the octet behind the Next Payload field of its SKF payload.
   * @returns the message when it is complete.
   */
  add(
    messageId: number,
    fragment: EncryptedFragmentPayload,
    content: Uint8Array,
    now: Instant,
    datagramBytes = 0,
    reserved = 0,
  ): ReassembledMessage | undefined {
    let collection = this.#valid(messageId, now);
    // RFC 7383 §2.6: a larger total is a newer set; what was collected MUST be discarded.
    if (!collection || fragment.totalFragments > collection.total) {
      collection = {
        messageId,
        total: fragment.totalFragments,
        chunks: new Map(),
        until: addMs(now, REASSEMBLY_TIMEOUT_MS),
        firstPayload: 0,
        bytes: 0,
        datagramBytes: 0,
        reserved: 0,
      };
      this.#collection = collection;
    }
    if (fragment.fragmentNumber === 1) {
      collection.firstPayload = fragment.firstPayload;
      collection.reserved = reserved;
    }
    collection.chunks.set(fragment.fragmentNumber, content);
    collection.bytes += content.length;
    collection.datagramBytes += datagramBytes;
    if (collection.bytes > MAX_REASSEMBLED_BYTES) {
      this.#collection = undefined;
      return undefined;
    }
    return collection.chunks.size === collection.total ? this.#finish(collection) : undefined;
  }

  /** When what is collected may be thrown away, or `undefined` when there is nothing. */
  get expiresAt(): Instant | undefined {
    return this.#collection?.until;
  }

  /** Throws away what has been incomplete for too long. */
  expire(now: Instant): void {
    if (this.#collection && now >= this.#collection.until) this.#collection = undefined;
  }

  #valid(messageId: number, now: Instant): Collection | undefined {
    this.expire(now);
    const collection = this.#collection;
    return collection?.messageId === messageId ? collection : undefined;
  }

  #finish(collection: Collection): ReassembledMessage {
    this.#collection = undefined;
    const parts: Uint8Array[] = [];
    for (let number = 1; number <= collection.total; number += 1) {
      parts.push(collection.chunks.get(number) ?? new Uint8Array(0));
    }
    return {
      firstPayload: collection.firstPayload,
      content: concatBytes(...parts),
      fragments: collection.total,
      datagramBytes: collection.datagramBytes,
      reserved: collection.reserved,
    };
  }
}
