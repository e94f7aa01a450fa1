import type { SecretEntry } from '@ipsec-kit/auth';
import type { ConnectionConfig, EndpointSettings, Ppk } from '@ipsec-kit/ikev2';
import type { CompiledCredentials } from '../credentials/compiled-credentials.ts';
import type { CompiledEap } from '../eap/compiled-eap.ts';
import type { Nat64Setting } from '../nat64.ts';
import type { VpnOptions } from '../options.ts';
import { type CertificateStore, compileCertificates } from './compile-certificates.ts';
import {
  type CompiledConnection,
  type ConnectionTransport,
  compileConnection,
} from './compile-connection.ts';
import { compileEap, type EapStore } from './compile-eap-store.ts';
import { type CompiledPool, compilePools } from './compile-pools.ts';
import { compilePpks } from './compile-ppk.ts';
import { compileSecrets } from './compile-secrets.ts';
import { compileSettings, type SocketPorts } from './compile-settings.ts';
import type { ConfigPositions } from './config-positions.ts';
import { ConfigError } from './config-problem.ts';
import { isObject, OptionChecks } from './option-checks.ts';

/** Options, checked and in the form that the protocol packages take. */
export interface CompiledVpn {
  /** In the order of the options. */
  readonly connections: readonly ConnectionConfig[];
  /** By the name of the connection. */
  readonly transports: ReadonlyMap<string, ConnectionTransport>;
  readonly settings: EndpointSettings;
  readonly ports: SocketPorts;
  /** Whether addresses and networks are followed. */
  readonly networkMonitor: boolean;
  /** How a NAT64 is found. */
  readonly nat64: Nat64Setting;
  /** Threads that carry packets. */
  readonly workers: number;
  /** For auth's `createSecretStore`. */
  readonly secrets: readonly SecretEntry[];
  /** Keys and certificates; keys are opened when a client or server is. */
  readonly credentials: CompiledCredentials;
  readonly eap: CompiledEap;
  readonly pools: readonly CompiledPool[];
}

export type CompileResult =
  | { readonly ok: true; readonly value: CompiledVpn }
  | { readonly ok: false; readonly errors: readonly ConfigError[] };

const MAX_CONNECTIONS = 10_000;

/** Checks the options and compiles them; all mistakes are found at once, not only the first. Never throws.
 * @param positions - where options came from, when they came from a file: errors then name the file, line and column.
 */
export function compileOptions(
  options: VpnOptions,
  positions: ConfigPositions = new Map(),
): CompileResult {
  const checks = new OptionChecks(positions);
  const value = compile(checks, options);
  if (value && checks.problems.length === 0) return { ok: true, value };
  return { ok: false, errors: checks.problems.map((problem) => new ConfigError(problem)) };
}

function compile(checks: OptionChecks, options: VpnOptions): CompiledVpn | undefined {
  checks.object('', options, [
    'connections',
    'secrets',
    'ppks',
    'keys',
    'certificates',
    'authorities',
    'crls',
    'crlSource',
    'eapSecrets',
    'eapPassword',
    'eapMethods',
    'radius',
    'pools',
    'settings',
  ]);
  if (!isObject(options)) return undefined;
  const pools = compilePools(checks, options.pools);
  const secrets = compileSecrets(checks, options.secrets);
  const compiled = compileSettings(checks, options.settings ?? {});
  const { settings, ports, networkMonitor, nat64, workers, makeBeforeBreak } = compiled;
  const store = compileCertificates(checks, options);
  const eapStore = compileEap(checks, options);
  const ppks = compilePpks(checks, options.ppks);
  const connections = compileConnections(checks, options, makeBeforeBreak, store, eapStore, ppks);
  if (connections.some(needsSecret) && (options.secrets ?? []).length === 0) {
    const sentence =
      'there is no pre-shared key: connections with auth = psk use one, so at least one secret is needed';
    checks.problem('missing-value', 'secrets', sentence);
  }
  return {
    connections: connections.map(({ config }) => config),
    transports: new Map(connections.map(({ config, transport }) => [config.name, transport])),
    settings,
    ports,
    networkMonitor,
    nat64,
    workers,
    secrets,
    credentials: {
      ...store,
      own: new Map(
        connections.flatMap(({ config, own }) => (own ? [[config.name, own] as const] : [])),
      ),
      peers: new Map(
        connections.flatMap(({ config, peer }) => (peer ? [[config.name, peer] as const] : [])),
      ),
    },
    eap: {
      ...eapStore,
      connections: new Map(
        connections.flatMap(({ config, eap }) => (eap ? [[config.name, eap] as const] : [])),
      ),
    },
    pools,
  };
}

function needsSecret({ config }: CompiledConnection): boolean {
  const { localAuthentication, remoteAuthentication } = config;
  return localAuthentication?.kind === 'psk' || remoteAuthentication?.kind === 'psk';
}

function compileConnections(
  checks: OptionChecks,
  options: VpnOptions,
  makeBeforeBreak: boolean,
  store: CertificateStore,
  eapStore: EapStore,
  ppks: readonly Ppk[],
): CompiledConnection[] {
  const named = checks.entries('connections', options.connections);
  if (named.length === 0) {
    checks.problem('missing-value', 'connections', 'there is no connection');
  }
  if (named.length > MAX_CONNECTIONS) {
    checks.problem('invalid-value', 'connections', `at most ${MAX_CONNECTIONS} connections`);
    return [];
  }
  const poolNames = new Set(isObject(options.pools) ? Object.keys(options.pools) : []);
  return named.map(([name, connection]) =>
    compileConnection(checks, name, connection, poolNames, makeBeforeBreak, store, eapStore, ppks),
  );
}
