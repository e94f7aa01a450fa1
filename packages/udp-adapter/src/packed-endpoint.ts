import { type Endpoint, PACKED_PATH_BYTES, packPath } from '@ipsec-kit/ip';

/** Bytes of one end of a packed path: an address of 16 bytes and a port of 2. */
export const PACKED_ENDPOINT_BYTES: number = PACKED_PATH_BYTES / 2;

/** One end of a packed path, in bytes of its own. */
export function packEndpoint(endpoint: Endpoint): Uint8Array {
  return packPath({ local: endpoint, remote: endpoint }).slice(0, PACKED_ENDPOINT_BYTES);
}

/** Whether the packed end at `offset` of `memory` is `packed`; allocates nothing. */
export function packedEndpointAt(memory: Uint8Array, offset: number, packed: Uint8Array): boolean {
  // The last bytes differ most often: ports, then the host part of addresses.
  for (let i = PACKED_ENDPOINT_BYTES - 1; i >= 0; i -= 1) {
    if (memory[offset + i] !== packed[i]) return false;
  }
  return true;
}
