import { type CryptoProvider, constantTimeEqual, type RandomSource } from '@ipsec-kit/crypto';
import { type Endpoint, type Path, writeUint16 } from '@ipsec-kit/ip';

/** Length of the data of a NAT_DETECTION_*_IP notify: one SHA-1 hash. */
export const NAT_DETECTION_HASH_BYTES = 20;

/** The one function of a crypto provider that NAT detection needs. */
export type Sha1Provider = Pick<CryptoProvider, 'sha1'>;

/** The SPIs of the IKE header that carries the notifies; the responder's is 0 in the request of IKE_SA_INIT. */
export interface IkeSpis {
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
}

/** The data of NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP: SHA-1 over SPIs, address and port.
 * @param spis - in the order of the header, whoever sends.
 * @param endpoint - where the packet comes from (source) or goes to (destination), as its sender sees it.
 * @returns {@link NAT_DETECTION_HASH_BYTES} bytes.
 * @see RFC 7296 §2.23
 */
export function natDetectionHash(
  provider: Sha1Provider,
  spis: IkeSpis,
  endpoint: Endpoint,
): Uint8Array {
  const { bytes } = endpoint.address;
  const input = new Uint8Array(16 + bytes.length + 2);
  const view = new DataView(input.buffer);
  view.setBigUint64(0, spis.initiatorSpi);
  view.setBigUint64(8, spis.responderSpi);
  input.set(bytes, 16);
  writeUint16(input, 16 + bytes.length, endpoint.port);
  return provider.sha1(input);
}

/** A NAT_DETECTION_SOURCE_IP that matches no address: the peer takes us to be behind a NAT and encapsulates ESP in UDP.
 * For hosts that cannot receive IP protocol 50, such as a userspace process. What it forces says nothing about a
 * real NAT: keep `forced` apart from what {@link detectNat} finds.
 * @see RFC 7296 §2.23
 */
export function forcedSourceHash(random: RandomSource): Uint8Array {
  const hash = new Uint8Array(NAT_DETECTION_HASH_BYTES);
  random.fill(hash);
  return hash;
}

/** Which end of a path is behind a NAT, as far as the peer's hashes tell; a peer that forces encapsulation looks like one that is. */
export interface DetectedNat {
  readonly local: boolean;
  readonly remote: boolean;
}

/** {@link DetectedNat}, and whether this side forces UDP encapsulation without a NAT. */
export interface NatStatus extends DetectedNat {
  readonly forced: boolean;
}

/** What a message said about NATs on its way. */
export interface NatDetectionInput extends IkeSpis {
  /** Data of all NAT_DETECTION_SOURCE_IP notifies: there may be several, one for each address that the sender might use. */
  readonly sourceHashes: readonly Uint8Array[];
  /** Data of all NAT_DETECTION_DESTINATION_IP notifies. */
  readonly destinationHashes: readonly Uint8Array[];
  /** The addresses and ports that the message arrived with. */
  readonly path: Path;
}

/** Compares the peer's NAT detection hashes with the addresses that its message arrived with.
 * The remote end is behind a NAT when no source hash matches, the local end when no destination hash does.
 * @returns `undefined` when either kind is missing: the peer does not support NAT traversal (both MUST be sent).
 * @see RFC 7296 §2.23
 */
export function detectNat(
  provider: Sha1Provider,
  input: NatDetectionInput,
): DetectedNat | undefined {
  const { sourceHashes, destinationHashes, path } = input;
  if (sourceHashes.length === 0 || destinationHashes.length === 0) return undefined;
  const isChanged = (hashes: readonly Uint8Array[], endpoint: Endpoint): boolean => {
    const expected = natDetectionHash(provider, input, endpoint);
    return !hashes.some((hash) => constantTimeEqual(hash, expected));
  };
  return {
    local: isChanged(destinationHashes, path.local),
    remote: isChanged(sourceHashes, path.remote),
  };
}

/** Whether ESP must travel in UDP: with a NAT at either end (RFC 7296 §2.23), or because this side forces it. */
export function needsEncapsulation(nat: NatStatus): boolean {
  return nat.local || nat.remote || nat.forced;
}
