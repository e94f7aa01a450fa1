import type { PeerVerdict } from '@ipsec-kit/ikev2';
import type { PeerProof } from './peer-proof.ts';

/** A peer that is believed, and by what that can be looked at again: a raw key has nothing of that kind. Or why it is not. */
export type PeerBelief =
  | { readonly ok: true; readonly proof?: PeerProof }
  | (PeerVerdict & { readonly ok: false });

/** Why a peer is not believed. @param detail - in words; begins small, without a full stop. */
export function refuse(detail: string): PeerVerdict & { readonly ok: false } {
  return { ok: false, detail };
}
