/** @see RFC 5216 §3.1, RFC 5281 §9.1 */
const Flag = { LENGTH: 0x80, MORE: 0x40, START: 0x20, VERSION: 0x07 } as const;

/** Longest TLS message that is put together: some long certificate chains. */
export const MAX_TLS_MESSAGE_BYTES = 65_536;
/** Bytes of TLS in one packet when nothing else is said: with all headers it goes into one IKE message or RADIUS packet. */
export const DEFAULT_TLS_FRAGMENT_BYTES = 1_024;

/** What a packet means to the framing. */
export type TlsFrame =
  | { readonly kind: 'start' }
  /** A fragment of what the other end sends: acknowledge it. */
  | { readonly kind: 'fragment' }
  /** All of it, perhaps nothing. */
  | { readonly kind: 'message'; readonly records: Uint8Array }
  /** The other end has acknowledged a fragment: Type-Data of the next one. */
  | { readonly kind: 'next'; readonly data: Uint8Array }
  | { readonly kind: 'malformed' };

/** TLS messages in the packets of EAP-TLS and TTLS, both directions of one end. */
export interface TlsFraming {
  /** Type-Data of a packet from the other end. Never throws; keeps at most {@link MAX_TLS_MESSAGE_BYTES}. */
  receive(data: Uint8Array): TlsFrame;
  /** Type-Data of the first packet of a message, which is kept until it has been sent. */
  send(records: Uint8Array): Uint8Array;
}

/** Type-Data of the packet with which an authenticator begins. */
export const TLS_START: Uint8Array = /* @__PURE__ */ Uint8Array.of(Flag.START);
/** Type-Data of an acknowledgement. */
export const TLS_ACKNOWLEDGEMENT: Uint8Array = /* @__PURE__ */ Uint8Array.of(0);

/** Makes the framing of one end. @param fragmentBytes - of TLS in one packet, 64 to 16384.
 * @throws RangeError when it is out of bounds. @see RFC 5216 §2.1.5
 */
export function createTlsFraming(fragmentBytes: number): TlsFraming {
  if (!(fragmentBytes >= 64 && fragmentBytes <= 16_384)) {
    throw new RangeError(`"fragmentBytes" expected 64 to 16384, got ${fragmentBytes}`);
  }
  let outgoing = new Uint8Array(0);
  let sent = 0;
  let incoming: Uint8Array[] = [];
  let incomingBytes = 0;
  let announced: number | undefined;

  const nextFragment = (): Uint8Array => {
    const part = outgoing.subarray(sent, sent + fragmentBytes);
    const isFirst = sent === 0;
    sent += part.length;
    const more = sent < outgoing.length ? Flag.MORE : 0;
    // RFC 5216 §2.1.5: the length stands in the first of several fragments.
    const withLength = isFirst && more !== 0;
    const total = outgoing.length;
    const length = withLength ? [total >>> 24, total >>> 16, total >>> 8, total] : [];
    const data = new Uint8Array(1 + length.length + part.length);
    data[0] = more | (withLength ? Flag.LENGTH : 0);
    data.set(
      length.map((byte) => byte & 0xff),
      1,
    );
    data.set(part, 1 + length.length);
    return data;
  };

  const collect = (flags: number, body: Uint8Array): TlsFrame => {
    incomingBytes += body.length;
    if (incomingBytes > (announced ?? MAX_TLS_MESSAGE_BYTES)) return { kind: 'malformed' };
    incoming.push(Uint8Array.from(body));
    if (flags & Flag.MORE) return body.length > 0 ? { kind: 'fragment' } : { kind: 'malformed' };
    if (announced !== undefined && incomingBytes !== announced) return { kind: 'malformed' };
    const records = new Uint8Array(incomingBytes);
    let at = 0;
    for (const part of incoming) {
      records.set(part, at);
      at += part.length;
    }
    incoming = [];
    incomingBytes = 0;
    announced = undefined;
    return { kind: 'message', records };
  };

  return {
    receive(data) {
      const [flags] = data;
      if (flags === undefined) return { kind: 'malformed' };
      // Version 0 is the only one of TTLS; EAP-TLS has zeros there.
      if (flags & Flag.START) return { kind: 'start' };
      const hasLength = (flags & Flag.LENGTH) !== 0;
      const body = data.subarray(hasLength ? 5 : 1);
      if (sent < outgoing.length) {
        return body.length === 0 && !hasLength && !(flags & Flag.MORE)
          ? { kind: 'next', data: nextFragment() }
          : { kind: 'malformed' };
      }
      if (hasLength) {
        const [, a = 0, b = 0, c = 0, d] = data;
        const total = a * 0x1000000 + b * 0x10000 + c * 0x100 + (d ?? 0);
        const isChanged = announced !== undefined && announced !== total;
        const isBad = d === undefined || total > MAX_TLS_MESSAGE_BYTES || isChanged;
        if (isBad || (announced === undefined && incomingBytes > 0)) return { kind: 'malformed' };
        announced = total;
      }
      return collect(flags, body);
    },
    send(records) {
      outgoing = Uint8Array.from(records);
      sent = 0;
      return nextFragment();
    },
  };
}
