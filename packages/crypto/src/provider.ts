import type { KeyMaterial } from './key-material.ts';
import type { RandomSource } from './random-source.ts';

/** How a packet is protected: an AEAD, or a cipher with an integrity transform. All ids are IANA's. */
export interface CipherSuite {
  readonly encryption: number;
  /** Key length of the cipher in bits, without salt; for ciphers of fixed key length their own. */
  readonly keyBits: number;
  /** `Integ.NONE` for an AEAD. */
  readonly integrity: number;
}

/** Sizes that follow from a cipher suite alone. */
export interface CipherShape {
  /** Bytes of encryption key, the AEAD's salt included (the order of RFC 7296 §2.17 keying material). */
  readonly encryptionKeyBytes: number;
  readonly integrityKeyBytes: number;
  /** Bytes of IV that travel in the packet; 0 where it is implicit. */
  readonly ivBytes: number;
  /** A counter may serve as IV (AEADs), or it must be unpredictable (CBC), or it is the sequence number of ESP and not
   * sent at all: such a suite is for ESP alone. @see RFC 8750 §4
   */
  readonly iv: 'counter' | 'random' | 'implicit';
  /** The ciphertext is a multiple of this. */
  readonly blockBytes: number;
  readonly icvBytes: number;
}

/** A keyed cipher that works in place on memory of the caller. Offsets are into `memory`.
 * Bytes `[aadOffset, aadOffset + aadBytes)` are authenticated only. The IV lies at `ivOffset`.
 * The text `[textOffset, textOffset + textBytes)` is en- or decrypted in place; `textBytes` is a multiple of `blockBytes`.
 * The ICV lies directly behind the text. For a cipher with HMAC the ICV covers AAD, IV and ciphertext, which must be adjacent.
 *
 * `sequenceHigh` is for ESP with extended sequence numbers: their upper 32 bits, which are not sent. The AAD is then the
 * ESP header, 8 bytes, and the bits are authenticated between its SPI and sequence number by an AEAD (RFC 4106 §5,
 * RFC 7634 §2.1), behind the ciphertext by a cipher with HMAC (RFC 4303 §2.2.1). An implicit IV is made of them and of the
 * sequence number in the AAD. @see RFC 8750 §4
 */
export interface PacketCipher extends CipherShape {
  /** Encrypts in place and writes the ICV behind the text. The IV is the caller's: never twice under one key.
   * @throws RangeError when the places do not fit the memory or the block size.
   */
  seal(
    memory: Uint8Array,
    aadOffset: number,
    aadBytes: number,
    ivOffset: number,
    textOffset: number,
    textBytes: number,
    sequenceHigh?: number,
  ): void;
  /** Verifies the ICV in constant time, then decrypts in place.
   * @returns false when the ICV does not match, and when the places do not fit the memory or the block size, so that a
   * length that came from the network cannot throw; the text is then undefined.
   */
  open(
    memory: Uint8Array,
    aadOffset: number,
    aadBytes: number,
    ivOffset: number,
    textOffset: number,
    textBytes: number,
    sequenceHigh?: number,
  ): boolean;
  /** Frees what the cipher has outside of the heap and overwrites its keys, where there is such; harmless when repeated.
   * To be called when its SA goes; `seal` and `open` may throw afterwards.
   */
  close?(): void;
}

/** The private half of a key exchange in progress; opaque, and for one exchange only.
 * It survives a refused public value, so that a forged answer can be ignored and the honest one awaited (RFC 6989 §2.5).
 */
export interface KeyExchangeSecret {
  readonly method: number;
  /** What goes into the KE payload. */
  readonly publicValue: Uint8Array;
}

/** Why a peer's public value was refused. @see RFC 6989, RFC 8031 §3 */
export type KeyExchangeFailure =
  | 'bad-length'
  | 'invalid-point'
  | 'small-subgroup'
  | 'all-zero'
  /** An ML-KEM encapsulation key with a coefficient out of range (FIPS 203 §7.2). */
  | 'invalid-key';

/** The shared secret of a key exchange, in the form that RFC 7296 §2.14 feeds to the PRF: MODP values padded to the length
 * of the modulus, the x coordinate for ECP groups. Or why the peer's public value was refused.
 */
export type KeyAgreement =
  | { readonly ok: true; readonly sharedSecret: KeyMaterial }
  | { readonly ok: false; readonly code: KeyExchangeFailure };

/** What a responder sends back and the shared secret that it has by then, or why the peer's public value was refused. */
export type KeyResponse =
  | { readonly ok: true; readonly publicValue: Uint8Array; readonly sharedSecret: KeyMaterial }
  | { readonly ok: false; readonly code: KeyExchangeFailure };

/** Algorithms by IANA id. A provider may be slow or remote in `generate`, `agree` and `respond`:
 * machines never call those three themselves but emit a request, and the driver calls them.
 */
export interface CryptoProvider {
  readonly name: string;

  /** Key and output bytes of a PRF (preferred key length), or `undefined` when not provided. */
  prfShape(prf: number): { readonly keyBytes: number; readonly outputBytes: number } | undefined;
  /** prf(key, data), the parts of `data` concatenated. @throws on an unknown `prf` */
  prf(prf: number, key: KeyMaterial, ...data: readonly Uint8Array[]): Uint8Array;

  /** SHA-1 of the parts: NAT detection (RFC 7296 §2.23) and certificate hashes need nothing stronger. */
  sha1(...data: readonly Uint8Array[]): Uint8Array;

  /** Sizes of a suite, or `undefined` when not provided. */
  cipherShape(suite: CipherSuite): CipherShape | undefined;
  /** @throws on a suite that is not provided, or keys of other lengths than its shape says. */
  createCipher(
    suite: CipherSuite,
    keys: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial },
  ): PacketCipher;

  /** Length in bytes of the public value that a side sends with a method, or `undefined` when not provided.
   * Both are alike but for ML-KEM, where the initiator (the default) sends a key and the responder a ciphertext.
   */
  keyExchangePublicBytes(method: number, role?: 'initiator' | 'responder'): number | undefined;
  /** Makes the initiator's key pair from bytes of `random`: the same bytes give the same pair, so that a trace replays.
   * @throws RangeError on a method that is not provided, Error when `random` is broken.
   */
  generate(method: number, random: RandomSource): KeyExchangeSecret | Promise<KeyExchangeSecret>;
  /** The initiator's end: checks the responder's public value (RFC 6989 §2.1, §2.3; RFC 8031 §3), then computes the shared secret.
   * A forged ML-KEM ciphertext is not refused: it gives another secret (FIPS 203 §6.3), with which nothing decrypts.
   * @throws TypeError when `secret` is not from this provider.
   */
  agree(
    secret: KeyExchangeSecret,
    peerPublicValue: Uint8Array,
  ): KeyAgreement | Promise<KeyAgreement>;
  /** The responder's end in one step, for any method: checks the initiator's public value as `agree` does, makes a value of its own
   * from bytes of `random`, and computes the shared secret. With a Diffie-Hellman group that is `generate` and `agree`;
   * ML-KEM has no other way, since its ciphertext follows from the initiator's key.
   * @throws RangeError on a method that is not provided, Error when `random` is broken.
   */
  respond(
    method: number,
    peerPublicValue: Uint8Array,
    random: RandomSource,
  ): KeyResponse | Promise<KeyResponse>;
}
