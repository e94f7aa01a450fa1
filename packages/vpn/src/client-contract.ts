import type { ConfigPositions } from './compile/index.ts';
import type { RevalidationReport, RevalidationRequest } from './credentials/revalidation-report.ts';
import type { VpnOptions } from './options.ts';
import type { HandedDatagram, HandedSession } from './session-delegations.ts';
import type { SessionRequest } from './session-request.ts';
import type { VpnStatus } from './status.ts';
import type { HostOptions } from './tunnel-host-options.ts';
import type { VpnError } from './vpn-error.ts';

/** What a client is made with. */
export interface ClientOptions extends HostOptions {
  readonly options: VpnOptions;
  /** Where the options stand in files, as `loadSwanctl` returns it: mistakes then name file and line. */
  readonly positions?: ConfigPositions;
  /** Which connection to open; may be absent when there is only one. */
  readonly connection?: string;
  /** Which child to open; absent: all of the connection but those that their traffic opens (`startAction: 'trap'`). */
  readonly child?: string;
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
  /** Opens the tunnel; resolves when a Child SA carries traffic, or when traffic that is to open one is awaited.
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
  /** Gives the session to a small process that keeps it alive while this one rests (`createLivenessDelegate` of
   * `@ipsec-kit/ikev2/delegate`). The sockets are closed until {@link Client.takeBack}, so that it can have the port; keys, addresses, routes
   * and Child SAs stay, and what this host sends into the tunnel meanwhile is lost and counted. An exchange that is under
   * way is waited for, 3 s at most.
   * @throws VpnError `no-such-target` when nothing stands, `command-failed` with one sentence.
   */
  delegate(): Promise<HandedSession>;
  /** Goes on with the session, once its delegate has been released and has closed its socket.
   * @param report - of the delegate, as it came out of JSON.
   * @param datagram - what made the delegate give up, if that was a datagram.
   * @throws VpnError `port-in-use` while another process has a port, `command-failed` for a report that is not of this delegation; both
   *   may be tried again.
   */
  takeBack(report: unknown, datagram?: HandedDatagram): Promise<void>;
  /** Says goodbye with a DELETE, waits a bounded time for its answer, then undoes addresses, routes, DNS and
   * device. May be called at any time and more than once; a later call with less patience shortens the wait.
   */
  close(options?: CloseOptions): Promise<void>;
}
