import type {
  EncryptedFragmentPayload,
  EncryptedPayload,
  IkeHeader,
  IkeMessage,
  Payload,
} from './message.ts';

/** Why bytes are not a message; each code has one answer on the wire (RFC 7296 §2.21). */
export type DecodeErrorCode =
  | 'too-short'
  | 'length-mismatch'
  | 'zero-initiator-spi'
  | 'unsupported-major-version'
  | 'bad-payload-length'
  | 'malformed-payload'
  | 'too-many-payloads'
  | 'payload-after-encrypted';

export interface DecodeError {
  readonly code: DecodeErrorCode;
  /** One sentence for a log, without secrets. */
  readonly detail: string;
  /** The header, when at least that could be read: what an error answer needs. */
  readonly header?: IkeHeader;
  /** Number of the payload type at fault, when there is one. */
  readonly payloadType?: number;
}

export type DecodeResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: DecodeError };

/** The functions that `@ipsec-kit/ikev2-codec` exports (this type exists to state them in one place).
 * Payload bytes in results are views into the input: copy what is kept beyond the datagram.
 */
export interface Codec {
  decodeHeader(datagram: Uint8Array): DecodeResult<IkeHeader>;
  decodeMessage(datagram: Uint8Array): DecodeResult<IkeMessage>;
  /** The payloads inside a decrypted SK payload. */
  decodePayloads(firstPayload: number, bytes: Uint8Array): DecodeResult<readonly Payload[]>;
  encodeMessage(message: IkeMessage): Uint8Array;
  /** The chain without header, as it is put into an SK payload before encryption. */
  encodePayloads(payloads: readonly Payload[]): { firstPayload: number; bytes: Uint8Array };
  /** Lays out header, SK (or SKF) payload header, room for IV, text and ICV; all lengths filled in, ready to seal in place. */
  frameEncrypted(
    header: IkeHeader,
    payload:
      | Pick<EncryptedPayload, 'type' | 'firstPayload'>
      | Pick<
          EncryptedFragmentPayload,
          'type' | 'firstPayload' | 'fragmentNumber' | 'totalFragments'
        >,
    sizes: { readonly ivBytes: number; readonly textBytes: number; readonly icvBytes: number },
  ): { datagram: Uint8Array; ivOffset: number; textOffset: number };
}
