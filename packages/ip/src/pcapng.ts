export type {
  Capture,
  CapturedPacket,
  CaptureFault,
  CaptureResult,
} from './capture/capture.ts';
export { ipPacketOf } from './capture/link-layer.ts';
export { LinkType, linkTypeName } from './capture/link-type.ts';
export {
  encodeEnhancedPacket,
  encodeInterface,
  encodeSectionHeader,
} from './capture/pcapng-writer.ts';
export { readCapture } from './capture/read-capture.ts';
export { type CapturedDatagram, udpPayloads } from './capture/udp-payloads.ts';
