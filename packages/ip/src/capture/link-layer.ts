import { readUint16 } from '../byte-order.ts';
import { packetVersion } from '../packet-fields.ts';
import type { CapturedPacket } from './capture.ts';
import { LinkType } from './link-type.ts';

/** Most VLAN tags that are skipped in an Ethernet frame. */
const MAX_VLAN_TAGS = 4;

/** The IP packet inside a captured frame, padding of the link included, as a view.
 * @returns `undefined` for another protocol, another link type and a frame that is cut off before it.
 */
export function ipPacketOf(packet: CapturedPacket): Uint8Array | undefined {
  const { data, linkType } = packet;
  const offset = ipOffset(data, linkType);
  if (offset < 0 || offset >= data.length) return undefined;
  const version = packetVersion(data, offset);
  return version === 4 || version === 6 ? data.subarray(offset) : undefined;
}

function ipOffset(data: Uint8Array, linkType: number): number {
  switch (linkType) {
    case LinkType.RAW:
    case LinkType.IPV4:
    case LinkType.IPV6:
      return 0;
    case LinkType.NULL:
    case LinkType.LOOP:
      return 4;
    case LinkType.ETHERNET:
      return ethernetPayload(data);
    case LinkType.LINUX_SLL:
      return isIpType(readUint16(data, 14)) ? 16 : -1;
    case LinkType.LINUX_SLL2:
      return isIpType(readUint16(data, 0)) ? 20 : -1;
    default:
      return -1;
  }
}

function ethernetPayload(data: Uint8Array): number {
  let at = 12;
  for (let tags = 0; tags <= MAX_VLAN_TAGS; tags += 1) {
    const etherType = readUint16(data, at);
    if (isIpType(etherType)) return at + 2;
    if (etherType !== 0x8100 && etherType !== 0x88a8 && etherType !== 0x9100) return -1;
    at += 4;
  }
  return -1;
}

function isIpType(etherType: number): boolean {
  return etherType === 0x0800 || etherType === 0x86dd;
}
