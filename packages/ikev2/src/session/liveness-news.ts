import type { MappingVerdict } from '@ipsec-kit/nat-t';

/** What is learnt of exchanges while one input is handled; the policy hears of it at the end, in an order that makes sense. */
export interface LivenessNews {
  isRekeyed: boolean;
  ended: { readonly verdict?: MappingVerdict; readonly roundTripMs?: number } | undefined;
}
