export { MAX_MESSAGE_ID, MAX_WINDOW_SIZE } from './message-id.ts';
export * from './request-window.ts';
export * from './request-window-contract.ts';
export * from './response-window.ts';
export * from './retransmit-policy.ts';
