export type { DelegateReport, Delegation, LastResponse } from './delegate/delegation.ts';
export {
  createLivenessDelegate,
  type DelegateInput,
  type DelegateOptions,
  type DelegateOutput,
  type DelegateResult,
  type LivenessDelegate,
  type WakeReason,
} from './delegate/liveness-delegate.ts';
