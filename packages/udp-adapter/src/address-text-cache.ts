import { formatAddress, type IpAddress, parseAddress } from '@ipsec-kit/ip';

const SLOTS = 1024;
const MOST_TEXTS = 4096;
const EMPTY = new Uint8Array(0);

/** Remembers the text of addresses in both directions, since node:dgram speaks text and packets carry bytes:
 * a steady flow formats and parses nothing. Bounded, whatever addresses arrive.
 */
export interface AddressTextCache {
  /** The text of the packed address (16 bytes, IPv4-mapped for IPv4) at `offset`. */
  textAt(memory: Uint8Array, offset: number, version: 4 | 6): string;
  /** The packed address of a text of node:dgram, 16 bytes, not to be modified; a zone (`%eth0`) is ignored. */
  bytesOf(text: string): Uint8Array | undefined;
}

/** Makes an empty cache. */
export function createAddressTextCache(): AddressTextCache {
  const keys: Uint8Array[] = Array.from({ length: SLOTS }, () => EMPTY);
  const texts: string[] = Array.from({ length: SLOTS }, () => '');
  const packed = new Map<string, Uint8Array>();

  return {
    textAt(memory: Uint8Array, offset: number, version: 4 | 6): string {
      const slot = slotOf(memory, offset);
      if (isKeyAt(memory, offset, keys[slot] ?? EMPTY)) return texts[slot] ?? '';
      const text = formatAddress({
        version,
        bytes: memory.slice(version === 4 ? offset + 12 : offset, offset + 16),
      });
      keys[slot] = memory.slice(offset, offset + 16);
      texts[slot] = text;
      return text;
    },
    bytesOf(text: string): Uint8Array | undefined {
      const known = packed.get(text);
      if (known) return known;
      const zone = text.indexOf('%');
      const address = parseAddress(zone < 0 ? text : text.slice(0, zone));
      if (!address) return undefined;
      if (packed.size >= MOST_TEXTS) packed.clear();
      const bytes = toSixteenBytes(address);
      packed.set(text, bytes);
      return bytes;
    },
  };
}

function toSixteenBytes(address: IpAddress): Uint8Array {
  if (address.version === 6) return address.bytes;
  const bytes = new Uint8Array(16);
  bytes.fill(0xff, 10, 12);
  bytes.set(address.bytes, 12);
  return bytes;
}

/** FNV-1a over the address: one slot each, the newer address takes it. */
function slotOf(memory: Uint8Array, offset: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < 16; i += 1) hash = Math.imul(hash ^ (memory[offset + i] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}

function isKeyAt(memory: Uint8Array, offset: number, key: Uint8Array): boolean {
  if (key.length !== 16) return false;
  for (let i = 15; i >= 0; i -= 1) if (memory[offset + i] !== key[i]) return false;
  return true;
}
