import { addMs, type CancelWake } from '@ipsec-kit/clock';
import type { ConnectionConfig, SessionEvent, SessionFailure } from '@ipsec-kit/ikev2';
import { formatEndpoint } from '@ipsec-kit/ip';
import { chooseConnection } from './choose-connection.ts';
import type { CompiledVpn, ConfigPositions, ConnectionTransport } from './compile/index.ts';
import { compiledOrThrow } from './compiled-or-throw.ts';
import { findAddresses, IKE_PORT, type InitialPath, initialPath } from './connection-path.ts';
import { createDeferred, type Deferred } from './deferred.ts';
import type { VpnEvent } from './events.ts';
import type { VpnOptions } from './options.ts';
import { nodePlatform, type Platform } from './platform.ts';
import { poolPrefixes } from './pool-prefixes.ts';
import { idleStatus, type VpnStatus } from './status.ts';
import { type HostOptions, openTunnelHost, type TunnelHost } from './tunnel-host.ts';
import { VpnError, vpnErrorFrom } from './vpn-error.ts';

/** What a client is made with. */
export interface ClientOptions extends HostOptions {
  readonly options: VpnOptions;
  /** Where the options stand in files, as `loadSwanctl` returns it: mistakes then name file and line. */
  readonly positions?: ConfigPositions;
  /** Which connection to open; may be absent when there is only one. */
  readonly connection?: string;
}

/** How to end a client or server. */
export interface CloseOptions {
  /** How long the answer to a DELETE is waited for; default 5000, 0 does not wait. */
  readonly patienceMs?: number;
}

/** An initiator: one connection to one peer. */
export interface Client {
  /** The connection that it opens. */
  readonly connection: string;
  /** Opens the tunnel; resolves when a Child SA carries traffic.
   * @throws VpnError with one clear sentence when it does not come up; everything is undone by then.
   */
  open(): Promise<void>;
  /** Resolves when the tunnel is down and everything is undone: with nothing after {@link Client.close},
   * with the reason when the peer, the network or this host ended it.
   */
  readonly ended: Promise<VpnError | undefined>;
  status(): VpnStatus;
  /** Asks the peer for a sign of life now. @returns the round trip in milliseconds; rejects when the tunnel ends first. */
  checkLiveness(): Promise<number>;
  /** Says goodbye with a DELETE, waits a bounded time for its answer, then undoes addresses, routes, DNS and
   * device. May be called at any time and more than once; a later call with less patience shortens the wait.
   */
  close(options?: CloseOptions): Promise<void>;
}

const DEFAULT_PATIENCE_MS = 5_000;
/** A client has one session in all its life. */
const SESSION_ID = 1;

/** Makes a client; nothing happens before {@link Client.open}.
 * @throws VpnError `config` when the options have a mistake or name no such connection.
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
  readonly #opened = createDeferred<void>();
  readonly #ended = createDeferred<VpnError | undefined>();
  #state: State = 'idle';
  #opening: Promise<TunnelHost> | undefined;
  #host: TunnelHost | undefined;
  #start: InitialPath | undefined;
  /** What went wrong first, when the session is closed because of it. */
  #failure: VpnError | undefined;
  #cancelPatience: CancelWake | undefined;
  #finishing: Promise<void> | undefined;
  #liveness: Deferred<number> | undefined;
  /** The session was lost and is being opened anew: that it has no child is no reason to end it. */
  #isReopening = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#compiled = compiledOrThrow(options.options, options.positions);
    this.#config = chooseConnection(this.#compiled, options.connection);
    this.connection = this.#config.name;
    const transport = this.#compiled.transports.get(this.connection);
    if (!transport) throw new Error(`the connection ${this.connection} has no transport`);
    this.#transport = transport;
    this.#world = { ...nodePlatform(), ...options.platform };
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
    const state = this.#state === 'idle' ? 'closed' : this.#state;
    const facts = { role: 'client', state, connections: [this.connection] } as const;
    return this.#host?.status(facts) ?? idleStatus(facts);
  }

  checkLiveness(): Promise<number> {
    if (this.#state !== 'open')
      return Promise.reject(new Error('"checkLiveness" needs an open tunnel'));
    this.#liveness ??= createDeferred<number>();
    this.#host?.driver.command({ kind: 'check-liveness', sessionId: SESSION_ID });
    return this.#liveness.promise;
  }

  async close(options: CloseOptions = {}): Promise<void> {
    this.#sayGoodbye(options.patienceMs ?? DEFAULT_PATIENCE_MS);
    await this.#ended.promise;
  }

  async #prepare(): Promise<void> {
    const { settings = {} } = this.#options.options;
    const { localPort, remotePort } = this.#transport;
    this.#warnOfOtherChildren();
    const addresses = await findAddresses(this.connection, this.#transport, this.#world);
    if (this.#state !== 'connecting') return;
    const isIkePort = localPort === IKE_PORT;
    const bind = [
      { address: addresses.local, port: (isIkePort ? localPort : settings.port) ?? 0 },
      {
        address: addresses.local,
        port: (isIkePort ? settings.portNatT : localPort) ?? settings.portNatT ?? 0,
      },
    ];
    this.#opening = openTunnelHost({
      ...this.#options,
      compiled: this.#compiled,
      world: this.#world,
      bind,
      poolPrefixes: poolPrefixes(this.#compiled, this.#config.pools),
      onSessionEvent: (event) => this.#onSessionEvent(event),
      onFatal: (error) => void this.#finish(error),
    });
    const host = await this.#opening;
    // Closed meanwhile: whoever closes waits for it and takes it down.
    if (this.#state !== 'connecting') return;
    this.#host = host;
    const [ike = 0, natT = 0] = host.ports;
    this.#start = initialPath(addresses, remotePort, { ike, natT });
    this.#emit({
      kind: 'connection-started',
      connection: this.connection,
      remote: formatEndpoint(this.#start.path.remote),
    });
    this.#initiate();
  }

  #initiate(): void {
    const { path, marker, floatTo } = this.#start ?? {};
    if (!path || marker === undefined) return;
    this.#host?.driver.command({
      kind: 'initiate',
      sessionId: SESSION_ID,
      connection: this.connection,
      child: this.#childToOpen(),
      path,
      marker,
      ...(floatTo ? { floatTo } : {}),
    });
  }

  /** The first child that is to be started, or else the first. */
  #childToOpen(): string {
    const [first] = this.#config.children;
    return this.#transport.startChildren[0] ?? first?.name ?? '';
  }

  #warnOfOtherChildren(): void {
    const chosen = this.#childToOpen();
    const others = this.#config.children.filter((child) => child.name !== chosen);
    if (others.length === 0) return;
    const names = others.map((child) => child.name).join(', ');
    this.#emit({
      kind: 'warning-raised',
      sentence: `Only the child ${chosen} is opened, with the IKE SA itself; not opened: ${names}.`,
    });
  }

  #onSessionEvent(event: SessionEvent): void {
    if (!('sessionId' in event) || event.sessionId !== SESSION_ID) return;
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
      case 'child-failed':
        this.#loseChild(new VpnError(event.failure.code, event.failure.sentence));
        return;
      case 'child-closed':
        if (event.action === 'start') return;
        this.#loseChild(
          new VpnError(
            'no-child-left',
            `The last Child SA is closed (${event.reason}), and no traffic can pass any more: connect again.`,
          ),
        );
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

  /** An IKE SA without a child carries nothing: it is closed, for the reason that the child had.
   * Looked at in the next turn, since the end of the IKE SA itself may be on its way.
   */
  #loseChild(reason: VpnError): void {
    setImmediate(() => {
      if (this.#state !== 'connecting' && this.#state !== 'open') return;
      if (this.#host?.childCount !== 0 || this.#isReopening) return;
      this.#failure ??= reason;
      this.#sayGoodbye(DEFAULT_PATIENCE_MS);
    });
  }

  #onSessionClosed(failure: SessionFailure): void {
    if (failure.code === 'closed-by-user') {
      void this.#finish(this.#failure);
      return;
    }
    const isAsked = this.#state === 'closing';
    void this.#finish(isAsked ? this.#failure : new VpnError(failure.code, failure.sentence));
  }

  #sayGoodbye(patienceMs: number): void {
    if (this.#state === 'closed') return;
    const hasSession = this.#host !== undefined && this.#start !== undefined;
    if (!hasSession || patienceMs <= 0) {
      this.#state = 'closing';
      this.#sendClose(0);
      void this.#finish(this.#failure);
      return;
    }
    if (this.#state !== 'closing') {
      this.#state = 'closing';
      this.#sendClose(patienceMs);
    }
    this.#cancelPatience?.();
    this.#cancelPatience = this.#world.clock.wakeAt(
      addMs(this.#world.clock.now(), patienceMs),
      () => void this.#finish(this.#failure),
    );
  }

  #sendClose(patienceMs: number): void {
    this.#host?.driver.command({
      kind: 'close',
      sessionId: SESSION_ID,
      giveUpAt: addMs(this.#world.clock.now(), patienceMs),
    });
  }

  /** Takes everything down, once, and tells whoever waits. */
  #finish(error: VpnError | undefined): Promise<void> {
    this.#finishing ??= this.#takeDown(error);
    return this.#finishing;
  }

  async #takeDown(error: VpnError | undefined): Promise<void> {
    this.#cancelPatience?.();
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
