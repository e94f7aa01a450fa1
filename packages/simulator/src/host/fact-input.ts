import type { Fact } from '@ipsec-kit/ipsec';
import type { TimelessInput } from './endpoint-driver.ts';

/** What the IKE endpoint is told of a fact; a fact that is none of a Child SA is not for it. */
export function factInput(fact: Fact): (TimelessInput & { readonly childId: number }) | undefined {
  switch (fact.kind) {
    case 'first-inbound':
      return { kind: 'child-first-inbound', childId: fact.pairId };
    case 'soft-limit':
      return { kind: 'child-limit', childId: fact.pairId, limit: 'soft' };
    case 'hard-limit':
      return { kind: 'child-limit', childId: fact.pairId, limit: 'hard' };
    case 'peer-moved':
      return { kind: 'peer-moved', childId: fact.pairId, path: fact.path, bytes: fact.bytes };
    default:
      return undefined;
  }
}
