import { addMs, type Clock, type Instant, msBetween } from '@ipsec-kit/clock';
import type { Endpoint } from '@ipsec-kit/ip';
import { type Nat, type NatNetwork, type NatOptions, placeNat } from '../nat/nat-place.ts';
import type { Datagram } from './datagram.ts';
import { type DatagramHook, Fault } from './fault.ts';
import type { Direction, Middlebox, Passage } from './middlebox.ts';
import { NetworkSegment, type Place } from './network-segment.ts';
import { NetworkTrace, type TraceEntry } from './network-trace.ts';
import type {
  Attachment,
  AttachmentCounters,
  AttachOptions,
  NetworkCounters,
  VirtualNetworkOptions,
} from './virtual-network-contract.ts';

const DEFAULT_TRACE_ENTRIES = 4096;
const TRACE_BYTES = 16 << 20;
/** Datagrams under way at once: beyond it a simulation feeds on itself. */
const MAX_IN_FLIGHT = 65_536;
/** Largest payload of UDP over IPv4: 65535 less both headers. @see RFC 768 */
const MAX_DATAGRAM_BYTES = 65_507;

/** A network of UDP hosts in virtual time: a core, and behind NATs further segments. A datagram passes the hook of the test,
 * then the sender's middleboxes from the inside out, the NATs on its way, and those of the receiver from the outside in;
 * whatever is random lies in the seeds of the boxes.
 */
export class VirtualNetwork {
  readonly #clock: Clock;
  readonly #trace: NetworkTrace;
  /** Where hosts are unless they are behind a NAT. */
  readonly core: NetworkSegment = new NetworkSegment('core');
  readonly #names = new Set<string>();
  readonly #counters: NetworkCounters = {
    sent: 0,
    delivered: 0,
    lost: 0,
    duplicated: 0,
    inFlight: 0,
  };
  #hook: DatagramHook | undefined;

  constructor({ clock, traceEntries = DEFAULT_TRACE_ENTRIES }: VirtualNetworkOptions) {
    this.#clock = clock;
    this.#trace = new NetworkTrace(traceEntries, TRACE_BYTES);
  }

  /** Puts a host into the network. @throws Error when its name or one of its addresses is taken. */
  attach(options: AttachOptions): Attachment {
    const { name, addresses, middleboxes = [], segment = this.core } = options;
    this.#requireFree(name);
    const counters = { sentDatagrams: 0, sentBytes: 0, receivedDatagrams: 0, receivedBytes: 0 };
    let isPresent = true;
    const place: Place = {
      name,
      middleboxes,
      isPresent: () => isPresent,
      accept: (datagram, sentAt) => this.#deliver(datagram, options, counters, sentAt),
    };
    segment.claim(place, addresses);
    this.#names.add(name);
    return {
      name,
      addresses,
      counters,
      send: (from, to, data) => {
        const datagram = this.#begin(from, to, data);
        counters.sentDatagrams += 1;
        counters.sentBytes += data.length;
        this.#send(datagram, place, segment);
      },
      detach: () => {
        if (!isPresent) return;
        isPresent = false;
        this.#names.delete(name);
        segment.release(place, addresses);
      },
    };
  }

  /** Puts a NAT into the network; hosts are behind it when they are attached to its `inside`.
   * @throws Error when its name or one of its addresses is taken; RangeError on settings that make no sense.
   */
  addNat(options: NatOptions): Nat {
    this.#requireFree(options.name);
    const network: NatNetwork = {
      now: () => this.#clock.now(),
      send: (datagram, place, segment, sentAt) =>
        this.#goOutward(datagram, place, segment, 0, sentAt),
      handTo: (datagram, place, sentAt) => this.#handTo(datagram, place, sentAt),
      lose: (datagram, where) => this.#lose(datagram, where),
      translated: (where, { index }, { from, to }, isNewMapping) =>
        this.#trace.add({
          kind: 'translated',
          at: this.#clock.now(),
          index,
          where,
          from,
          to,
          isNewMapping,
        }),
      note: (who, what) => this.note(who, what),
    };
    const nat = placeNat(options, options.segment ?? this.core, network);
    this.#names.add(options.name);
    return nat;
  }

  /** Adds a line to the trace that is about no datagram: a host that moves, sleeps or wakes, a NAT that reboots. */
  note(who: string, what: string): void {
    this.#trace.add({ kind: 'noted', at: this.#clock.now(), who, what });
  }

  /** Sets what decides on every datagram that is sent from now on, in place of the one before; `undefined` for none. */
  onDatagram(hook: DatagramHook | undefined): void {
    this.#hook = hook;
  }

  /** What has happened so far: the last entries, oldest first; a copy. */
  get trace(): readonly TraceEntry[] {
    return this.#trace.entries();
  }

  /** How many entries of the trace are gone because it is bounded. */
  get forgottenEntries(): number {
    return this.#trace.forgotten;
  }

  get counters(): Readonly<NetworkCounters> {
    return { ...this.#counters };
  }

  #requireFree(name: string): void {
    if (this.#names.has(name)) throw new Error(`"name" expected a free one, got ${name}`);
  }

  #begin(from: Endpoint, to: Endpoint, data: Uint8Array): Datagram {
    if (data.length > MAX_DATAGRAM_BYTES) {
      throw new RangeError(
        `"data" expected at most ${MAX_DATAGRAM_BYTES} bytes, got ${data.length}`,
      );
    }
    const datagram: Datagram = { index: this.#counters.sent, from, to, data: data.slice() };
    this.#counters.sent += 1;
    return datagram;
  }

  #send(datagram: Datagram, place: Place, segment: NetworkSegment): void {
    const sentAt = this.#clock.now();
    this.#trace.add({ kind: 'sent', at: sentAt, datagram });
    const fault = new Fault(datagram);
    this.#hook?.(datagram, fault);
    this.#leave('test', datagram, fault.passages(), (passed) =>
      this.#goOutward(passed, place, segment, 0, sentAt),
    );
  }

  #goOutward(
    datagram: Datagram,
    place: Place,
    segment: NetworkSegment,
    step: number,
    sentAt: Instant,
  ): void {
    const box = place.middleboxes[step];
    if (box) {
      this.#pass(box, 'outward', datagram, (passed) =>
        this.#goOutward(passed, place, segment, step + 1, sentAt),
      );
      return;
    }
    const target = segment.placeOf(datagram.to.address);
    if (target) this.#handTo(datagram, target, sentAt);
    else if (segment.gateway) segment.gateway.leave(datagram, sentAt);
    else this.#lose(datagram, 'no such host');
  }

  #handTo(datagram: Datagram, place: Place, sentAt: Instant): void {
    this.#goInward(datagram, place, place.middleboxes.length - 1, sentAt);
  }

  #goInward(datagram: Datagram, place: Place, step: number, sentAt: Instant): void {
    const box = place.middleboxes[step];
    if (box) {
      this.#pass(box, 'inward', datagram, (passed) =>
        this.#goInward(passed, place, step - 1, sentAt),
      );
      return;
    }
    if (place.isPresent()) place.accept(datagram, sentAt);
    else this.#lose(datagram, 'host is gone');
  }

  #pass(
    box: Middlebox,
    direction: Direction,
    datagram: Datagram,
    next: (datagram: Datagram) => void,
  ): void {
    this.#leave(box.name, datagram, box.pass(datagram, direction, this.#clock.now()), next);
  }

  #leave(
    where: string,
    original: Datagram,
    passages: readonly Passage[],
    next: (datagram: Datagram) => void,
  ): void {
    if (passages.length === 0) this.#lose(original, where);
    if (passages.length > 1) {
      const { index } = original;
      const copies = passages.length - 1;
      this.#counters.duplicated += copies;
      this.#trace.add({ kind: 'duplicated', at: this.#clock.now(), index, where, copies });
    }
    for (const { datagram, delayMs } of passages) {
      if (delayMs === 0) next(datagram);
      else this.#later(datagram, delayMs, next);
    }
  }

  #later(datagram: Datagram, delayMs: number, next: (datagram: Datagram) => void): void {
    if (this.#counters.inFlight >= MAX_IN_FLIGHT) {
      this.#lose(datagram, 'too many in flight');
      return;
    }
    this.#counters.inFlight += 1;
    this.#clock.wakeAt(addMs(this.#clock.now(), delayMs), () => {
      this.#counters.inFlight -= 1;
      next(datagram);
    });
  }

  #deliver(
    datagram: Datagram,
    { name, receive }: AttachOptions,
    counters: AttachmentCounters,
    sentAt: Instant,
  ): void {
    const at = this.#clock.now();
    const { index, data } = datagram;
    this.#counters.delivered += 1;
    counters.receivedDatagrams += 1;
    counters.receivedBytes += data.length;
    const afterMs = msBetween(sentAt, at);
    this.#trace.add({ kind: 'delivered', at, index, host: name, afterMs });
    // A copy of a duplicated datagram must not see what the receiver of the other did to it in place.
    receive({ ...datagram, data: data.slice() });
  }

  #lose({ index }: Datagram, where: string): void {
    this.#counters.lost += 1;
    this.#trace.add({ kind: 'lost', at: this.#clock.now(), index, where });
  }
}
