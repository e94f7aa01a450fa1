import { msBetween } from '@ipsec-kit/clock';
import { type Endpoint, formatEndpoint } from '@ipsec-kit/ip';
import { openCapture } from './capture.ts';
import type { ChildOpener } from './child-opener.ts';
import type { InitialPath } from './connection-path.ts';
import { trustContainers } from './credentials/container-trust.ts';
import { openKeyring, requireKeys } from './credentials/keyring.ts';
import type { RevalidationReport, RevalidationRequest } from './credentials/revalidation-report.ts';
import { DEFAULT_TUN_MTU } from './default-mtu.ts';
import type { Driver } from './driver-contract.ts';
import { findTlsCertificates } from './eap/tls-certificates.ts';
import type { HostFollower } from './host-follower.ts';
import { openKeyLog } from './key-log.ts';
import type { SessionBook } from './session-book.ts';
import type { SessionDelegations } from './session-delegations.ts';
import type { SessionRequest } from './session-request.ts';
import type { SessionStatus, VpnStatus } from './status.ts';
import type { TrapKeeper } from './trap-keeper.ts';
import { createTunnelCore } from './tunnel-core.ts';
import { openDevices } from './tunnel-devices.ts';
import type { TunnelHostOptions } from './tunnel-host-options.ts';
import { messageOf, systemErrorCode, vpnErrorFrom } from './vpn-error.ts';
import { wakeStatus } from './wake-status.ts';

/** The code of a TUN adapter's error when there is no device any more. */
const DEVICE_GONE = 'EBADFD';

/** Sockets, TUN device, packet path and IKE machine, connected and running. */
export interface TunnelHost {
  readonly driver: Driver;
  readonly endpoints: readonly Endpoint[];
  /** Ports in the order of the binding. */
  readonly ports: readonly number[];
  readonly book: SessionBook;
  readonly opener: ChildOpener;
  readonly traps: TrapKeeper;
  /** Child SAs that stand now. */
  readonly childCount: number;
  status(facts: Pick<VpnStatus, 'role' | 'state' | 'connections'>): VpnStatus;
  /** How to reach the peer of a connection; rejects with one sentence when it cannot be reached. */
  pathTo(connection: string): Promise<InitialPath>;
  /** See `Client.perform`. */
  perform(request: SessionRequest): Promise<string>;
  /** See `Client.revalidate`. */
  revalidate(request: RevalidationRequest): Promise<RevalidationReport>;
  readonly delegations: SessionDelegations;
  /** Sets the device up for the traps and pools that there are; rejects when it cannot be. */
  prepare(): Promise<void>;
  /** Begins nothing any more and ends all sessions with DELETE; resolves when they are gone, or after `patienceMs`. */
  closeSessions(patienceMs: number): Promise<void>;
  /** Takes everything down at once and undoes what was set up; DELETEs are sent before, not here. */
  close(): Promise<void>;
}

/** Opens everything that a client or server needs, in an order that can be undone; nothing stays when it throws.
 * @throws VpnError for a port in use, a missing permission, or a device that cannot be made.
 */
export async function openTunnelHost(given: TunnelHostOptions): Promise<TunnelHost> {
  const { world, onEvent = () => undefined } = given;
  const undo: (() => Promise<void>)[] = [];
  const openedAt = world.clock.now();
  const warn = (sentence: string): void => onEvent({ kind: 'warning-raised', sentence });

  /** Backwards, and to the end whatever fails on the way: an address that stays behind harms more than a log line. */
  async function close(): Promise<void> {
    for (let step = undo.pop(); step; step = undo.pop()) {
      await step().catch((error) => warn(`Not everything could be undone: ${messageOf(error)}`));
    }
  }

  try {
    const keyring = await openKeyring(given.compiled.credentials.keys);
    requireKeys(given.compiled, keyring);
    const trusting = trustContainers(given.compiled, keyring, world.crypto);
    const options = { ...given, compiled: findTlsCertificates(trusting, keyring, world.crypto) };
    const keyLog = options.keyLogDirectory ? openKeyLog(options.keyLogDirectory, warn) : undefined;
    const capture = options.captureFile ? openCapture(options.captureFile) : undefined;
    if (capture) undo.push(() => capture.close());

    const devices = await openDevices(options, capture, warn);
    const { tun } = devices;
    undo.push(() => tun.close());
    tun.onError((error) => {
      const failure = vpnErrorFrom(error, `use ${tun.name}`, 'tun-failed');
      // The adapter also tells what only degrades it.
      if (systemErrorCode(error) === DEVICE_GONE) options.onFatal(failure);
      else warn(failure.message);
    });
    onEvent({ kind: 'tun-opened', name: tun.name, mtu: DEFAULT_TUN_MTU });

    let follower: HostFollower | undefined;
    const udp = await devices.openSockets();
    undo.push(() => udp.close());
    udp.onError((error) => {
      const failure = vpnErrorFrom(error, 'use a UDP socket', 'socket-failed');
      const { watchNetwork } = world;
      const canReopen = 'ports' in options.bind && watchNetwork && options.compiled.networkMonitor;
      if (udp.endpoints.length === 0 && !canReopen) options.onFatal(failure);
      else warn(failure.message);
      if (canReopen) follower?.look();
    });
    onEvent({ kind: 'sockets-opened', endpoints: udp.endpoints.map(formatEndpoint) });

    const core = createTunnelCore(options, { devices, udp, keyLog, keyring, warn, undo });
    follower = core.follower;
    const { driver, book, packets, installer, opener, traps, closer } = core;
    if (options.poolPrefixes.length > 0) await installer.prepare();
    return {
      driver,
      book,
      opener,
      traps,
      closeSessions(patienceMs) {
        opener.stop();
        traps.stop();
        return closer.close(patienceMs);
      },
      perform: (request) => core.commands.perform(request),
      revalidate: (request) => core.revalidation.revalidate(request),
      delegations: core.delegations,
      prepare: () => installer.prepare(),
      pathTo: (connection) => options.pathTo(connection, udp),
      get endpoints() {
        return udp.endpoints;
      },
      ports: udp.ports,
      get childCount() {
        return installer.children.size;
      },
      status: (facts) => ({
        ...facts,
        pid: process.pid,
        upSeconds: Math.floor(msBetween(openedAt, world.clock.now()) / 1000),
        endpoints: udp.endpoints.map(formatEndpoint),
        tun: tun.name,
        sessions: book
          .sessions((childId) => packets.pairCounters(childId), core.lifetimes, core.path)
          .map((session) => withPathMtu(session, core.pathMtuOf(session.id))),
        wakes: wakeStatus(core.scheduler, core.alarm, world.clock, openedAt),
        counters: packets.engineCounters(),
        ...(packets.workers ? { workers: packets.workers() } : {}),
        datagrams: {
          ...core.ikeCounters(),
          receiveDrops: udp.counters.receiveDrops,
          sendDrops: udp.counters.sendDrops,
        },
      }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function withPathMtu(session: SessionStatus, pathMtuBytes: number | undefined): SessionStatus {
  return pathMtuBytes === undefined ? session : { ...session, pathMtuBytes };
}
