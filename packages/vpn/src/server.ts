import { type Endpoint, formatEndpoint, type IpAddress, prefixContains } from '@ipsec-kit/ip';
import { findConnection } from './choose-connection.ts';
import type { CloseOptions } from './client-contract.ts';
import type { CompiledVpn, ConfigPositions } from './compile/index.ts';
import { compiledOrThrow } from './compiled-or-throw.ts';
import { type InitialPath, pathFrom } from './connection-path.ts';
import type { RevalidationReport, RevalidationRequest } from './credentials/revalidation-report.ts';
import { createDeferred } from './deferred.ts';
import type { VpnOptions } from './options.ts';
import { type Platform, platformWith, type UdpBinding } from './platform.ts';
import { poolPrefixes } from './pool-prefixes.ts';
import type { SessionRequest } from './session-request.ts';
import { idleStatus, type VpnStatus } from './status.ts';
import { openTunnelHost, type TunnelHost } from './tunnel-host.ts';
import type { HostOptions, OpenSockets } from './tunnel-host-options.ts';
import { VpnError, vpnErrorFrom } from './vpn-error.ts';

/** What a server is made with. */
export interface ServerOptions extends HostOptions {
  readonly options: VpnOptions;
  /** Where the options stand in files, as `loadSwanctl` returns it: mistakes then name file and line. */
  readonly positions?: ConfigPositions;
  /** Serve this connection only; absent: all of them. */
  readonly connection?: string;
}

/** A responder: it answers the peers of all its connections. */
export interface Server {
  readonly connections: readonly string[];
  /** UDP addresses and ports in use; empty before {@link Server.open}. */
  readonly endpoints: readonly Endpoint[];
  /** The port of IKE without marker (500), and that of ESP and marked IKE (4500), once open. */
  readonly ports: { readonly ike: number; readonly natT: number };
  /** Opens sockets and device; resolves when peers are answered. Children with `startAction: 'start'` are opened then, where
   * the connection names a peer, and those with `trap` by their traffic.
   * @throws VpnError with one clear sentence; everything is undone by then.
   */
  open(): Promise<void>;
  /** Resolves when everything is undone: with nothing after {@link Server.close}, with the reason when this host ended it. */
  readonly ended: Promise<VpnError | undefined>;
  status(): VpnStatus;
  /** Asks the peer of a session for a sign of life now; the answer is a `liveness-confirmed` event. */
  checkLiveness(sessionId: number): void;
  /** Replaces keys, proves anew who both sides are, opens or closes sessions and Child SAs; resolves with one sentence when it is
   * done.
   * @throws VpnError `config` for names that do not exist, `no-such-target` when nothing stands to do it with,
   *   `command-failed` when it was begun and failed, or its outcome is not known in time.
   */
  perform(request: SessionRequest): Promise<string>;
  /** Looks again at the certificates of the peers of all sessions, without reauthentication: files of CRLs are read anew, and CRLs and
   * OCSP responses fetched anew. What does not stand any more is dealt with as `revalidation` says; resolves when all have a verdict.
   * @throws VpnError `config` for a connection that does not exist, `no-such-target` when nothing is open.
   */
  revalidate(request?: RevalidationRequest): Promise<RevalidationReport>;
  /** Ends one session with a DELETE. */
  closeSession(sessionId: number): void;
  /** Ends all sessions with a DELETE, waits a bounded time for the answers, then undoes everything. */
  close(options?: CloseOptions): Promise<void>;
}

const DEFAULT_PATIENCE_MS = 5_000;

/** Makes a server; nothing happens before {@link Server.open}.
 * @throws VpnError `config` when the options have a mistake.
 */
export function createServer(options: ServerOptions): Server {
  return new ServerTunnels(options);
}

class ServerTunnels implements Server {
  readonly connections: readonly string[];
  readonly #options: ServerOptions;
  readonly #compiled: CompiledVpn;
  readonly #world: Platform;
  readonly #ended = createDeferred<VpnError | undefined>();
  #state: 'idle' | 'serving' | 'closing' | 'closed' = 'idle';
  #opening: Promise<TunnelHost> | undefined;
  #host: TunnelHost | undefined;
  #finishing: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    const compiled = compiledOrThrow(options.options, options.positions);
    this.#compiled =
      options.connection === undefined
        ? compiled
        : { ...compiled, connections: [findConnection(compiled, options.connection)] };
    this.connections = this.#compiled.connections.map((connection) => connection.name);
    this.#world = platformWith(options.platform);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#host?.endpoints ?? [];
  }

  get ports(): { readonly ike: number; readonly natT: number } {
    const [ike = 0, natT = 0] = this.#host?.ports ?? [];
    return { ike, natT };
  }

  get ended(): Promise<VpnError | undefined> {
    return this.#ended.promise;
  }

  async open(): Promise<void> {
    if (this.#state !== 'idle') throw new Error('"open" was called twice on one server');
    this.#state = 'serving';
    try {
      this.#opening = this.#openHost();
      const host = await this.#opening;
      if (this.#state !== 'serving') {
        throw new VpnError('closed-by-user', 'The server was closed while it was opened.');
      }
      this.#host = host;
      await this.#setTraps(host);
    } catch (error) {
      const failure = vpnErrorFrom(error, 'open the server', 'internal');
      await this.#finish(failure);
      throw failure;
    }
    this.#options.onEvent?.({
      kind: 'serving-started',
      endpoints: this.endpoints.map(formatEndpoint),
      connections: this.connections,
    });
    if (this.#host) this.#startChildren(this.#host);
  }

  status(): VpnStatus {
    const state = this.#state === 'idle' ? 'closed' : this.#state;
    const facts = { role: 'server', state, connections: this.connections } as const;
    return this.#host?.status(facts) ?? idleStatus(facts);
  }

  checkLiveness(sessionId: number): void {
    this.#host?.driver.command({ kind: 'check-liveness', sessionId });
  }

  async perform(request: SessionRequest): Promise<string> {
    if (this.#state === 'serving' && this.#host) return this.#host.perform(request);
    throw new VpnError('no-such-target', 'The server is not open.');
  }

  async revalidate(request: RevalidationRequest = {}): Promise<RevalidationReport> {
    if (this.#state === 'serving' && this.#host) return this.#host.revalidate(request);
    throw new VpnError('no-such-target', 'The server is not open.');
  }

  closeSession(sessionId: number): void {
    this.#host?.driver.command({ kind: 'close', sessionId });
  }

  async close(options: CloseOptions = {}): Promise<void> {
    const patienceMs = options.patienceMs ?? DEFAULT_PATIENCE_MS;
    if (this.#state !== 'closed') this.#state = 'closing';
    if (this.#state === 'closing') await this.#host?.closeSessions(patienceMs);
    await this.#finish(undefined);
  }

  async #openHost(): Promise<TunnelHost> {
    return openTunnelHost({
      ...this.#options,
      compiled: this.#compiled,
      world: this.#world,
      bind: await serverBinding(this.#compiled, this.#world),
      poolPrefixes: poolPrefixes(
        this.#compiled,
        this.#compiled.connections.flatMap((connection) => connection.pools),
      ),
      pathTo: (connection, udp) => this.#pathTo(connection, udp),
      onSessionEvent: () => undefined,
      onFatal: (error) => void this.#finish(error),
    });
  }

  /** The way to the peer of a connection that names one. */
  #pathTo(connection: string, udp: OpenSockets): Promise<InitialPath> {
    const transport = this.#compiled.transports.get(connection);
    if (!transport) throw new Error(`the connection ${connection} has no transport`);
    return pathFrom(udp, connection, transport, this.#world);
  }

  /** Sets the traps of all connections. */
  async #setTraps(host: TunnelHost): Promise<void> {
    for (const { name, children, virtualAddresses } of this.#compiled.connections) {
      const trapped = this.#compiled.transports.get(name)?.trapChildren ?? [];
      if (trapped.length === 0) continue;
      const { path } = await host.pathTo(name);
      for (const child of children.filter((one) => trapped.includes(one.name))) {
        host.traps.set(name, child, { path, virtualAddresses });
      }
    }
    if (host.traps.planned.length > 0) await host.prepare();
  }

  /** Opens what is to be opened without being asked; what cannot be is told by the events. */
  #startChildren(host: TunnelHost): void {
    for (const connection of this.connections) {
      const { startChildren = [], remoteTargets = [] } =
        this.#compiled.transports.get(connection) ?? {};
      if (remoteTargets.length === 0) continue;
      for (const child of startChildren) {
        void host.opener.open({ connection, child }).then((outcome) => {
          if (!(outcome instanceof VpnError) || outcome.code === 'closed-by-user') return;
          this.#warn(`The child ${child} of ${connection} was not opened: ${outcome.message}`);
        });
      }
    }
  }

  #warn(sentence: string): void {
    this.#options.onEvent?.({ kind: 'warning-raised', sentence });
  }

  #finish(error: VpnError | undefined): Promise<void> {
    this.#finishing ??= this.#takeDown(error);
    return this.#finishing;
  }

  async #takeDown(error: VpnError | undefined): Promise<void> {
    this.#state = 'closing';
    const host = await this.#opening?.catch(() => undefined);
    await host?.close();
    this.#state = 'closed';
    this.#ended.resolve(error);
  }
}

/** Where a server listens: exactly on the addresses of `local_addrs` when every connection names some,
 * otherwise on every address of the host that a connection allows.
 */
async function serverBinding(compiled: CompiledVpn, platform: Platform): Promise<UdpBinding> {
  const { port, portNatT } = compiled.ports;
  const transports = compiled.connections.flatMap(
    (connection) => compiled.transports.get(connection.name) ?? [],
  );
  const isExact = compiled.connections.every(
    (connection) =>
      (compiled.transports.get(connection.name)?.localTargets.length ?? 0) > 0 &&
      connection.localAddresses.every(
        (prefix) => prefix.length === prefix.address.bytes.length * 8,
      ),
  );
  if (!isExact) {
    const allowed = compiled.connections.map((connection) => connection.localAddresses);
    const isAllowed = (address: IpAddress): boolean =>
      allowed.some(
        (prefixes) =>
          prefixes.length === 0 || prefixes.some((prefix) => prefixContains(prefix, address)),
      );
    return { ports: [port, portNatT], skip: (_name, address) => !isAllowed(address) };
  }
  const addresses = new Map<string, IpAddress>();
  for (const target of transports.flatMap((transport) => transport.localTargets)) {
    const found =
      target.kind === 'address' ? [target.address] : await platform.resolve(target.name);
    for (const address of found) addresses.set(address.bytes.join('.'), address);
  }
  return [...addresses.values()].flatMap((address) => [
    { address, port },
    { address, port: portNatT },
  ]);
}
