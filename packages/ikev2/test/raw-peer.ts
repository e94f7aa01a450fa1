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
import { CLIENT_4500, type Flight, type Pair, SERVER_4500 } from './pair.ts';

/** Speaks under the keys of an established pair in one side's place: for requests that our own code never sends. */
export class RawPeer {
  readonly #pair: Pair;
  readonly #side: 'client' | 'server';
  #messageId: number;
  #sealed = 1_000_000n;

  constructor(
    pair: Pair,
    side: 'client' | 'server',
    firstMessageId: number = side === 'client' ? 2 : 0,
  ) {
    this.#pair = pair;
    this.#side = side;
    this.#messageId = firstMessageId;
  }

  get keyed(): KeyedEvent {
    const events = this.#pair.client.seen('ike-sa-keyed');
    // Additional key exchanges give the first IKE SA other keys, a rekey another IKE SA.
    const event = events.findLast(({ initiatorSpi }) => initiatorSpi === events[0]?.initiatorSpi);
    if (!event) throw new Error('the pair has no IKE SA');
    return event;
  }

  /** Sends a request with these payloads, or with these raw bytes inside SK, and returns what the other side answered. */
  request(
    content: readonly Payload[] | { firstPayload: number; bytes: Uint8Array },
    options: { exchangeType?: number; path?: Path; messageId?: number } = {},
  ): Answered {
    const { exchangeType = ExchangeType.INFORMATIONAL } = options;
    const messageId = options.messageId ?? this.#messageId++;
    const data = this.seal(content, { exchangeType, messageId });
    const from = this.#side;
    const [local, remote] =
      from === 'client' ? [CLIENT_4500, SERVER_4500] : [SERVER_4500, CLIENT_4500];
    const path = options.path ?? { local, remote };
    const before = this.#pair.flights.length;
    this.#pair.deliver({ from, index: -1, path, data, marker: true });
    // What needed an answer of the driver first leaves within that, so the wire is where to look.
    const sent = this.#pair.flights.slice(before).filter((flight) => flight.from !== from);
    return this.read(
      sent.map((flight) => ({ kind: 'send', ...flight })),
      messageId,
    );
  }

  seal(
    content: readonly Payload[] | { firstPayload: number; bytes: Uint8Array },
    message: Pick<IkeHeader, 'exchangeType' | 'messageId'> & { isResponse?: boolean },
    from: 'client' | 'server' = this.#side,
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

  /** The response to a message id among outputs of the other side, decrypted. */
  read(outputs: readonly EndpointOutput[], messageId: number): Answered {
    for (const output of outputs) {
      if (output.kind !== 'send') continue;
      const message = decodeMessage(output.data);
      if (!message.ok || !message.value.header.isResponse) continue;
      if (message.value.header.messageId !== messageId) continue;
      const payloads = this.open(output.data, this.#side === 'client' ? 'server' : 'client');
      return { payloads, path: output.path, data: output.data };
    }
    return undefined;
  }
}

/** Speaks in the client's place. */
export class RawClient extends RawPeer {
  constructor(pair: Pair, firstMessageId = 2) {
    super(pair, 'client', firstMessageId);
  }
}

/** The IKE_AUTH message of one side with other payloads; every other flight as it is. */
export function extended(
  raw: RawClient,
  flight: Flight,
  from: 'client' | 'server',
  change: (payloads: readonly Payload[]) => Payload[],
): Flight {
  if (flight.from !== from || !flight.marker || flight.data[18] !== ExchangeType.IKE_AUTH) {
    return flight;
  }
  const message = {
    exchangeType: ExchangeType.IKE_AUTH,
    messageId: 1,
    isResponse: from === 'server',
  };
  return { ...flight, data: raw.seal(change(raw.open(flight.data, from)), message, from) };
}

type KeyedEvent = Extract<SessionEvent, { kind: 'ike-sa-keyed' }>;

export type Answered =
  | { readonly payloads: readonly Payload[]; readonly path: Path; readonly data: Uint8Array }
  | undefined;
