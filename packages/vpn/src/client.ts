import type { ConnectionConfig, SessionEvent, SessionFailure } from '@ipsec-kit/ikev2';
import { formatEndpoint } from '@ipsec-kit/ip';
import { chooseChild, chooseConnection } from './choose-connection.ts';
import type { Client, ClientOptions, CloseOptions } from './client-contract.ts';
import { ClientPath } from './client-path.ts';
import { childrenToOpen, trappedChildren } from './client-plan.ts';
import type { CompiledVpn, ConnectionTransport } from './compile/index.ts';
import { compiledOrThrow } from './compiled-or-throw.ts';
import type { RevalidationReport, RevalidationRequest } from './credentials/revalidation-report.ts';
import { createDeferred, type Deferred } from './deferred.ts';
import type { VpnEvent } from './events.ts';
import { type Platform, platformWith } from './platform.ts';
import { poolPrefixes } from './pool-prefixes.ts';
import { CLOSED_ON_COMMAND } from './session-commands.ts';
import type { HandedDatagram, HandedSession } from './session-delegations.ts';
import type { SessionRequest } from './session-request.ts';
import { idleStatus, type VpnStatus } from './status.ts';
import { openTunnelHost, type TunnelHost } from './tunnel-host.ts';
import { VpnError, vpnErrorFrom } from './vpn-error.ts';

const DEFAULT_PATIENCE_MS = 5_000;

/** How long a peer that has deleted the IKE SA may take to open another, before the connection counts as ended by it: one that
 * reauthenticates and breaks before it makes does so within a round trip or two. @see RFC 7296 §2.8.3
 */
const PEER_REOPENS_MS = 10_000;

/** Makes a client; nothing happens before {@link Client.open}.
 * @throws VpnError `config` when the options have a mistake or name no such connection or child.
 */
export function createClient(options: ClientOptions): Client {
  return new ClientTunnel(options);
}

type State = 'idle' | 'connecting' | 'open' | 'closing' | 'closed';

class ClientTunnel implements Client {
  readonly connection: string;
  readonly #options: ClientOptions;
  readonly #compiled: CompiledVpn;
  readonly #config: ConnectionConfig;
  readonly #transport: ConnectionTransport;
  readonly #world: Platform;
  readonly #path: ClientPath;
  readonly #opened = createDeferred<void>();
  readonly #ended = createDeferred<VpnError | undefined>();
  #state: State = 'idle';
  #opening: Promise<TunnelHost> | undefined;
  #host: TunnelHost | undefined;
  /** What went wrong first, when the session is closed because of it. */
  #failure: VpnError | undefined;
  #finishing: Promise<void> | undefined;
  #liveness: Deferred<number> | undefined;
  /** The session was lost and is being opened anew: that it has no child is no reason to end it. */
  #isReopening = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    const compiled = compiledOrThrow(options.options, options.positions);
    const peerReopensMs = PEER_REOPENS_MS;
    this.#config = { ...chooseConnection(compiled, options.connection), peerReopensMs };
    // Peers of other connections are not answered by a client of this one.
    this.#compiled = { ...compiled, connections: [this.#config] };
    this.connection = this.#config.name;
    if (options.child !== undefined) chooseChild(this.#config, options.child);
    const transport = compiled.transports.get(this.connection);
    if (!transport) throw new Error(`the connection ${this.connection} has no transport`);
    this.#transport = transport;
    this.#world = platformWith(options.platform);
    this.#path = new ClientPath({
      config: this.#config,
      transport,
      compiled,
      settings: options.options.settings ?? {},
      world: this.#world,
    });
  }

  get ended(): Promise<VpnError | undefined> {
    return this.#ended.promise;
  }

  async open(): Promise<void> {
    if (this.#state !== 'idle') throw new Error('"open" was called twice on one client');
    this.#state = 'connecting';
    try {
      await this.#prepare();
    } catch (error) {
      await this.#finish(vpnErrorFrom(error, `open ${this.connection}`, 'internal'));
    }
    return this.#opened.promise;
  }

  status(): VpnStatus {
    const facts = {
      role: 'client',
      state: this.#shownState,
      connections: [this.connection],
    } as const;
    return this.#host?.status(facts) ?? idleStatus(facts);
  }

  checkLiveness(): Promise<number> {
    const [session] = this.#host?.book.standing ?? [];
    if (this.#state !== 'open' || !session)
      return Promise.reject(new Error('"checkLiveness" needs an open tunnel'));
    this.#liveness ??= createDeferred<number>();
    this.#host?.driver.command({ kind: 'check-liveness', sessionId: session.id });
    return this.#liveness.promise;
  }

  async perform(request: SessionRequest): Promise<string> {
    return this.#openHost.perform(request);
  }

  async revalidate(request: RevalidationRequest = {}): Promise<RevalidationReport> {
    return this.#openHost.revalidate(request);
  }

  async delegate(): Promise<HandedSession> {
    return this.#openHost.delegations.delegate();
  }

  async takeBack(report: unknown, datagram?: HandedDatagram): Promise<void> {
    return this.#openHost.delegations.takeBack(report, datagram);
  }

  /** @throws VpnError where there is none. */
  get #openHost(): TunnelHost {
    if (this.#state === 'open' && this.#host) return this.#host;
    throw new VpnError('no-such-target', `The connection ${this.connection} is not open.`);
  }

  async close(options: CloseOptions = {}): Promise<void> {
    // Its children may be going at this moment, as in a reauthentication: what was asked for is no failure.
    if (this.#state === 'connecting' || this.#state === 'open') this.#failure = undefined;
    await this.#sayGoodbye(options.patienceMs ?? DEFAULT_PATIENCE_MS);
  }

  get #shownState(): VpnStatus['state'] {
    if (this.#state === 'idle') return 'closed';
    const isWaiting = this.#state === 'open' && this.#awaitsTraffic && this.#isEmpty;
    return isWaiting ? 'waiting' : this.#state;
  }

  /** Whether traffic can open it again. */
  get #awaitsTraffic(): boolean {
    return (this.#host?.traps.planned.length ?? 0) > 0;
  }

  get #isEmpty(): boolean {
    return this.#host?.childCount === 0;
  }

  async #prepare(): Promise<void> {
    const addresses = await this.#path.findAddresses();
    if (this.#state !== 'connecting') return;
    this.#opening = openTunnelHost({
      ...this.#options,
      compiled: this.#compiled,
      world: this.#world,
      bind: this.#path.binding(addresses.local),
      poolPrefixes: poolPrefixes(this.#compiled, this.#config.pools),
      pathTo: (_, udp) => this.#path.anew(udp, addresses),
      onSessionEvent: (event) => this.#onSessionEvent(event),
      onFatal: (error) => void this.#finish(error),
    });
    const host = await this.#opening;
    // Closed meanwhile: whoever closes waits for it and takes it down.
    if (this.#state !== 'connecting') return;
    this.#host = host;
    const { path } = this.#path.from(host, addresses);
    const virtualAddresses = this.#config.virtualAddresses;
    for (const child of trappedChildren(this.#config, this.#transport)) {
      host.traps.set(this.connection, child, { path, virtualAddresses });
    }
    await host.prepare();
    if (this.#state !== 'connecting') return;
    this.#openChildren(host, formatEndpoint(path.remote));
  }

  #openChildren(host: TunnelHost, remote: string): void {
    const { connection } = this;
    const names = childrenToOpen(this.#config, this.#transport, this.#options.child);
    if (names.length === 0) {
      this.#state = 'open';
      this.#opened.resolve();
      return;
    }
    this.#emit({ kind: 'connection-started', connection, remote });
    for (const child of names) {
      void host.opener.open({ connection, child }).then((outcome) => {
        if (outcome instanceof VpnError) this.#endIfIdle(outcome);
      });
    }
  }

  #onSessionEvent(event: SessionEvent): void {
    switch (event.kind) {
      case 'session-interrupted':
        this.#isReopening = true;
        return;
      case 'child-opened':
        this.#isReopening = false;
        if (this.#state !== 'connecting') return;
        this.#state = 'open';
        this.#opened.resolve();
        return;
      case 'child-closed':
        // Whoever closed it here may open it again.
        if (event.action === 'start' || event.reason === CLOSED_ON_COMMAND) return;
        this.#endIfIdle(noChildLeft(event.reason));
        return;
      case 'liveness-confirmed':
        this.#liveness?.resolve(event.roundTripMs);
        this.#liveness = undefined;
        return;
      case 'session-closed':
        this.#onSessionClosed(event.failure);
        return;
      default:
        return;
    }
  }

  #onSessionClosed({ code, sentence }: SessionFailure): void {
    this.#isReopening = false;
    const reason = new VpnError(code, sentence);
    this.#liveness?.reject(reason);
    this.#liveness = undefined;
    // It says more than that its children are gone; what was asked for is no failure.
    if (this.#state !== 'closing') {
      this.#failure = code === 'closed-by-user' ? undefined : reason;
    }
    this.#endIfIdle(undefined);
  }

  /** A tunnel without a child carries nothing: it ends, for the reason that the child had, unless one is being opened or
   * traffic may open one. Looked at in the next turn, since the end of the IKE SA itself may be on its way.
   */
  #endIfIdle(reason: VpnError | undefined): void {
    if (this.#state !== 'closing') this.#failure ??= reason;
    setImmediate(() => {
      if (this.#state !== 'connecting' && this.#state !== 'open') return;
      const isOpening = this.#isReopening || this.#host?.opener.isBusy;
      if (this.#isEmpty && !isOpening && !this.#awaitsTraffic) {
        void this.#sayGoodbye(DEFAULT_PATIENCE_MS);
        return;
      }
      this.#failure = undefined;
      if (this.#state === 'connecting' && this.#awaitsTraffic && !isOpening) {
        this.#state = 'open';
        this.#opened.resolve();
      }
    });
  }

  async #sayGoodbye(patienceMs: number): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closing';
    await this.#host?.closeSessions(patienceMs);
    await this.#finish(this.#failure);
  }

  /** Takes everything down, once, and tells whoever waits. */
  #finish(error: VpnError | undefined): Promise<void> {
    this.#finishing ??= this.#takeDown(error);
    return this.#finishing;
  }

  async #takeDown(error: VpnError | undefined): Promise<void> {
    this.#state = 'closing';
    const host = await this.#opening?.catch(() => undefined);
    await host?.close();
    this.#state = 'closed';
    const reason =
      error ?? new VpnError('closed-by-user', `The connection ${this.connection} was closed.`);
    this.#opened.reject(reason);
    this.#liveness?.reject(reason);
    this.#ended.resolve(error);
  }

  #emit(event: VpnEvent): void {
    this.#options.onEvent?.(event);
  }
}

function noChildLeft(reason: string): VpnError {
  return new VpnError(
    'no-child-left',
    `The last Child SA is closed (${reason}), and no traffic can pass any more: connect again.`,
  );
}
