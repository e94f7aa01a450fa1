import { type CryptoProvider, constantTimeEqual } from '@ipsec-kit/crypto';
import {
  findNotifies,
  type NotifyPayload,
  NotifyType,
  notify,
  type Payload,
} from '@ipsec-kit/ikev2-codec';
import type { Path } from '@ipsec-kit/ip';
import { detectNat, type IkeSpis, type NatStatus, natDetectionHash } from '@ipsec-kit/nat-t';

/** What is known of NATs before the peer has said anything. */
export const NAT_UNKNOWN: NatStatus = { local: false, remote: false, forced: true };

/** Port 0 is the source of no datagram: a hash over it cannot match, so the peer encapsulates ESP in UDP,
 * which is the only kind that we can receive. Unlike a random hash it lets another ipsec-kit tell force from a NAT.
 * This departs from RFC 7296 §2.23 on purpose: it wants that ESP without UDP can be received as well.
 */
const FORCED_PORT = 0;

/** Both NAT detection notifications for a message that leaves on `path`. @see RFC 7296 §2.23 */
export function natDetectionNotifies(
  crypto: CryptoProvider,
  spis: IkeSpis,
  path: Path,
): NotifyPayload[] {
  const source = { address: path.local.address, port: FORCED_PORT };
  return [
    notify(NotifyType.NAT_DETECTION_SOURCE_IP, natDetectionHash(crypto, spis, source)),
    notify(NotifyType.NAT_DETECTION_DESTINATION_IP, natDetectionHash(crypto, spis, path.remote)),
  ];
}

/** What the NAT detection of a message that came on `path` says.
 * @returns `undefined` when the notifications are missing: the peer does not support NAT traversal.
 */
export function readNatDetection(
  crypto: CryptoProvider,
  spis: IkeSpis,
  path: Path,
  payloads: readonly Payload[],
): NatStatus | undefined {
  const sourceHashes = dataOf(payloads, NotifyType.NAT_DETECTION_SOURCE_IP);
  const destinationHashes = dataOf(payloads, NotifyType.NAT_DETECTION_DESTINATION_IP);
  const nat = detectNat(crypto, { ...spis, sourceHashes, destinationHashes, path });
  if (!nat) return undefined;
  const forcedSource = { address: path.remote.address, port: FORCED_PORT };
  const forcedHash = natDetectionHash(crypto, spis, forcedSource);
  const isForcedByPeer = sourceHashes.some((hash) => constantTimeEqual(hash, forcedHash));
  return { local: nat.local, remote: nat.remote && !isForcedByPeer, forced: true };
}

function dataOf(payloads: readonly Payload[], type: number): Uint8Array[] {
  return findNotifies(payloads, type).map((payload) => payload.data);
}
