import { createSecretStore } from '@ipsec-kit/auth';
import type { RandomSource } from '@ipsec-kit/crypto';
import type { PacketPath } from '@ipsec-kit/datapath';
import {
  createAddressPools,
  createIkeEndpoint,
  createRequestHandler,
  type PathStatus,
  type SessionLifetimes,
} from '@ipsec-kit/ikev2';
import { formatAddress, formatPrefix, type TrafficSelector } from '@ipsec-kit/ip';
import { createScheduler, type Scheduler } from '@ipsec-kit/scheduler';
import type { TunSettings } from '@ipsec-kit/tun-adapter';
import { createAuthenticationWork } from './authentication-work.ts';
import { type ChildInstaller, createChildInstaller } from './child-installer.ts';
import { type ChildOpener, createChildOpener } from './child-opener.ts';
import { createSessionCloser, type SessionCloser } from './close-sessions.ts';
import type { CompiledVpn } from './compile/index.ts';
import type { ChainTrust } from './credentials/compiled-credentials.ts';
import { isCaught } from './credentials/outside-fetch.ts';
import { createRevalidation, type Revalidation } from './credentials/revalidation.ts';
import { createDriver } from './driver.ts';
import type { Driver } from './driver-contract.ts';
import { followTunnelHost } from './follow-tunnel-host.ts';
import type { HostFollower } from './host-follower.ts';
import type { OpenParts } from './open-parts.ts';
import { createPathMtuKeeper } from './path-mtu-keeper.ts';
import type { HostAlarm } from './platform.ts';
import { poolConfigs } from './pool-configs.ts';
import { publicEvent } from './public-event.ts';
import { createScratchPorts } from './scratch-ports.ts';
import { createSessionBook, type SessionBook } from './session-book.ts';
import { createSessionCommands, type SessionCommands } from './session-commands.ts';
import { createSessionDelegations, type SessionDelegations } from './session-delegations.ts';
import type { DatagramCounters } from './status.ts';
import { createTrapKeeper, type TrapKeeper } from './trap-keeper.ts';
import { createTunConfigurator } from './tun-configurator.ts';
import type { TunnelHostOptions } from './tunnel-host-options.ts';
import { messageOf } from './vpn-error.ts';

/** The IKE machine and the packet path of a tunnel, connected, and what decides on sessions and traps. */
export interface TunnelCore {
  readonly driver: Driver;
  readonly book: SessionBook;
  readonly packets: PacketPath;
  readonly installer: ChildInstaller;
  readonly opener: ChildOpener;
  readonly traps: TrapKeeper;
  readonly closer: SessionCloser;
  readonly commands: SessionCommands;
  readonly delegations: SessionDelegations;
  readonly revalidation: Revalidation;
  readonly follower: HostFollower;
  readonly scheduler: Scheduler;
  /** What wakes the device, and why it does not. */
  readonly alarm: Pick<HostAlarm, 'source' | 'limit'> | undefined;
  lifetimes(sessionId: number): SessionLifetimes | undefined;
  /** What is known to come through to the peer of a session. */
  pathMtuOf(sessionId: number): number | undefined;
  path(sessionId: number): PathStatus | undefined;
  readonly ikeCounters: () => Omit<DatagramCounters, 'receiveDrops' | 'sendDrops'>;
}

/** Connects what is open; what has to be stopped again is added to `parts.undo`. */
export function createTunnelCore(options: TunnelHostOptions, parts: OpenParts): TunnelCore {
  const { compiled, world, onEvent = () => undefined } = options;
  const { devices, udp, keyLog, keyring, warn, undo } = parts;
  const { tun } = devices;
  const { clock, crypto } = world;
  const alarm = world.createAlarm?.();
  const scheduler = createScheduler({ clock, ...(alarm ? { alarm: alarm.source } : {}) });
  undo.push(async () => {
    scheduler.clear();
    alarm?.close();
  });
  const pools = createAddressPools(poolConfigs(compiled));
  const book = createSessionBook(clock);
  // Bindings name the port of IKE and that of NAT traversal in turn.
  const natTPorts = new Set(udp.ports.filter((_, index) => index % 2 === 1));
  const scratch = createScratchPorts(udp, warn);
  const packets = devices.connect({
    isMarkedPort: (port) => natTPorts.has(port) || scratch.has(port),
    onIke: (message, path, marker) => driver.receive(message, path, marker),
    onFacts(facts) {
      driver.noteFacts(facts);
      traps.noteFacts(facts);
      pathMtu.noteFacts(facts);
    },
    onError: (error) => warn(`A defect in the packet path: ${messageOf(error)}`),
  });
  const installer = createChildInstaller({
    packetPath: packets,
    crypto,
    tun: createTunConfigurator(tun, (settings) =>
      onEvent({ kind: 'tun-configured', name: tun.name, ...shownSettings(settings) }),
    ),
    poolPrefixes: options.poolPrefixes,
    localSelectors: options.poolPrefixes.length === 0 ? [] : fixedLocalSelectors(compiled),
    hostAddresses: () => world.hostAddresses(tun.name),
    outsidePorts: udp.ports,
    outerMtuOf: (sessionId) => pathMtu.bytesOf(sessionId),
    trapped: () => traps.planned,
    onWarning: warn,
    ...(keyLog ? { keyLog } : {}),
  });
  const endpoint = createIkeEndpoint({
    connections: compiled.connections,
    settings: compiled.settings,
    crypto,
    random: world.random,
    jitter: world.jitter,
    ...(packets.placeSpi ? { placeSpi: packets.placeSpi } : {}),
  });
  const dateMs = world.dateMs ?? Date.now;
  const { signatures, eap } = createAuthenticationWork({
    ...{ compiled, world, dateMs, keyring, scheduler, warn },
    onProven: (spis, proof) => revalidation.add(spis, proof),
    isCaught: (address) =>
      isCaught(address, {
        poolPrefixes: options.poolPrefixes,
        trapped: traps.planned,
        standing: [...installer.children.values()],
      }),
  });
  undo.push(async () => eap.close());
  const driver = createDriver({
    endpoint,
    clock,
    scheduler,
    control: {
      sendIke: packets.sendIke,
      sendKeepalive: packets.sendKeepalive,
      sendEspKeepalive: (pairId) => packets.sendDummy(pairId, 0),
      pairCounters: (pairId) => packets.pairCounters(pairId),
      pairActivity: (pairId) => packets.pairActivity(pairId),
      openScratchPort: (remote) => scratch.open(remote, world),
      closeScratchPort: (local) => scratch.close(local),
    },
    installer,
    pools,
    endEap: eap.end,
    requests: createRequestHandler({
      crypto,
      random: world.random,
      secrets: createSecretStore(compiled.secrets),
      pools,
      signatures,
      eap,
    }),
    onEvent(raised) {
      const event = revalidation.explain(raised);
      book.note(event);
      follower.note(event);
      keyLog?.noteEvent(event);
      onEvent(publicEvent(event));
      opener.note(event);
      traps.note(event);
      pathMtu.note(event);
      closer.note(event);
      commands.note(event);
      revalidation.note(event);
      options.onSessionEvent(event);
    },
  });
  const revalidation = createRevalidation({
    connections: compiled.connections,
    // Where both prove a peer, its signature in IKE is what counts.
    peers: new Map<string, ChainTrust>([
      ...compiled.eap.connections,
      ...compiled.credentials.peers,
    ]),
    ...{ clock, dateMs, scheduler, book, onEvent },
    reload: signatures.reload,
    recheck: signatures.recheck,
    isListed: signatures.isListed,
    command: driver.command,
  });
  const opener = createChildOpener({
    book,
    command: driver.command,
    pathTo: (connection) => options.pathTo(connection, udp),
  });
  const traps = createTrapKeeper({
    connections: compiled.connections,
    engine: packets,
    opener,
    clock,
    scheduler,
    closeChild: (sessionId, childId, reason) =>
      driver.command({ kind: 'close-child', sessionId, childId, reason }),
    onChange: () => installer.refresh(),
    onEvent,
  });
  const pathMtu = createPathMtuKeeper({
    clock,
    scheduler,
    packets,
    installer,
    isOn: options.pathMtuProbes ?? options.tun === undefined,
    hostAddresses: () => world.hostAddresses(tun.name),
    identifier: echoIdentifier(world.random),
    onBytes: (sessionId, bytes) => driver.command({ kind: 'path-mtu', sessionId, bytes }),
    onEvent,
  });
  const closer = createSessionCloser({
    clock,
    command: driver.command,
    ids: () => [...new Set([...book.ids, ...opener.dialing])],
  });
  undo.push(async () => {
    opener.stop();
    traps.stop();
    pathMtu.stop();
    revalidation.stop();
    driver.stop();
    await packets.stop();
  });
  const follower = followTunnelHost(options, parts, { scheduler, tell: driver.tell });
  const path = endpoint.path.bind(endpoint);
  const commands = createSessionCommands({
    connections: compiled.connections,
    book,
    opener,
    command: driver.command,
    path,
    clock,
  });
  const delegations = createSessionDelegations({ endpoint, driver, book, udp, clock });
  const ikeCounters = (): ReturnType<TunnelCore['ikeCounters']> => {
    const { ikeReceived, ikeSent, keepalivesReceived, keepalivesSent, malformed } =
      packets.counters;
    const ikeRejected = endpoint.rejectedMessages;
    return { ikeReceived, ikeSent, ikeRejected, keepalivesReceived, keepalivesSent, malformed };
  };
  const lifetimes = endpoint.lifetimes.bind(endpoint);
  return {
    driver,
    book,
    packets,
    installer,
    opener,
    traps,
    closer,
    delegations,
    commands,
    revalidation,
    follower,
    scheduler,
    alarm,
    lifetimes,
    pathMtuOf: (sessionId) => pathMtu.bytesOf(sessionId),
    path,
    ikeCounters,
  };
}

/** Echoes of other programs on this host have identifiers too; of 65,536 ours is hardly theirs. */
function echoIdentifier(random: RandomSource): number {
  const bytes = new Uint8Array(2);
  random.fill(bytes);
  return (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
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
