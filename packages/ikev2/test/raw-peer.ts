import type { PacketCipher } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  decodeMessage,
  decodePayloads,
  ExchangeType,
  encodePayloads,
  frameEncrypted,
  type IkeHeader,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import type { EndpointOutput, SessionEvent } from '../src/index.ts';
import { openPayload } from '../src/protect/open-message.ts';
import { CLIENT_4500, type Pair, SERVER_4500 } from './pair.ts';

/** Speaks under the keys of a pair in the client's place, for requests that our own initiator never sends, or with `from`
 * in the server's, for responses that our own responder never gives.
 */
export class RawClient {
  readonly #pair: Pair;
  #messageId: number;
  #sealed = 1_000_000n;

  constructor(pair: Pair, firstMessageId = 2) {
    this.#pair = pair;
    this.#messageId = firstMessageId;
  }

  get keyed(): KeyedEvent {
    const [event] = this.#pair.client.seen('ike-sa-keyed');
    if (!event) throw new Error('the pair has no IKE SA');
    return event;
  }

  /** Sends a request with these payloads, or with these raw bytes inside SK, and returns what the server answered. */
  request(
    content: readonly Payload[] | { firstPayload: number; bytes: Uint8Array },
    options: { exchangeType?: number; path?: Path; messageId?: number } = {},
  ): Answered {
    const { exchangeType = ExchangeType.INFORMATIONAL } = options;
    const messageId = options.messageId ?? this.#messageId++;
    const data = this.seal(content, { exchangeType, messageId });
    const path = options.path ?? { local: CLIENT_4500, remote: SERVER_4500 };
    const outputs = this.#pair.deliver({ from: 'client', index: -1, path, data, marker: true });
    return this.read(outputs, messageId);
  }

  seal(
    content: readonly Payload[] | { firstPayload: number; bytes: Uint8Array },
    message: Pick<IkeHeader, 'exchangeType' | 'messageId'> & { isResponse?: boolean },
    from: 'client' | 'server' = 'client',
  ): Uint8Array {
    const { initiatorSpi, responderSpi } = this.keyed;
    const cipher = this.#cipherOf(from);
    const header: IkeHeader = {
      initiatorSpi,
      responderSpi,
      majorVersion: 2,
      minorVersion: 0,
      isInitiator: from === 'client',
      isResponse: message.isResponse ?? false,
      higherVersion: false,
      exchangeType: message.exchangeType,
      messageId: message.messageId,
    };
    const { firstPayload, bytes } = 'bytes' in content ? content : encodePayloads(content);
    const textBytes = Math.ceil((bytes.length + 1) / cipher.blockBytes) * cipher.blockBytes;
    const frame = frameEncrypted(
      header,
      { type: 'SK', firstPayload },
      { ivBytes: cipher.ivBytes, textBytes, icvBytes: cipher.icvBytes },
    );
    const { datagram, aadBytes, ivOffset, textOffset } = frame;
    this.#sealed += 1n;
    new DataView(datagram.buffer).setBigUint64(ivOffset, this.#sealed);
    datagram.set(bytes, textOffset);
    datagram[textOffset + textBytes - 1] = textBytes - bytes.length - 1;
    cipher.seal(datagram, 0, aadBytes, ivOffset, textOffset, textBytes);
    return datagram;
  }

  #cipherOf(from: 'client' | 'server'): PacketCipher {
    const { suite, keys } = this.keyed;
    return createNodeProvider().createCipher(suite, {
      encryption: from === 'client' ? keys.skEi : keys.skEr,
      integrity: from === 'client' ? keys.skAi : keys.skAr,
    });
  }

  /** The payloads of a whole message that either side has sent. */
  open(data: Uint8Array, from: 'client' | 'server'): readonly Payload[] {
    const cipher = this.#cipherOf(from);
    const message = decodeMessage(data);
    const payload = message.ok ? message.value.payloads.at(-1) : undefined;
    if (payload?.type !== 'SK') throw new Error('not a whole encrypted message');
    const opened = openPayload(cipher, data, payload);
    if (!opened.ok) throw new Error(opened.code);
    const inner = decodePayloads(payload.firstPayload, opened.content);
    if (!inner.ok) throw new Error(inner.error.detail);
    return inner.value;
  }

  /** The response to a message id among outputs of the server, decrypted. */
  read(outputs: readonly EndpointOutput[], messageId: number): Answered {
    for (const output of outputs) {
      if (output.kind !== 'send') continue;
      const message = decodeMessage(output.data);
      if (!message.ok || !message.value.header.isResponse) continue;
      if (message.value.header.messageId !== messageId) continue;
      const payloads = this.open(output.data, 'server');
      return { payloads, path: output.path, data: output.data };
    }
    return undefined;
  }
}

type KeyedEvent = Extract<SessionEvent, { kind: 'ike-sa-keyed' }>;

export type Answered =
  | { readonly payloads: readonly Payload[]; readonly path: Path; readonly data: Uint8Array }
  | undefined;
