import { addMs, type CancelWake, type Clock } from '@ipsec-kit/clock';
import { addressesEqual, type Endpoint, hasAddress, type IpAddress } from '@ipsec-kit/ip';
import type { VirtualNetwork } from '../network/virtual-network.ts';
import type {
  Attachment,
  AttachmentCounters,
  AttachOptions,
} from '../network/virtual-network-contract.ts';
import { type HostNetwork, type NetworkView, viewNetworks, viewsEqual } from './network-view.ts';

/** Changes are gathered for so long, as the monitors of real hosts do. */
const COALESCE_MS = 100;

/** What a host that moves between networks is made with. */
export interface HostNetworksOptions {
  readonly network: VirtualNetwork;
  /** The clock of the host: on a device that dozes, changes are noticed when it is awake. */
  readonly clock: Clock;
  /** Networks that the host can be in, by name. */
  readonly networks: readonly HostNetwork[];
  /** Those that it is in from the start; default the first. */
  readonly joined?: readonly string[];
}

interface Joined {
  readonly network: HostNetwork;
  readonly attachment: Attachment;
}

/** The interfaces of a host that is in several networks, one after the other, at once, or in none. Takes the place of the
 * network where a host is attached.
 */
export class HostNetworks {
  readonly #network: VirtualNetwork;
  readonly #clock: Clock;
  readonly #known: readonly HostNetwork[];
  readonly #joined = new Map<string, Joined>();
  readonly #listeners = new Set<(view: NetworkView) => void>();
  /** What was counted in networks that the host has left. */
  readonly #past: AttachmentCounters = zeroCounters();
  #waiting: readonly string[];
  #host: AttachOptions | undefined;
  #told: NetworkView;
  #cancelLook: CancelWake | undefined;
  #unsendable = 0;

  /** @throws RangeError when `joined` names a network that is not there. */
  constructor({ network, clock, networks, joined }: HostNetworksOptions) {
    this.#network = network;
    this.#clock = clock;
    this.#known = networks;
    this.#waiting = joined ?? networks.slice(0, 1).map(({ name }) => name);
    this.#told = viewNetworks(
      networks,
      this.#waiting.map((name) => this.#named(name)),
    );
  }

  /** What the host sees now. */
  get view(): NetworkView {
    return viewNetworks(this.#known, this.#joinedNetworks());
  }

  /** Datagrams that could not leave: the host has not the address that they were to come from, or no route from there. */
  get unsendable(): number {
    return this.#unsendable;
  }

  /** Attaches the host to the networks that it is in. To be called once, by the host; its `addresses` are those of the networks. */
  attach(host: AttachOptions): Attachment {
    if (this.#host) throw new Error(`${this.#host.name} is attached already`);
    this.#host = host;
    const { name } = host;
    for (const joined of this.#waiting) this.join(joined);
    const self = this;
    return {
      name,
      get addresses(): readonly IpAddress[] {
        return self.view.preferredAddresses;
      },
      get counters(): Readonly<AttachmentCounters> {
        return self.#sumCounters();
      },
      send: (from, to, data) => this.#send(name, from, to, data),
      canSend: (from, to) => this.#attachmentFor(from, to) !== undefined,
      detach: () => {
        for (const network of [...this.#joined.keys()]) this.leave(network);
      },
    };
  }

  /** Gets into a network. */
  join(name: string): void {
    const host = this.#host;
    if (!host) throw new Error('"join" expected a host that is attached');
    if (this.#joined.has(name)) return;
    const network = this.#named(name);
    const attachment = this.#network.attach({
      ...host,
      name: `${host.name}/${name}`,
      addresses: network.addresses,
      ...(network.segment ? { segment: network.segment } : {}),
      middleboxes: [...(host.middleboxes ?? []), ...(network.links ?? [])],
    });
    this.#joined.set(name, { network, attachment });
    this.#network.note(host.name, `joins ${name}`);
    this.#lookSoon();
  }

  /** Gets out of a network: what is under way to it there is lost. */
  leave(name: string): void {
    const joined = this.#joined.get(name);
    if (!joined) return;
    joined.attachment.detach();
    this.#joined.delete(name);
    addCounters(this.#past, joined.attachment.counters);
    this.#network.note(this.#host?.name ?? '', `leaves ${name}`);
    this.#lookSoon();
  }

  /** Calls `listener` with what the host sees after each change that lasts: a burst is one, and a network that goes and
   * comes back at once is none.
   * @returns how to stop listening.
   */
  onChange(listener: (view: NetworkView) => void): () => void {
    const own = (view: NetworkView): void => listener(view);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  #lookSoon(): void {
    this.#cancelLook ??= this.#clock.wakeAt(addMs(this.#clock.now(), COALESCE_MS), () => {
      this.#cancelLook = undefined;
      const { view } = this;
      if (viewsEqual(view, this.#told)) return;
      this.#told = view;
      for (const listener of [...this.#listeners]) listener(view);
    });
  }

  #send(name: string, from: Endpoint, to: Endpoint, data: Uint8Array): void {
    const attachment = this.#attachmentFor(from, to);
    if (attachment) {
      attachment.send(from, to, data);
      return;
    }
    this.#unsendable += 1;
    const isOwn = this.view.addresses.some(({ address }) => addressesEqual(address, from.address));
    const why = isOwn ? 'it has no route to there' : 'it has not that address any more';
    this.#network.note(name, `cannot send ${data.length} bytes: ${why}`);
  }

  #attachmentFor(from: Endpoint, to: Endpoint): Attachment | undefined {
    for (const { network, attachment } of this.#joined.values()) {
      if (!hasAddress(network.addresses, from.address)) continue;
      return network.hasRouteTo?.(to.address) === false ? undefined : attachment;
    }
    return undefined;
  }

  #sumCounters(): AttachmentCounters {
    const sum = { ...this.#past };
    for (const { attachment } of this.#joined.values()) addCounters(sum, attachment.counters);
    return sum;
  }

  #joinedNetworks(): readonly HostNetwork[] {
    return [...this.#joined.values()].map(({ network }) => network);
  }

  #named(name: string): HostNetwork {
    const network = this.#known.find((known) => known.name === name);
    if (network) return network;
    const names = this.#known.map((known) => known.name).join(', ');
    throw new RangeError(`"name" expected a network of the host (${names}), got ${name}`);
  }
}

function zeroCounters(): AttachmentCounters {
  return { sentDatagrams: 0, sentBytes: 0, receivedDatagrams: 0, receivedBytes: 0 };
}

function addCounters(sum: AttachmentCounters, more: Readonly<AttachmentCounters>): void {
  sum.sentDatagrams += more.sentDatagrams;
  sum.sentBytes += more.sentBytes;
  sum.receivedDatagrams += more.receivedDatagrams;
  sum.receivedBytes += more.receivedBytes;
}
