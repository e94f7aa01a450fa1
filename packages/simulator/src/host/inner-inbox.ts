import type { Instant } from '@ipsec-kit/clock';
import { readIcmpEcho } from '@ipsec-kit/ip';

/** An inner packet that came out of a tunnel, or an ICMP error of the own packet engine. */
export interface ReceivedPacket {
  readonly at: Instant;
  readonly data: Uint8Array;
}

/** Inner packets, and echo replies, that are remembered. */
const MAX_RECEIVED = 1024;

/** What a host's device would have handed to its system: the last inner packets. */
export class InnerInbox {
  #received: ReceivedPacket[] = [];
  /** When each echo reply came, by sequence number. */
  readonly #echoReplies = new Map<number, Instant>();

  /** Oldest first. */
  get received(): readonly ReceivedPacket[] {
    return this.#received;
  }

  add(at: Instant, data: Uint8Array): void {
    this.#received.push({ at, data });
    if (this.#received.length > MAX_RECEIVED) {
      this.#received = this.#received.slice(-MAX_RECEIVED / 2);
    }
    const echo = readIcmpEcho(data);
    if (echo?.kind === 'reply') this.#noteEchoReply(echo.sequence, at);
  }

  /** When the reply with this sequence number came last, or `undefined`. */
  echoReplyAt(sequence: number): Instant | undefined {
    return this.#echoReplies.get(sequence);
  }

  #noteEchoReply(sequence: number, at: Instant): void {
    this.#echoReplies.set(sequence, at);
    if (this.#echoReplies.size <= MAX_RECEIVED) return;
    const [oldest] = this.#echoReplies.keys();
    if (oldest !== undefined) this.#echoReplies.delete(oldest);
  }
}
