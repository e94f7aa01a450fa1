import { createSeededRandom } from '@ipsec-kit/crypto';
import { type Endpoint, formatAddress, type IpAddress, parseAddress } from '@ipsec-kit/ip';
import {
  type Attachment,
  createSimulation,
  type Datagram,
  type Decision,
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
/** A hundred more. */
export const MANY_VICTIMS: readonly IpAddress[] = Array.from({ length: 100 }, (_, i) =>
  address(`192.0.2.${100 + i}`),
);

/** What may go to one such address, and to all of them, for each byte that came; and more with each second. */
export interface Allowed {
  readonly one: number;
  readonly all: number;
}

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
  /** Those of a server that roams. */
  readonly serverNetworks: HostNetworks | undefined;
  readonly recorded: Datagram[] = [];
  /** IKE messages that each host sent to the other, requests and responses. */
  readonly ikeMessages: { client: number; server: number } = { client: 0, server: 0 };
  readonly #attacker: Attachment;
  readonly #diversions: Diversion[] = [];
  readonly #tampering = new Map<string, (data: Uint8Array) => Uint8Array>();
  readonly #cameFrom = new Map<string, number>();
  readonly #wentTo = new Map<string, number>();
  /** What is being sent is the attacker's. */
  #isOurs = false;
  #impostor: ((datagram: Datagram) => void) | undefined;
  readonly #random: ReturnType<typeof createSeededRandom>;

  constructor(
    seed: number,
    options: Omit<SimulationOptions, 'seed'> = {},
    { serverRoams = false }: { readonly serverRoams?: boolean } = {},
  ) {
    let networks: HostNetworks | undefined;
    let serverNetworks: HostNetworks | undefined;
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
      ...(serverRoams
        ? {
            server: {
              ...options.server,
              networks: ({ network, clock }) => {
                serverNetworks = new HostNetworks({ network, clock, networks: SERVER_NETWORKS });
                return serverNetworks;
              },
            },
          }
        : {}),
      link: options.link ?? lan({ latencyMs: 10 }),
    });
    if (!networks) throw new Error('the client has no networks');
    this.networks = networks;
    this.serverNetworks = serverNetworks;
    this.#random = createSeededRandom(`${seed}/attacker`);
    this.#attacker = this.simulation.network.attach({
      name: 'attacker',
      addresses: [...VICTIMS, ...MANY_VICTIMS],
      receive: () => undefined,
    });
    this.simulation.network.onDatagram((datagram, decide) => {
      this.#count(datagram);
      const sender = this.#senderOf(datagram);
      if (sender === undefined) return;
      if (this.#impostor) {
        this.#deceive(this.#impostor, datagram, decide);
        return;
      }
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

  /** From now on somebody else is the server: what is for it comes here, and what it sends is lost. */
  takeServerOver(receive: (datagram: Datagram) => void): void {
    this.#impostor = receive;
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
    clock.wakeAt(clock.now(), () => {
      this.#isOurs = true;
      this.#attacker.send(from, to, data);
      this.#isOurs = false;
    });
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

  /** The server leaves one of its addresses for the other, which it may have told of before, or not. */
  roamServer(): void {
    const from = this.serverNetworks?.view.preferredAddresses[0];
    if (!from || !this.serverNetworks) return;
    const isFirst = formatAddress(from) === SERVER;
    this.serverNetworks.join(isFirst ? 'second' : 'first');
    this.serverNetworks.leave(isFirst ? 'first' : 'second');
  }

  /** The server has both of its addresses. */
  joinServer(): void {
    this.serverNetworks?.join('first');
    this.serverNetworks?.join('second');
  }

  /** What a host was made to send beyond what came, in words, where that is more than it may. */
  beyond({ one, all }: Allowed): readonly string[] {
    let sum = 0;
    const each = [...this.#wentTo].flatMap(([pair, bytes]) => {
      const more = bytes - (this.#cameFrom.get(pair) ?? 0);
      sum += Math.max(0, more);
      return more > one ? [`${pair}: ${more} bytes more than came`] : [];
    });
    return sum > all ? [...each, `${sum} bytes in all`] : each;
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
    return hostOf(from);
  }

  #deceive(receive: (datagram: Datagram) => void, datagram: Datagram, decide: Decision): void {
    if (this.#isOurs) return;
    if (hostOf(datagram.from) === 'server') decide.drop();
    else if (hostOf(datagram.to) === 'server') {
      decide.drop();
      receive(datagram);
    }
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
const SERVER_NETWORKS = [
  { name: 'first', addresses: [address(SERVER)], metric: 100 },
  { name: 'second', addresses: [address('203.0.113.2')], metric: 600 },
];

function hostOf({ address: own }: Endpoint): 'client' | 'server' {
  return formatAddress(own).startsWith('203.0.113.') ? 'server' : 'client';
}

function isIke({ port }: Endpoint, data: Uint8Array): boolean {
  return port === 500 || (data.length > 4 && data.subarray(0, 4).every((byte) => byte === 0));
}

function isVictim(other: IpAddress): boolean {
  return formatAddress(other).startsWith('192.0.2.');
}

function add(map: Map<string, number>, key: string, bytes: number): void {
  map.set(key, (map.get(key) ?? 0) + bytes);
}

/** Whether this is an IKE response behind a non-ESP marker. @see RFC 7296 §3.1 */
function isResponse(data: Uint8Array): boolean {
  const flags = data[4 + 19] ?? 0;
  return data.subarray(0, 4).every((byte) => byte === 0) && (flags & 0x20) !== 0;
}
