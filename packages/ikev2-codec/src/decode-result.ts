import type { IkeHeader } from './message.ts';

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

/** Why a decoder refused; plain data, so that it can be counted and logged. */
export interface DecodeError {
  readonly code: DecodeErrorCode;
  /** One sentence for a log, without secrets. */
  readonly detail: string;
  /** The header, when at least that could be read: what an error answer needs. */
  readonly header?: IkeHeader;
  /** Number of the payload type at fault, when there is one. */
  readonly payloadType?: number;
}

/** What every decoder returns: nothing that arrives from the network makes one throw. */
export type DecodeResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: DecodeError };

/** A refusal without value, assignable to every {@link DecodeResult}. */
export type DecodeFailure = Extract<DecodeResult<never>, { ok: false }>;

/** Wraps a decoded value. */
export function decoded<T>(value: T): DecodeResult<T> {
  return { ok: true, value };
}

/** Builds a refusal. */
export function refused(
  code: DecodeErrorCode,
  detail: string,
  more: { readonly header?: IkeHeader; readonly payloadType?: number } = {},
): DecodeFailure {
  return { ok: false, error: { code, detail, ...more } };
}

/** Builds the refusal of one payload whose inside is wrong: INVALID_SYNTAX on the wire. */
export function malformed(payloadType: number, detail: string): DecodeFailure {
  return refused('malformed-payload', detail, { payloadType });
}
