import { createSecretStore } from '@ipsec-kit/auth';
import { VirtualClock } from '@ipsec-kit/clock';
import { type CryptoProvider, createSeededRandom, KeyMaterial } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import {
  type ConnectionConfig,
  createAddressPools,
  createRequestHandler,
  type PoolConfig,
} from '@ipsec-kit/ikev2';
import type { IpAddress } from '@ipsec-kit/ip';
import { type DeviceSettings, dozingPhone } from '../device/device-settings.ts';
import { DozingDevice } from '../device/dozing-device.ts';
import { SimulatedHost } from '../host/simulated-host.ts';
import type { SimulatedWorker } from '../host/simulated-host-options.ts';
import type { Nat } from '../nat/nat-place.ts';
import { behavingNat, type NatSettings } from '../nat/nat-settings.ts';
import { createLink, lan } from '../network/link.ts';
import type { Middlebox } from '../network/middlebox.ts';
import type { NetworkSegment } from '../network/network-segment.ts';
import { VirtualNetwork } from '../network/virtual-network.ts';
import {
  clientConnection,
  DEFAULT_SETTINGS,
  POOL_NAME,
  POOL_PREFIX,
  serverConnection,
} from './default-connection.ts';
import { type SimulatedEvent, Simulation } from './simulation.ts';
import {
  clientAddress,
  natAddress,
  type SideOptions,
  type SimulationOptions,
  serverAddress,
} from './simulation-options.ts';

const MAX_CLIENTS = 60_000;
const MAX_EVENTS = 65_536;
const DEFAULT_SECRET = 'a secret of the simulation';

/** Makes a server, its clients and the network between them. The machines are the real ones; only time, the network
 * and randomness are simulated, so the same seed and the same calls give the same trace, byte for byte.
 * @throws RangeError on settings that make no sense.
 */
export function createSimulation(options: SimulationOptions): Simulation {
  const { seed, clients: clientCount = 1, outerVersion = 4, client = {}, server = {} } = options;
  if (!Number.isInteger(clientCount) || clientCount < 1 || clientCount > MAX_CLIENTS) {
    throw new RangeError(
      `"clients" expected a whole number from 1 to ${MAX_CLIENTS}, got ${clientCount}`,
    );
  }
  const world = createWorld(options);
  const serverHost = world.addHost({
    name: 'server',
    address: serverAddress(outerVersion),
    connection: serverConnection(server.connection, server.child),
    side: server,
    pools: [{ name: POOL_NAME, addresses: { kind: 'prefix', prefix: POOL_PREFIX }, dns: [] }],
    links: [],
  });
  const nat = options.nat && world.addNat(options.nat);
  const clients = Array.from({ length: clientCount }, (_, index) => {
    const name = clientCount === 1 ? 'client' : `client${index + 1}`;
    return world.addHost({
      name,
      address: clientAddress(outerVersion, index),
      connection: clientConnection(name, client.connection, client.child),
      side: client,
      pools: [],
      links: [createLink(options.link ?? lan(), `${seed}/${name}/link`)],
      ...(nat ? { segment: nat.inside } : {}),
    });
  });
  const { clock, network, events, devices } = world;
  return new Simulation({
    clock,
    network,
    events,
    clients,
    server: serverHost,
    devices,
    ...(nat ? { nat } : {}),
  });
}

interface HostPlan {
  readonly name: string;
  readonly address: IpAddress;
  readonly connection: ConnectionConfig;
  readonly side: SideOptions;
  readonly pools: readonly PoolConfig[];
  readonly links: readonly Middlebox[];
  readonly segment?: NetworkSegment;
}

interface World {
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly events: SimulatedEvent[];
  readonly devices: ReadonlyMap<string, DozingDevice>;
  addNat(settings: Partial<NatSettings>): Nat;
  addHost(plan: HostPlan): SimulatedHost;
}

function createWorld(options: SimulationOptions): World {
  const { seed, crypto = createNobleProvider(), traceEntries, outerVersion = 4 } = options;
  const clock = new VirtualClock();
  const network = new VirtualNetwork({ clock, ...(traceEntries ? { traceEntries } : {}) });
  const events: SimulatedEvent[] = [];
  const devices = new Map<string, DozingDevice>();
  const addDevice = (name: string, settings: Partial<DeviceSettings>): DozingDevice => {
    const device = new DozingDevice({
      name,
      world: clock,
      settings: dozingPhone(settings),
      seed,
      onNote: (what) => network.note(name, what),
    });
    devices.set(name, device);
    return device;
  };
  return {
    clock,
    network,
    events,
    devices,
    addNat: (settings) =>
      network.addNat({
        name: 'nat',
        addresses: [natAddress(outerVersion)],
        settings: behavingNat(settings),
        seed,
      }),
    addHost({ name, address, connection, side, pools, links, segment }) {
      const device = side.device && addDevice(name, side.device);
      const hostClock = device?.clock ?? side.clock?.(clock) ?? clock;
      const networks = side.networks?.({ hostName: name, network, clock: hostClock });
      return new SimulatedHost({
        name,
        addresses: [address],
        middleboxes: [
          ...(device ? [device.middlebox] : []),
          ...(networks ? [] : links),
          ...(side.middleboxes?.(name) ?? []),
        ],
        network: networks ?? network,
        ...(segment ? { segment } : {}),
        clock: hostClock,
        tellsOfSleep: side.tellsOfSleep ?? true,
        ...(device?.alarm ? { alarm: device.alarm } : {}),
        seed,
        crypto,
        connections: [connection],
        settings: { ...DEFAULT_SETTINGS, ...side.settings },
        worker: createWorker(crypto, `${seed}/${name}/keys`, side.secret, pools),
        answerDelayMs: side.answerDelayMs ?? 0,
        reportDelayMs: side.reportDelayMs ?? 0,
        ...(side.observer ? { observer: side.observer(name) } : {}),
        onEvent(event) {
          if (events.length >= MAX_EVENTS) events.splice(0, MAX_EVENTS / 2);
          events.push({ at: clock.now(), host: name, event });
        },
      });
    },
  };
}

function createWorker(
  crypto: CryptoProvider,
  seed: string,
  secret: string = DEFAULT_SECRET,
  poolConfigs: readonly PoolConfig[],
): SimulatedWorker {
  const pools = createAddressPools(poolConfigs);
  const bytes = Uint8Array.from(secret, (letter) => letter.charCodeAt(0));
  return {
    handle: createRequestHandler({
      crypto,
      random: createSeededRandom(seed),
      secrets: createSecretStore([{ ids: [], secret: new KeyMaterial(bytes) }]),
      pools,
    }),
    release: (lease) => pools.release(lease),
  };
}
