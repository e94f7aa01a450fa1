import { type PacketFields, readUint32 } from '@ipsec-kit/ip';

const LONGEST_WORDS = 8;

/** What was decided about the last packet, for as long as the next ones look the same to selectors: packets come in runs, and
 * whoever decides looks at nothing but protocol, addresses and ports.
 */
export class LastFlow<Decision> {
  readonly #addresses = new Int32Array(LONGEST_WORDS);
  #version = 0;
  #protocol = 0;
  #hasPorts = false;
  #sourcePort = 0;
  #destinationPort = 0;
  #decision: Decision | undefined;

  /** The decision that was kept, when this packet is of the same flow. */
  decisionFor(memory: Uint8Array, fields: PacketFields): Decision | undefined {
    const isSame =
      fields.sourcePort === this.#sourcePort &&
      fields.destinationPort === this.#destinationPort &&
      fields.protocol === this.#protocol &&
      fields.version === this.#version &&
      fields.hasPorts === this.#hasPorts &&
      this.#hasAddresses(memory, fields);
    return isSame ? this.#decision : undefined;
  }

  /** Keeps a decision about the packet at hand. */
  keep(memory: Uint8Array, fields: PacketFields, decision: Decision): void {
    const { version, sourceOffset } = fields;
    this.#version = version;
    this.#protocol = fields.protocol;
    this.#hasPorts = fields.hasPorts;
    this.#sourcePort = fields.sourcePort;
    this.#destinationPort = fields.destinationPort;
    for (let i = 0; i < addressWords(version); i += 1) {
      this.#addresses[i] = readUint32(memory, sourceOffset + i * 4);
    }
    this.#decision = decision;
  }

  /** Forgets it: what it was made of has changed. */
  forget(): void {
    this.#decision = undefined;
  }

  #hasAddresses(memory: Uint8Array, { version, sourceOffset }: PacketFields): boolean {
    for (let i = addressWords(version) - 1; i >= 0; i -= 1) {
      if (this.#addresses[i] !== (readUint32(memory, sourceOffset + i * 4) | 0)) return false;
    }
    return true;
  }
}

/** Of source and destination, which lie one behind the other. */
function addressWords(version: 4 | 6): number {
  return version === 4 ? 2 : LONGEST_WORDS;
}
