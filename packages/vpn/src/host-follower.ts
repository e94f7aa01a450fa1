import type { Clock, SleepAwareClock, Timeless } from '@ipsec-kit/clock';
import type { EndpointInput, SessionEvent } from '@ipsec-kit/ikev2';
import { addressesEqual, addressListsEqual, hasAddress, type IpAddress } from '@ipsec-kit/ip';
import type { Scheduler } from '@ipsec-kit/scheduler';
import type { Nat64Finder } from './nat64.ts';
import { type Nat64Watch, watchNat64 } from './nat64-watch.ts';
import type { HostNetwork, NetworkWatch, Platform } from './platform.ts';
import type { OpenSockets } from './tunnel-host-options.ts';
import { messageOf } from './vpn-error.ts';

/** What the IKE machine is told about its host. */
export type HostInput = Extract<
  EndpointInput,
  { kind: 'slept' | 'connectivity' | 'local-addresses' | 'network' }
>;

/** {@link HostInput} without the time, which the driver adds. */
export type HostNews = Timeless<HostInput>;

/** What {@link followHost} works with. */
export interface HostFollowerOptions {
  readonly clock: Clock | SleepAwareClock;
  /** Absent: the network is not watched. */
  readonly watchNetwork: Platform['watchNetwork'];
  readonly udp: Pick<OpenSockets, 'endpoints' | 'refresh'>;
  /** The tunnel's own device. */
  readonly device: string;
  /** Asked where IPv4 leads nowhere. */
  readonly nat64: Nat64Finder;
  readonly scheduler: Pick<Scheduler, 'runDue'>;
  readonly tell: (news: HostNews) => void;
  /** Sockets were opened on new addresses, or those of vanished ones closed. */
  readonly onSocketsChange: () => void;
  readonly onWarning: (sentence: string) => void;
}

/** Follows the host of a tunnel: its sleep, its addresses, the network that it is in. */
export interface HostFollower {
  /** Looks at the network at once: a socket has failed, say. */
  look(): void;
  /** Sessions on addresses that no monitor tells of (of the loopback interface, link-local) keep them while there is a socket on
   * them.
   */
  note(event: SessionEvent): void;
  stop(): void;
}

/** Begins to follow. After a sleep the machine hears of it first, then of whatever came due meanwhile. A change of the network
 * opens and closes sockets before the machine hears of it, so that it can send from every address that it is told.
 */
export function followHost(options: HostFollowerOptions): HostFollower {
  return new RunningFollower(options);
}

class RunningFollower implements HostFollower {
  readonly #options: HostFollowerOptions;
  readonly #watch: NetworkWatch | undefined;
  readonly #nat64: Nat64Watch;
  readonly #stopSleep: (() => void) | undefined;
  /** Addresses of sessions that lie outside of what is watched. */
  readonly #besides = new Map<string, IpAddress>();
  #network: HostNetwork | undefined;
  #toldAddresses: readonly IpAddress[] | undefined;
  #toldKey: string | undefined;
  #changing: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: HostFollowerOptions) {
    const { clock, watchNetwork, nat64, device, onWarning } = options;
    this.#options = options;
    this.#nat64 = watchNat64({
      clock,
      find: nat64,
      onChange: () => {
        this.#toldAddresses = undefined;
        this.#tellAddresses(false);
      },
    });
    if ('onSleep' in clock) {
      this.#stopSleep = clock.onSleep(({ sleptMs }) => this.#onSleep(sleptMs));
    }
    this.#watch = watchNetwork?.({
      ignoredInterfaces: [device],
      onChange: (network) => this.#onNetwork(network),
      onWarning,
    });
  }

  look(): void {
    this.#watch?.refresh().catch((error) => this.#options.onWarning(messageOf(error)));
    if (this.#network) this.#onNetwork(this.#network);
  }

  note(event: SessionEvent): void {
    if (event.kind !== 'session-opened') return;
    const { address } = event.path.local;
    const isTold = this.#network && hasAddress(this.#network.preferredAddresses, address);
    if (isTold) return;
    this.#besides.set(keyOf(address), address);
    this.#tellAddresses(false);
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopSleep?.();
    this.#watch?.stop();
    this.#nat64.stop();
  }

  #onSleep(sleptMs: number): void {
    if (this.#isStopped) return;
    this.#options.tell({ kind: 'slept', sleptMs });
    // The process is awake: what came due meanwhile needs no wake of its own.
    void this.#options.scheduler.runDue();
    this.#watch?.refresh().catch(() => undefined);
  }

  #onNetwork(network: HostNetwork): void {
    // One after the other: sockets that one change opens must not be told of by the next.
    this.#changing = this.#changing.then(() => this.#follow(network));
  }

  async #follow(network: HostNetwork): Promise<void> {
    const { udp, onSocketsChange, onWarning, tell } = this.#options;
    if (this.#isStopped) return;
    try {
      const changes = await udp.refresh?.();
      for (const failure of changes?.failed ?? [])
        onWarning(`A new address is not used: ${failure.message}`);
      if (changes && changes.added.length + changes.removed.length > 0) onSocketsChange();
    } catch (error) {
      onWarning(`The sockets do not follow the addresses of this host: ${messageOf(error)}`);
    }
    if (this.#isStopped) return;
    this.#network = network;
    // What is watched after all comes and goes with the network.
    for (const address of network.preferredAddresses) this.#besides.delete(keyOf(address));
    if (this.#toldKey !== network.networkKey || this.#toldAddresses === undefined) {
      this.#toldKey = network.networkKey;
      tell({ kind: 'network', networkKey: network.networkKey });
    }
    this.#nat64.onNetwork(isIpv6Alone(network));
    this.#tellAddresses(true);
  }

  /** @param hasChanged - something has, whether or not the addresses did. */
  #tellAddresses(hasChanged: boolean): void {
    const { udp, tell } = this.#options;
    if (!this.#network) return;
    const isBound = (address: IpAddress): boolean =>
      udp.endpoints.some((endpoint) => addressesEqual(endpoint.address, address));
    const addresses = [...this.#network.preferredAddresses, ...this.#besides.values()].filter(
      isBound,
    );
    if (this.#toldAddresses === undefined || !addressListsEqual(addresses, this.#toldAddresses)) {
      this.#toldAddresses = addresses;
      const nat64Prefix = this.#nat64.prefix;
      tell({ kind: 'local-addresses', addresses, ...(nat64Prefix ? { nat64Prefix } : {}) });
    } else if (hasChanged) {
      tell({ kind: 'connectivity' });
    }
  }
}

/** An IPv4 address without a way out, as that of a bridge to containers, reaches no server. */
function isIpv6Alone({ preferredAddresses, defaultRoutes }: HostNetwork): boolean {
  const ways = defaultRoutes ?? preferredAddresses;
  const hasIpv6 = preferredAddresses.some(({ version }) => version === 6);
  return hasIpv6 && ways.every(({ version }) => version === 6);
}

function keyOf({ bytes }: IpAddress): string {
  return bytes.join('.');
}
