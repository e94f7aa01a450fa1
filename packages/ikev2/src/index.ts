export * from './config.ts';
export {
  createIkeEndpoint,
  type IkeEndpoint,
  type IkeEndpointOptions,
} from './endpoint/ike-endpoint.ts';
export * from './endpoint-io.ts';
export * from './events.ts';
export { LINGER_MS } from './session/close-session.ts';
export { type NextState, SESSION_STATES, type StateKind } from './session/states.ts';
