import type { Instant } from '@ipsec-kit/clock';
import type { IpAddress } from '@ipsec-kit/ip';
import type { Datagram } from './datagram.ts';
import type { Middlebox } from './middlebox.ts';

/** Where datagrams of a segment can end: a host, or the outside of a NAT. */
export interface Place {
  readonly name: string;
  /** Between the place and its segment, nearest first. */
  readonly middleboxes: readonly Middlebox[];
  /** False once it has left: what is still under way to it is lost. */
  isPresent(): boolean;
  accept(datagram: Datagram, sentAt: Instant): void;
}

/** What leads out of a segment. */
export interface Gateway {
  leave(datagram: Datagram, sentAt: Instant): void;
}

/** A part of a network in which every address is there once: its core, or the inside of a NAT. */
export class NetworkSegment {
  /** For traces: `core`, or the name of the NAT. */
  readonly name: string;
  readonly gateway: Gateway | undefined;
  readonly #byAddress = new Map<string, Place>();

  constructor(name: string, gateway?: Gateway) {
    this.name = name;
    this.gateway = gateway;
  }

  /** Who has the address, if anybody. */
  placeOf(address: IpAddress): Place | undefined {
    return this.#byAddress.get(addressKey(address));
  }

  /** Gives addresses to a place. @throws Error when there is none, or one is taken. */
  claim(place: Place, addresses: readonly IpAddress[]): void {
    const { name } = place;
    if (addresses.length === 0) throw new Error(`"addresses" of ${name} expected at least one`);
    for (const address of addresses) {
      const owner = this.placeOf(address);
      if (owner) throw new Error(`an address of ${name} belongs to ${owner.name} already`);
    }
    for (const address of addresses) this.#byAddress.set(addressKey(address), place);
  }

  /** Takes addresses back from a place. */
  release(place: Place, addresses: readonly IpAddress[]): void {
    for (const address of addresses) {
      if (this.placeOf(address) === place) this.#byAddress.delete(addressKey(address));
    }
  }
}

function addressKey(address: IpAddress): string {
  return address.bytes.join('.');
}
