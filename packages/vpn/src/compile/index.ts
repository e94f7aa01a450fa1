export type { AddressTarget } from './compile-addresses.ts';
export type { ConnectionTransport } from './compile-connection.ts';
export { type CompiledVpn, type CompileResult, compileOptions } from './compile-options.ts';
export type { CompiledPool } from './compile-pools.ts';
export type { SocketPorts } from './compile-settings.ts';
export type { ConfigPositions, ConfigSource } from './config-positions.ts';
export {
  ConfigError,
  type ConfigProblem,
  type ConfigProblemCode,
  describeProblem,
  type SourcePosition,
} from './config-problem.ts';
export { DEFAULT_ESP_PROPOSALS, DEFAULT_IKE_PROPOSALS } from './default-proposals.ts';
