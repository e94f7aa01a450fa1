export * from './drop-reason.ts';
export * from './inbound-sa.ts';
export {
  createOutboundSa,
  LAST_SEQUENCE_NUMBER,
  type OutboundSaOptions,
  SOFT_SEQUENCE_NUMBER,
} from './outbound-sa.ts';
export {
  ESP_HEADER_BYTES,
  EspNextHeader,
  espOverhead,
  largestInnerPacket,
} from './packet-shape.ts';
export * from './plain-packet.ts';
export { MAX_REPLAY_WINDOW, MIN_REPLAY_WINDOW, ReplayWindow } from './replay-window.ts';
export * from './sa.ts';
