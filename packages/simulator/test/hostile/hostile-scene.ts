import { createSeededRandom } from '@ipsec-kit/crypto';
import { type Endpoint, formatAddress, type IpAddress, parseAddress } from '@ipsec-kit/ip';
import {
  type Attachment,
  createSimulation,
  type Datagram,
  HostNetworks,
  lan,
  type Simulation,
  type SimulationOptions,
} from '../../src/index.ts';
import { crypto } from '../simulation/establishments.ts';

/** Addresses of hosts that have nothing to do with the tunnel and never answer. */
export const VICTIMS: readonly IpAddress[] = ['192.0.2.66', '192.0.2.67', '192.0.2.68'].map(
  address,
);

export function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`${text} is no address`);
  return parsed;
}

/** How an attacker on the path treats a datagram. */
export interface Diversion {
  /** Who sent it. */
  readonly of: 'client' | 'server';
  /** Where its copy seems to come from. */
  readonly as: IpAddress;
  /** The original arrives as well, behind the copy. */
  readonly keepsOriginal: boolean;
}

/** A tunnel whose client has two networks, and an attacker who sees and holds up everything, and sends what it likes from
 * addresses that are not its own. Bytes between the hosts and those addresses are counted.
 */
export class HostileScene {
  readonly simulation: Simulation;
  readonly networks: HostNetworks;
  readonly recorded: Datagram[] = [];
  /** IKE messages that each host sent to the other, requests and responses. */
  readonly ikeMessages: { client: number; server: number } = { client: 0, server: 0 };
  readonly #attacker: Attachment;
  readonly #diversions: Diversion[] = [];
  readonly #tampering = new Map<string, (data: Uint8Array) => Uint8Array>();
  readonly #cameFrom = new Map<string, number>();
  readonly #wentTo = new Map<string, number>();
  readonly #random: ReturnType<typeof createSeededRandom>;

  constructor(seed: number, options: Omit<SimulationOptions, 'seed'> = {}) {
    let networks: HostNetworks | undefined;
    this.simulation = createSimulation({
      seed,
      crypto,
      ...options,
      client: {
        ...options.client,
        networks: ({ network, clock }) => {
          const links = [] as const;
          networks = new HostNetworks({
            network,
            clock,
            networks: [
              { name: 'wifi', addresses: [address('198.18.0.1')], links, metric: 100 },
              { name: 'lte', addresses: [address('198.19.0.1')], links, metric: 600 },
            ],
          });
          return networks;
        },
      },
      link: options.link ?? lan({ latencyMs: 10 }),
    });
    if (!networks) throw new Error('the client has no networks');
    this.networks = networks;
    this.#random = createSeededRandom(`${seed}/attacker`);
    this.#attacker = this.simulation.network.attach({
      name: 'attacker',
      addresses: VICTIMS,
      receive: () => undefined,
    });
    this.simulation.network.onDatagram((datagram, decide) => {
      this.#count(datagram);
      const sender = this.#senderOf(datagram);
      if (sender === undefined) return;
      if (this.recorded.length < 2_000) this.recorded.push(datagram);
      const change = isResponse(datagram.data) ? this.#tampering.get(sender) : undefined;
      if (change) decide.replace(change(datagram.data));
      const at = this.#diversions.findIndex(({ of }) => of === sender);
      const [diversion] = at < 0 ? [] : this.#diversions.splice(at, 1);
      if (!diversion) return;
      if (diversion.keepsOriginal) decide.delay(5);
      else decide.drop();
      this.sendAs({ address: diversion.as, port: datagram.from.port }, datagram.to, datagram.data);
    });
  }

  /** Opens the tunnel. */
  open(): this {
    if (!this.simulation.open().opened) throw new Error('the tunnel did not open');
    return this;
  }

  /** The next datagram of a host comes from somewhere else, too or only. */
  divert(...diversions: readonly Diversion[]): void {
    this.#diversions.push(...diversions);
  }

  /** What a host answers over IKE is changed on the way from now on. */
  tamper(of: 'client' | 'server', change: (data: Uint8Array) => Uint8Array): void {
    this.#tampering.set(of, change);
  }

  /** Sends something from an address that is not the attacker's. */
  sendAs(from: Endpoint, to: Endpoint, data: Uint8Array): void {
    const { clock } = this.simulation;
    clock.wakeAt(clock.now(), () => this.#attacker.send(from, to, data));
  }

  /** Random bytes, the same for the same seed. */
  bytes(length: number): Uint8Array {
    const data = new Uint8Array(length);
    this.#random.fill(data);
    return data;
  }

  /** Leaves one network and joins the other. */
  roam(): void {
    const onWifi = this.networks.view.preferredAddresses.some(
      (own) => formatAddress(own) === '198.18.0.1',
    );
    this.networks.join(onWifi ? 'lte' : 'wifi');
    this.networks.leave(onWifi ? 'wifi' : 'lte');
  }

  /** Where more bytes went to a victim than came from it, in words. */
  amplified(): readonly string[] {
    return [...this.#wentTo].flatMap(([pair, bytes]) => {
      const came = this.#cameFrom.get(pair) ?? 0;
      return bytes > came ? [`${pair}: ${bytes} bytes for ${came}`] : [];
    });
  }

  /** Bytes that hosts sent to victims. */
  get bytesToVictims(): number {
    return [...this.#wentTo.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  #senderOf({ from }: Datagram): 'client' | 'server' | undefined {
    if (isVictim(from.address)) return undefined;
    return formatAddress(from.address) === SERVER ? 'server' : 'client';
  }

  #count({ from, to, data }: Datagram): void {
    if (isVictim(from.address)) {
      add(this.#cameFrom, `${hostOf(to)}, ${formatAddress(from.address)}`, data.length);
      return;
    }
    const host = hostOf(from);
    if (isVictim(to.address))
      add(this.#wentTo, `${host}, ${formatAddress(to.address)}`, data.length);
    else if (isIke(to, data)) this.ikeMessages[host] += 1;
  }
}

const SERVER = '203.0.113.1';

function hostOf({ address: own }: Endpoint): 'client' | 'server' {
  return formatAddress(own) === SERVER ? 'server' : 'client';
}

function isIke({ port }: Endpoint, data: Uint8Array): boolean {
  return port === 500 || (data.length > 4 && data.subarray(0, 4).every((byte) => byte === 0));
}

function isVictim(other: IpAddress): boolean {
  return VICTIMS.some((victim) => formatAddress(victim) === formatAddress(other));
}

function add(map: Map<string, number>, key: string, bytes: number): void {
  map.set(key, (map.get(key) ?? 0) + bytes);
}

/** Whether this is an IKE response behind a non-ESP marker. @see RFC 7296 §3.1 */
function isResponse(data: Uint8Array): boolean {
  const flags = data[4 + 19] ?? 0;
  return data.subarray(0, 4).every((byte) => byte === 0) && (flags & 0x20) !== 0;
}
