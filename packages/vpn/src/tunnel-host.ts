import { createSecretStore } from '@ipsec-kit/auth';
import { msBetween } from '@ipsec-kit/clock';
import { createDatapath } from '@ipsec-kit/datapath';
import {
  createAddressPools,
  createIkeEndpoint,
  createRequestHandler,
  type SessionEvent,
} from '@ipsec-kit/ikev2';
import {
  type Endpoint,
  formatAddress,
  formatEndpoint,
  formatPrefix,
  type Prefix,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import { createPacketEngine, type PacketEngine } from '@ipsec-kit/ipsec';
import { createScheduler } from '@ipsec-kit/scheduler';
import type { TunAdapter, TunSettings } from '@ipsec-kit/tun-adapter';
import { watchAddresses } from './address-watch.ts';
import { openCapture, tapUdp } from './capture.ts';
import { type ChildInstaller, createChildInstaller } from './child-installer.ts';
import type { CompiledVpn } from './compile/index.ts';
import { createDriver, type Driver } from './driver.ts';
import { publicEvent, type VpnEvent } from './events.ts';
import { DEFAULT_TUN_MTU } from './inner-mtu.ts';
import { type KeyLog, openKeyLog } from './key-log.ts';
import type { BoundUdp, Platform, UdpBinding } from './platform.ts';
import { poolConfigs } from './pool-configs.ts';
import { createSessionBook, type SessionBook } from './session-book.ts';
import type { DatagramCounters, VpnStatus } from './status.ts';
import { createTunConfigurator } from './tun-configurator.ts';
import { messageOf, systemErrorCode, type VpnError, vpnErrorFrom } from './vpn-error.ts';

/** What both a client and a server are made with, beyond their options. */
export interface HostOptions {
  /** Parts of the world to replace; what is absent is Node's. */
  readonly platform?: Partial<Platform>;
  /** A device, or the `tun` of a packet port, instead of a TUN device of the system; closed with the tunnel. */
  readonly tun?: TunAdapter;
  /** Writes the keys for Wireshark into this directory: whoever reads it reads the traffic. */
  readonly keyLogDirectory?: string;
  /** Writes every UDP datagram, both ways, into this pcapng file. */
  readonly captureFile?: string;
  readonly onEvent?: (event: VpnEvent) => void;
}

/** What {@link openTunnelHost} is given by a client or a server. */
export interface TunnelHostOptions extends HostOptions {
  readonly compiled: CompiledVpn;
  readonly world: Platform;
  /** Ports in pairs: that of IKE (500), then that of ESP and marked IKE (4500). */
  readonly bind: UdpBinding;
  readonly poolPrefixes: readonly Prefix[];
  readonly onSessionEvent: (event: SessionEvent) => void;
  /** The device or every socket is gone: the tunnel cannot go on. */
  readonly onFatal: (error: VpnError) => void;
}

/** The code of a TUN adapter's error when there is no device any more. */
const DEVICE_GONE = 'EBADFD';

/** Sockets, TUN device, packet path and IKE machine, connected and running. */
export interface TunnelHost {
  readonly driver: Driver;
  readonly endpoints: readonly Endpoint[];
  /** Ports in the order of the binding. */
  readonly ports: readonly number[];
  readonly book: SessionBook;
  /** Child SAs that stand now. */
  readonly childCount: number;
  status(facts: Pick<VpnStatus, 'role' | 'state' | 'connections'>): VpnStatus;
  /** Takes everything down at once and undoes what was set up; DELETEs are sent before, not here. */
  close(): Promise<void>;
}

/** Opens everything that a client or server needs, in an order that can be undone; nothing stays when it throws.
 * @throws VpnError for a port in use, a missing permission, or a device that cannot be made.
 */
export async function openTunnelHost(options: TunnelHostOptions): Promise<TunnelHost> {
  const { world, onEvent = () => undefined } = options;
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
    const keyLog = options.keyLogDirectory ? openKeyLog(options.keyLogDirectory, warn) : undefined;
    const capture = options.captureFile ? openCapture(options.captureFile) : undefined;
    if (capture) undo.push(() => capture.close());

    const tun = await openTun(options);
    undo.push(() => tun.close());
    tun.onError((error) => {
      const failure = vpnErrorFrom(error, `use ${tun.name}`, 'tun-failed');
      // The adapter also tells what only degrades it.
      if (systemErrorCode(error) === DEVICE_GONE) options.onFatal(failure);
      else warn(failure.message);
    });
    onEvent({ kind: 'tun-opened', name: tun.name, mtu: DEFAULT_TUN_MTU });

    const sockets = await openSockets(options, tun.name);
    undo.push(() => sockets.close());
    const udp = capture ? tapUdp(sockets, capture) : sockets;
    udp.onError((error) => {
      const failure = vpnErrorFrom(error, 'use a UDP socket', 'socket-failed');
      if (udp.endpoints.length === 0) options.onFatal(failure);
      else warn(failure.message);
    });
    onEvent({ kind: 'sockets-opened', endpoints: udp.endpoints.map(formatEndpoint) });

    const { driver, book, engine, installer, ikeCounters } = connect(options, {
      tun,
      udp,
      keyLog,
      warn,
      undo,
    });
    if (options.poolPrefixes.length > 0) await installer.prepare();
    return {
      driver,
      book,
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
        sessions: book.sessions((childId) => engine.pairCounters(childId)),
        counters: engine.counters(),
        datagrams: {
          ...ikeCounters(),
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

/** What is open when the IKE machine and the packet path are connected to it. */
interface OpenParts {
  readonly tun: TunAdapter;
  readonly udp: BoundUdp;
  readonly keyLog: KeyLog | undefined;
  readonly warn: (sentence: string) => void;
  readonly undo: (() => Promise<void>)[];
}

interface ConnectedParts {
  readonly driver: Driver;
  readonly book: SessionBook;
  readonly engine: PacketEngine;
  readonly installer: ChildInstaller;
  readonly ikeCounters: () => Omit<DatagramCounters, 'receiveDrops' | 'sendDrops'>;
}

function connect(options: TunnelHostOptions, parts: OpenParts): ConnectedParts {
  const { compiled, world, onEvent = () => undefined } = options;
  const { tun, udp, keyLog, warn, undo } = parts;
  const { clock, crypto } = world;
  const scheduler = createScheduler({ clock });
  const pools = createAddressPools(poolConfigs(compiled));
  const book = createSessionBook(clock);
  const engine = createPacketEngine({ crypto, random: world.random });
  // Bindings name the port of IKE and that of NAT traversal in turn.
  const natTPorts = new Set(udp.ports.filter((_, index) => index % 2 === 1));
  const datapath = createDatapath({
    tun,
    udp,
    engine,
    isMarkedPort: (port) => natTPorts.has(port),
    onIke: (message, path, marker) => driver.receive(message, path, marker),
    onFacts: (facts) => driver.noteFacts(facts),
    onError: (error) => warn(`A defect in the packet path: ${messageOf(error)}`),
  });
  const installer = createChildInstaller({
    packetPath: {
      movePeer: (pairId, path) => engine.movePeer(pairId, path),
      remove: (pairId) => engine.remove(pairId),
      reserveSpi: (spi) => engine.reserveSpi(spi),
      releaseSpi: (spi) => engine.releaseSpi(spi),
      // What waited for a Child SA goes before anything newer.
      install(pair) {
        engine.install(pair);
        // Not before the IKE machine knows of it: the first packet is a fact about a child that it has.
        setImmediate(() => datapath.flush());
      },
      activateOutbound(pairId) {
        engine.activateOutbound(pairId);
        datapath.flush();
      },
    },
    crypto,
    tun: createTunConfigurator(tun, (settings) =>
      onEvent({ kind: 'tun-configured', name: tun.name, ...shownSettings(settings) }),
    ),
    poolPrefixes: options.poolPrefixes,
    localSelectors: options.poolPrefixes.length === 0 ? [] : fixedLocalSelectors(compiled),
    hostAddresses: () => world.hostAddresses(tun.name),
    onWarning: warn,
    ...(keyLog ? { keyLog } : {}),
  });
  const endpoint = createIkeEndpoint({
    connections: compiled.connections,
    settings: compiled.settings,
    crypto,
    random: world.random,
    jitter: world.jitter,
  });
  const driver = createDriver({
    endpoint,
    clock,
    scheduler,
    control: {
      sendIke: datapath.sendIke,
      sendKeepalive: datapath.sendKeepalive,
      pairCounters: (pairId) => engine.pairCounters(pairId),
    },
    installer,
    pools,
    requests: createRequestHandler({
      crypto,
      random: world.random,
      secrets: createSecretStore(compiled.secrets),
      pools,
    }),
    onEvent(event) {
      book.note(event);
      keyLog?.noteEvent(event);
      onEvent(publicEvent(event));
      options.onSessionEvent(event);
    },
  });
  const tellSockets = (): void =>
    onEvent({ kind: 'sockets-opened', endpoints: udp.endpoints.map(formatEndpoint) });
  const stopWatch =
    'ports' in options.bind
      ? watchAddresses({ udp, clock, scheduler, onChange: tellSockets, onWarning: warn })
      : undefined;
  undo.push(async () => {
    stopWatch?.();
    driver.stop();
    datapath.stop();
  });
  const ikeCounters = (): ReturnType<ConnectedParts['ikeCounters']> => {
    const { ikeReceived, ikeSent, keepalivesReceived, keepalivesSent, malformed } =
      datapath.counters;
    const ikeRejected = endpoint.rejectedMessages;
    return { ikeReceived, ikeSent, ikeRejected, keepalivesReceived, keepalivesSent, malformed };
  };
  return { driver, book, engine, installer, ikeCounters };
}

/** What the clients of our pools are to reach. */
function fixedLocalSelectors(compiled: CompiledVpn): readonly TrafficSelector[] {
  return compiled.connections
    .flatMap((connection) => connection.children)
    .flatMap((child) => child.localSelectors)
    .flatMap((configured) => (configured.kind === 'fixed' ? [configured.selector] : []));
}

function shownSettings(settings: TunSettings) {
  return {
    addresses: settings.addresses.map(formatPrefix),
    routes: settings.routes.map(formatPrefix),
    dns: settings.dns.map(({ server }) => formatAddress(server)),
  };
}

async function openTun(options: TunnelHostOptions): Promise<TunAdapter> {
  if (options.tun) return options.tun;
  try {
    return await options.world.createTun();
  } catch (error) {
    throw vpnErrorFrom(error, 'create the TUN device', 'tun-failed');
  }
}

/** @param device - the tunnel's own: what comes out of the tunnel is not to be answered from inside of it. */
async function openSockets(options: TunnelHostOptions, device: string): Promise<BoundUdp> {
  const { bind, world } = options;
  const outside: UdpBinding =
    'ports' in bind
      ? {
          ...bind,
          skip: (name, address) => name === device || (bind.skip?.(name, address) ?? false),
        }
      : bind;
  try {
    return await world.createUdp(outside);
  } catch (error) {
    throw vpnErrorFrom(error, 'open the UDP sockets', 'socket-failed');
  }
}
