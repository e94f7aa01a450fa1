/** Lifetime of one SA in bytes and packets; the soft limit is a fact for the control plane, the hard one stops the SA. */
export interface EspLimits {
  readonly softBytes?: number;
  readonly hardBytes?: number;
  readonly softPackets?: number;
  readonly hardPackets?: number;
}

/** The sending half of an SA pair. Methods work in place on memory of the caller and allocate nothing. */
export interface OutboundSa {
  readonly spi: number;
  /** Bytes that must be free in front of the inner packet: SPI, sequence number and IV. */
  readonly headroom: number;
  /** Most bytes that sealing adds behind the inner packet: padding, trailer and ICV. */
  readonly tailroom: number;
  /** Bytes that sealing adds in all to an inner packet of `length` bytes. */
  overhead(length: number): number;
  readonly packets: number;
  readonly bytes: number;
  readonly softLimitReached: boolean;
  /** Seals `memory[offset .. offset + length)`; the ESP packet begins at `offset - headroom`.
   * @param nextHeader - 4 for IPv4, 41 for IPv6 inside, the upper layer's protocol in transport mode, 59 for a dummy packet.
   * @returns the length of the ESP packet, or an `EspDrop` code.
   */
  seal(memory: Uint8Array, offset: number, length: number, nextHeader: number): number;
  /** Closes the cipher, where it can be: its keys are gone, and nothing is sealed any more. */
  close(): void;
}

/** The receiving half of an SA pair. */
export interface InboundSa {
  readonly spi: number;
  /** Distance from the start of the ESP packet to the inner packet. */
  readonly headroom: number;
  readonly packets: number;
  readonly bytes: number;
  readonly replayedPackets: number;
  readonly softLimitReached: boolean;
  /** Next header of the packet that `open` returned last. */
  readonly lastNextHeader: number;
  /** Whether the packet that `open` returned last had the highest sequence number so far: only such a packet may move a peer. */
  readonly lastWasNewest: boolean;
  /** Opens the ESP packet `memory[offset .. offset + length)`: replay window, ICV, then the window moves.
   * The inner packet begins at `offset + headroom`.
   * @returns the length of the inner packet, or an `EspDrop` code.
   */
  open(memory: Uint8Array, offset: number, length: number): number;
  /** Closes the cipher, where it can be: its keys are gone, and nothing is opened any more. */
  close(): void;
}
