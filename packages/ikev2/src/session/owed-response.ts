import type { Path } from '@ipsec-kit/ip';

/** A message that leaves, for the narration. */
export interface Narration {
  readonly exchange: string;
  readonly messageId: number;
  readonly isResponse: boolean;
  readonly payloads: string;
  readonly retransmission: boolean;
}

/** A response that would have been more than came from where it goes, and leaves when the peer has shown that it is there. */
export interface OwedResponse {
  readonly datagrams: readonly Uint8Array[];
  readonly narration: Narration;
  readonly via: { readonly path: Path; readonly marker: boolean };
}
