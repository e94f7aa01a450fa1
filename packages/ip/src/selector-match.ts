import type { PacketFields } from './packet-fields.ts';
import { isAnyPort, isOpaquePort, type TrafficSelector } from './traffic-selector.ts';

/** Whether one side of a packet matches a selector: its address, its port, and the protocol of the packet.
 * Allocates nothing. A packet whose ports cannot be seen matches only any port and OPAQUE, and one whose
 * protocol cannot be seen only protocol 0.
 * @param side - which address and port to compare.
 * @see RFC 4301 §4.4.1.1 and §7 (fragments)
 */
export function selectorMatchesPacket(
  selector: TrafficSelector,
  memory: Uint8Array,
  fields: PacketFields,
  side: 'source' | 'destination',
): boolean {
  const { protocol, startPort, endPort, start, end } = selector;
  if (start.version !== fields.version) return false;
  if (protocol !== 0 && protocol !== fields.protocol) return false;
  if (!isAnyPort(selector)) {
    if (!fields.hasPorts) {
      if (!isOpaquePort(selector)) return false;
    } else {
      const port = side === 'source' ? fields.sourcePort : fields.destinationPort;
      if (port < startPort || port > endPort) return false;
    }
  }
  const at = side === 'source' ? fields.sourceOffset : fields.destinationOffset;
  return inRange(memory, at, start.bytes, end.bytes);
}

/** Whether any of `selectors` matches, as {@link selectorMatchesPacket} has it. */
export function anySelectorMatchesPacket(
  selectors: readonly TrafficSelector[],
  memory: Uint8Array,
  fields: PacketFields,
  side: 'source' | 'destination',
): boolean {
  for (let i = 0; i < selectors.length; i += 1) {
    const selector = selectors[i];
    if (selector && selectorMatchesPacket(selector, memory, fields, side)) return true;
  }
  return false;
}

function inRange(memory: Uint8Array, at: number, start: Uint8Array, end: Uint8Array): boolean {
  let aboveStart = false;
  let belowEnd = false;
  for (let i = 0; i < start.length && !(aboveStart && belowEnd); i += 1) {
    const byte = memory[at + i] ?? 0;
    const low = start[i] ?? 0;
    const high = end[i] ?? 0;
    if (!aboveStart) {
      if (byte < low) return false;
      aboveStart = byte > low;
    }
    if (!belowEnd) {
      if (byte > high) return false;
      belowEnd = byte < high;
    }
  }
  return true;
}
