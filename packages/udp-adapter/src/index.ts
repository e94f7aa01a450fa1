export * from './batch-socket.ts';
export { type BatchUdpAdapterResult, createBatchUdpAdapter } from './create-batch-udp-adapter.ts';
export {
  createUdpAdapter,
  type EndpointChanges,
  type EveryAddress,
  type SocketUdpAdapter,
  type UdpAdapterOptions,
} from './create-udp-adapter.ts';
export * from './local-address.ts';
export { openBatchSocket } from './open-batch-socket.ts';
export type * from './udp-adapter.ts';
export { UdpBindError } from './udp-bind-error.ts';
export { udpOffloadFault } from './udp-offload-fault.ts';
