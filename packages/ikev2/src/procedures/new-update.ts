import { ReturnRoutabilityCheck } from '@ipsec-kit/mobike';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import type { Procedure, UpdateReason } from './procedure.ts';

type Update = Extract<Procedure, { readonly kind: 'update-addresses' }>;

/** An update of which the mover is to decide. */
export function newUpdate(context: EndpointContext, reason: UpdateReason): Update {
  return {
    kind: 'update-addresses',
    reason,
    check: new ReturnRoutabilityCheck(context.random),
  };
}
