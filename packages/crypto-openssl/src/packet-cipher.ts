import type { PacketCipher } from '@ipsec-kit/crypto';

/** A packet cipher with keyed contexts in OpenSSL's memory. */
export interface OpenSslPacketCipher extends PacketCipher {
  /** Frees the contexts and overwrites the keys; harmless when repeated. What was not closed is freed some time after
   * it was collected. Afterwards `seal` and `open` throw.
   */
  close(): void;
}
