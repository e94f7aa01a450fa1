export * from './batch-socket.ts';
export { type Bindings, type BoundSocket, createBindings, type OpenSocket } from './bindings.ts';
export { type BatchUdpAdapterResult, createBatchUdpAdapter } from './create-batch-udp-adapter.ts';
export {
  createUdpAdapter,
  type EndpointChanges,
  type EveryAddress,
  type SocketUdpAdapter,
  type UdpAdapterOptions,
} from './create-udp-adapter.ts';
export * from './local-address.ts';
export {
  type BatchDescriptor,
  type BatchDescriptorResult,
  batchSocketOn,
  openBatchDescriptor,
  openBatchSocket,
} from './open-batch-socket.ts';
export { openSharedDescriptors, type SharedDescriptorsResult } from './open-shared-descriptors.ts';
export { PACKED_ENDPOINT_BYTES, packEndpoint, packedEndpointAt } from './packed-endpoint.ts';
export { sharedPortFault } from './shared-port-fault.ts';
export type * from './udp-adapter.ts';
export { UdpBindError } from './udp-bind-error.ts';
export { udpOffloadFault } from './udp-offload-fault.ts';
