/** An IPv4 or IPv6 address: 4 or 16 bytes in network order. Treat `bytes` as immutable. */
export interface IpAddress {
  readonly version: 4 | 6;
  readonly bytes: Uint8Array;
}

/** An address and a UDP port. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/** Both ends of a datagram, as seen from this host; the same shape for what came and what goes. */
export interface Path {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** An address and the number of leading bits that count. */
export interface Prefix {
  readonly address: IpAddress;
  readonly length: number;
}
