import { decodeHeader } from '@ipsec-kit/ikev2-codec';
import { readUint32 } from '@ipsec-kit/ip';
import type { CapturedDatagram } from '@ipsec-kit/ip/pcapng';

const IKE_PORT = 500;
const NAT_T_PORT = 4500;
const MARKER_BYTES = 4;

/** What a UDP datagram carries; IKE without the non-ESP marker. */
export type Content =
  | { readonly kind: 'ike'; readonly data: Uint8Array }
  | { readonly kind: 'esp' | 'keepalive' | 'other' };

/** Tells IKE from ESP and keepalives on port 4500 (RFC 3948 §2), takes everything on port 500 for IKE, and finds
 * IKE on any other port by its header, with or without the marker.
 */
export function findIke(datagram: CapturedDatagram): Content {
  const { data } = datagram;
  const ports = [datagram.source.port, datagram.destination.port];
  const isMarked = data.length >= MARKER_BYTES && readUint32(data, 0) === 0;
  const unmarked = data.subarray(MARKER_BYTES);
  if (ports.includes(NAT_T_PORT)) {
    if (isMarked) return { kind: 'ike', data: unmarked };
    return { kind: data.length === 1 && data[0] === 0xff ? 'keepalive' : 'esp' };
  }
  if (isMarked && decodeHeader(unmarked).ok) return { kind: 'ike', data: unmarked };
  if (ports.includes(IKE_PORT)) return { kind: 'ike', data };
  return decodeHeader(data).ok ? { kind: 'ike', data } : { kind: 'other' };
}
