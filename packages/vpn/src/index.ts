export * from './capture.ts';
export * from './child-installer.ts';
export { createClient } from './client.ts';
export type { Client, ClientOptions, CloseOptions } from './client-contract.ts';
export * from './compile/index.ts';
export * from './connection-path.ts';
export {
  requestDisconnect,
  requestRevalidation,
  requestSession,
  requestStatus,
} from './control-request.ts';
export * from './control-socket.ts';
export type {
  AuthorityPlaces,
  ChainTrust,
  CompiledCredentials,
  KeySource,
  NamedCertificate,
  NamedPublicKey,
  OwnCredentials,
  PeerCredentials,
  SessionRevalidation,
  TrustedKey,
} from './credentials/compiled-credentials.ts';
export type {
  BadStanding,
  RevalidationReport,
  RevalidationRequest,
} from './credentials/revalidation-report.ts';
export type { SignatureRule } from './credentials/signature-rule.ts';
export * from './default-mtu.ts';
export * from './driver.ts';
export * from './driver-contract.ts';
export type { CompiledEap, CompiledRadius, EapConnection } from './eap/compiled-eap.ts';
export type { EapMethodName } from './eap/eap-setting.ts';
export type { MonitoredEvent } from './event-listener.ts';
export * from './events.ts';
export * from './key-log.ts';
export { makeDirectory } from './make-directory.ts';
export * from './monitor-request.ts';
export * from './options.ts';
export * from './packet-port.ts';
export * from './platform.ts';
export * from './pool-configs.ts';
export * from './public-event.ts';
export { saPairFor } from './sa-pair-for.ts';
export { createServer, type Server, type ServerOptions } from './server.ts';
export * from './session-book.ts';
export type { HandedDatagram, HandedSession } from './session-delegations.ts';
export * from './session-request.ts';
export * from './status.ts';
export * from './tun-configurator.ts';
export * from './tun-plan.ts';
export type { HostOptions } from './tunnel-host-options.ts';
export { VpnError, type VpnErrorCode, vpnErrorFrom } from './vpn-error.ts';
export type { WakeStatus } from './wake-status.ts';
