export * from './drop-reason.ts';
export * from './inbound-sa.ts';
export * from './outbound-sa.ts';
export {
  ESP_HEADER_BYTES,
  EspNextHeader,
  espOverhead,
  largestInnerPacket,
} from './packet-shape.ts';
export * from './plain-packet.ts';
export { MAX_REPLAY_WINDOW, MIN_REPLAY_WINDOW, ReplayWindow } from './replay-window.ts';
export * from './sa.ts';
export {
  LAST_EXTENDED_SEQUENCE_NUMBER,
  LAST_SEQUENCE_NUMBER,
  SOFT_SEQUENCE_NUMBER,
} from './sequence-number.ts';
