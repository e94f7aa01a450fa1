export type { BindingStatus } from './binding/session-binding.ts';
export {
  type Cell,
  COLLISIONS,
  type CollisionAnswer,
  type CollisionEffect,
  type OwnWork,
  type PeerRequest,
  REFUSALS,
  type RefusalEffect,
} from './collisions/table.ts';
export * from './config.ts';
export type { DelegationResult, TakeBackResult } from './delegate/delegate-session.ts';
export type { DelegateReport, Delegation, LastResponse } from './delegate/delegation.ts';
export type { PlaceChildSpi } from './endpoint/endpoint-context.ts';
export {
  createIkeEndpoint,
  type IkeEndpoint,
  type IkeEndpointOptions,
} from './endpoint/ike-endpoint.ts';
export {
  createRequestHandler,
  type EapWork,
  type LocalRequest,
  type RequestHandler,
  type RequestHandlerOptions,
  type SignatureWork,
} from './endpoint/request-handler.ts';
export * from './endpoint-io.ts';
export * from './endpoint-work.ts';
export * from './events.ts';
export { resolveSelectors } from './negotiate/selectors.ts';
export type { PoolRange, PoolStatus } from './pools/address-pool.ts';
export { type AddressPools, createAddressPools, type PoolConfig } from './pools/address-pools.ts';
export { LINGER_MS } from './session/linger.ts';
export type { PathStatus } from './session/path-status.ts';
export type { Lifetimes, SessionLifetimes } from './session/session-lifetimes.ts';
export { type NextState, SESSION_STATES, type StateKind } from './session/states.ts';
