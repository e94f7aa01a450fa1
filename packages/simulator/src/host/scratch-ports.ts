import type { Endpoint, IpAddress } from '@ipsec-kit/ip';

/** The ephemeral ports. @see RFC 6335 §6 */
const FIRST_PORT = 49_152;
const PORTS = 16_384;
/** Scratch ports that a host has at once. */
const MOST_OPEN = 16;

/** Ports of a host beside its two, each for one measurement of a NAT mapping that nobody else uses. */
export class ScratchPorts {
  readonly #open = new Set<number>();
  #opened = 0;

  has(port: number): boolean {
    return this.#open.has(port);
  }

  /** Opens a port that was not used lately. @returns `undefined` without an address of the peer's family, or when too many are open. */
  open(own: readonly IpAddress[], remote: Endpoint): Endpoint | undefined {
    const address = own.find(({ version }) => version === remote.address.version);
    if (!address || this.#open.size >= MOST_OPEN) return undefined;
    const port = FIRST_PORT + (this.#opened % PORTS);
    this.#opened += 1;
    this.#open.add(port);
    return { address, port };
  }

  close({ port }: Endpoint): void {
    this.#open.delete(port);
  }
}
