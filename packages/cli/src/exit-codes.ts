import { VpnError, type VpnErrorCode } from '@ipsec-kit/vpn';
import { ConfigError } from '@ipsec-kit/vpn/swanctl';

/** What the process ends with; the README lists them for scripts. */
export const ExitCode = {
  /** Ended as asked: a signal, `disconnect`, or an answered question. */
  ok: 0,
  /** A defect of this program. */
  internal: 1,
  /** Wrong arguments, or a configuration with a mistake. */
  usage: 2,
  /** The tunnel did not come up: unreachable, or nothing in common with the peer. */
  connectionFailed: 3,
  /** A side did not prove who it is. */
  authentication: 4,
  /** No permission for the TUN device, a port, or a file. */
  permission: 5,
  /** Another program has the UDP port. */
  portInUse: 6,
  /** The tunnel stood, and the peer ended it. */
  endedByPeer: 7,
  /** The tunnel stood, and the peer stopped answering. */
  peerDead: 8,
  /** The control socket belongs to another process, or nobody answers on it. */
  control: 9,
  /** `rekey`, `reauth`, `initiate`, `terminate` or `move` found nothing to do it with. */
  noTarget: 10,
  /** It was begun, and failed or had no outcome in time. */
  commandFailed: 11,
  /** A second signal cut the closing short. */
  forced: 130,
} as const;

const byCode: Readonly<Record<VpnErrorCode, number>> = {
  'peer-unreachable': ExitCode.connectionFailed,
  'no-proposal-chosen': ExitCode.connectionFailed,
  'invalid-ke-payload': ExitCode.connectionFailed,
  'authentication-failed': ExitCode.authentication,
  'ts-unacceptable': ExitCode.connectionFailed,
  'internal-address-failure': ExitCode.connectionFailed,
  'no-additional-sas': ExitCode.connectionFailed,
  'nat-traversal-refused': ExitCode.connectionFailed,
  'invalid-syntax': ExitCode.connectionFailed,
  'unsupported-critical-payload': ExitCode.connectionFailed,
  'invalid-major-version': ExitCode.connectionFailed,
  'peer-deleted': ExitCode.endedByPeer,
  'peer-dead': ExitCode.peerDead,
  replaced: ExitCode.endedByPeer,
  'lifetime-over': ExitCode.endedByPeer,
  'out-of-step': ExitCode.endedByPeer,
  reauthenticating: ExitCode.endedByPeer,
  'childless-refused': ExitCode.connectionFailed,
  'closed-by-user': ExitCode.ok,
  'install-failed': ExitCode.internal,
  internal: ExitCode.internal,
  config: ExitCode.usage,
  permission: ExitCode.permission,
  'port-in-use': ExitCode.portInUse,
  'no-route': ExitCode.connectionFailed,
  'name-not-found': ExitCode.connectionFailed,
  'no-child-left': ExitCode.endedByPeer,
  'tun-failed': ExitCode.internal,
  'socket-failed': ExitCode.internal,
  'control-in-use': ExitCode.control,
  'control-unreachable': ExitCode.control,
  'control-refused': ExitCode.control,
  'no-such-target': ExitCode.noTarget,
  'command-failed': ExitCode.commandFailed,
  'file-failed': ExitCode.permission,
};

/** The exit code for whatever ended a command. */
export function exitCodeFor(error: unknown): number {
  if (error instanceof ConfigError) return ExitCode.usage;
  if (error instanceof VpnError) return byCode[error.code];
  return ExitCode.internal;
}
