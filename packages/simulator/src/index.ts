export type { DeviceClockKind, DeviceSettings, Span, WakeCause } from './device/device-settings.ts';
export { dozingPhone } from './device/device-settings.ts';
export * from './device/dozing-device.ts';
export {
  batteryUsed,
  type EnergyAccount,
  type EnergyModel,
  wakeUpsForProgram,
} from './device/energy-account.ts';
export * from './doze/doze-checks.ts';
export * from './doze/doze-rows.ts';
export * from './doze/doze-table.ts';
export * from './doze/measure-recovery.ts';
export * from './doze/run-doze.ts';
export * from './doze/run-table.ts';
export * from './host/host-networks.ts';
export type { HostObserver } from './host/host-observer.ts';
export type { ReceivedPacket } from './host/inner-inbox.ts';
export type { HostNetwork, NetworkView } from './host/network-view.ts';
export type { StandingChild } from './host/packet-path.ts';
export type { EndedSession, SimulatedSession } from './host/session-book.ts';
export * from './host/simulated-host.ts';
export * from './host/simulated-host-options.ts';
export type { NatMapping } from './nat/mapping-table.ts';
export * from './nat/nat-box.ts';
export type { Nat, NatOptions } from './nat/nat-place.ts';
export {
  behavingNat,
  carrierNat,
  type EndpointDependence,
  linuxNat,
  type NatSettings,
  type PortAssignment,
  type RefreshDirection,
} from './nat/nat-settings.ts';
export * from './network/datagram.ts';
export type { DatagramHook, Decision } from './network/fault.ts';
export * from './network/format-trace.ts';
export * from './network/link.ts';
export * from './network/middlebox.ts';
export * from './network/mtu-limit.ts';
export type { NetworkSegment } from './network/network-segment.ts';
export type { TraceEntry } from './network/network-trace.ts';
export * from './network/random-stream.ts';
export * from './network/virtual-network.ts';
export * from './network/virtual-network-contract.ts';
export * from './simulation/agreement.ts';
export * from './simulation/create-simulation.ts';
export {
  CONNECTION_NAME,
  clientConnection,
  DEFAULT_SETTINGS,
  ikeProposal,
  POOL_PREFIX,
  SERVER_INNER_ADDRESS,
  SERVER_NETWORK,
  serverConnection,
} from './simulation/default-connection.ts';
export * from './simulation/explore.ts';
export {
  innerAddressOf,
  type OpenResult,
  type PingOptions,
  type SimulatedEvent,
  Simulation,
} from './simulation/simulation.ts';
export type { HostWorld, SideOptions, SimulationOptions } from './simulation/simulation-options.ts';
export * from './walk/run-walk.ts';
export * from './walk/walk-configurations.ts';
export * from './walk/walk-plan.ts';
export * from './walk/walk-seeds.ts';
