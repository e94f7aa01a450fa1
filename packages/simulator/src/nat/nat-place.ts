import type { Instant } from '@ipsec-kit/clock';
import { hasAddress, type IpAddress } from '@ipsec-kit/ip';
import type { Datagram } from '../network/datagram.ts';
import type { Middlebox } from '../network/middlebox.ts';
import { type Gateway, NetworkSegment, type Place } from '../network/network-segment.ts';
import type { NatMapping } from './mapping-table.ts';
import { NatBox, type NatCounters, type NatVerdict } from './nat-box.ts';
import type { NatSettings } from './nat-settings.ts';

/** What a NAT is put into a network with. */
export interface NatOptions {
  /** For traces; unique in the network. */
  readonly name: string;
  /** Its external addresses, in the segment outside; of one family or of both. */
  readonly addresses: readonly IpAddress[];
  readonly settings: NatSettings;
  readonly seed: number | string;
  /** Where its outside is: default the core of the network. The inside of another NAT makes this one the second of two. */
  readonly segment?: NetworkSegment;
  /** Between its outside and that segment, nearest first: its uplink. */
  readonly middleboxes?: readonly Middlebox[];
}

/** A NAT in a network. */
export interface Nat {
  readonly name: string;
  /** Where the hosts behind it are attached. */
  readonly inside: NetworkSegment;
  readonly addresses: readonly IpAddress[];
  readonly counters: Readonly<NatCounters>;
  /** Mappings that live now, the one that was quiet for longest first. */
  mappings(): readonly NatMapping[];
  /** Loses all mappings. @param addresses - the external ones from now on, when they change. */
  reboot(addresses?: readonly IpAddress[]): void;
}

/** What a NAT needs of the network that it is in. */
export interface NatNetwork {
  now(): Instant;
  /** Sends a datagram on from a place into the segment that it is in. */
  send(datagram: Datagram, place: Place, segment: NetworkSegment, sentAt: Instant): void;
  /** Hands a datagram to a place in a segment. */
  handTo(datagram: Datagram, place: Place, sentAt: Instant): void;
  lose(datagram: Datagram, where: string): void;
  translated(nat: string, before: Datagram, after: Datagram, isNewMapping: boolean): void;
  note(who: string, what: string): void;
}

/** Makes a NAT: the gateway of the segment inside, a place in the one outside. */
export function placeNat(options: NatOptions, outside: NetworkSegment, network: NatNetwork): Nat {
  const { name, settings, seed, addresses, middleboxes = [] } = options;
  const box = new NatBox(settings, addresses, `${seed}/${name}`);
  const handInside = (datagram: Datagram, sentAt: Instant): void => {
    const target = inside.placeOf(datagram.to.address);
    if (target) network.handTo(datagram, target, sentAt);
    else network.lose(datagram, `${name}: no such host inside`);
  };
  const follow = (
    before: Datagram,
    verdict: NatVerdict,
    next: (datagram: Datagram) => void,
  ): void => {
    if (verdict.kind === 'lost') {
      network.lose(before, `${name}: ${verdict.reason}`);
      return;
    }
    network.translated(name, before, verdict.datagram, verdict.isNewMapping);
    next(verdict.datagram);
  };
  const place: Place = {
    name,
    middleboxes,
    isPresent: () => true,
    accept: (datagram, sentAt) =>
      follow(datagram, box.inward(datagram, network.now()), (passed) => handInside(passed, sentAt)),
  };
  const gateway: Gateway = {
    leave(datagram, sentAt) {
      const isHairpin = hasAddress(box.addresses, datagram.to.address);
      if (isHairpin && !settings.hairpinning) {
        network.lose(datagram, `${name}: no hairpinning`);
        return;
      }
      follow(datagram, box.outward(datagram, network.now()), (passed) => {
        // RFC 4787 §6 (REQ-9a): what turns round here shows its external source, as if it came from outside.
        if (isHairpin) place.accept(passed, sentAt);
        else network.send(passed, place, outside, sentAt);
      });
    },
  };
  const inside = new NetworkSegment(name, gateway);
  outside.claim(place, addresses);
  return {
    name,
    inside,
    get addresses(): readonly IpAddress[] {
      return box.addresses;
    },
    get counters(): Readonly<NatCounters> {
      return box.counters;
    },
    mappings: () => box.mappings(network.now()),
    reboot(next) {
      const before = box.counters.rebooted;
      if (next) {
        const old = box.addresses;
        outside.release(place, old);
        outside.claim(place, next);
      }
      box.reboot(network.now(), next);
      network.note(name, `reboots and forgets ${box.counters.rebooted - before} mappings`);
    },
  };
}
