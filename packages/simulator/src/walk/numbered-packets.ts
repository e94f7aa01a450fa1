import { addMs, type Clock, type Instant } from '@ipsec-kit/clock';
import { buildUdpPacket } from '@ipsec-kit/ip';
import type { StandingChild } from '../host/packet-path.ts';
import type { SimulatedHost } from '../host/simulated-host.ts';
import type { HostLedger, LedgerChild, LedgerEnd } from './host-ledger.ts';

/** One end of a flow of numbered packets. */
export interface FlowEnd {
  readonly ledger: HostLedger;
  /** There once the simulation is. */
  host(): Pick<SimulatedHost, 'children' | 'isAsleep' | 'sendInner'>;
}

interface Arrival {
  readonly at: Instant;
  readonly number: number;
  readonly spi: number;
}

/** Numbered packets from one host of a walk to the other, and what became of each: it may get lost on the link, and nowhere
 * else while its Child SA lives at both ends.
 */
export class NumberedPackets {
  readonly #clock: Clock;
  readonly #from: FlowEnd;
  readonly #to: FlowEnd;
  #sent = 0;
  #sealing: number | undefined;
  /** Numbers by the SPI and the sequence number of the ESP packet that carries them. */
  readonly #sealed = new Map<string, number>();
  readonly #arrived = new Map<string, Arrival>();
  readonly #received = new Map<number, number>();

  constructor(clock: Clock, from: FlowEnd, to: FlowEnd) {
    this.#clock = clock;
    this.#from = from;
    this.#to = to;
  }

  /** Sends one packet through the newest Child SA of a name. @returns its number; `undefined` when nothing took it. */
  send(name: string): number | undefined {
    const host = this.#from.host();
    const child = [...host.children.values()].findLast((entry) => entry.name === name);
    const packet = child && this.#packet(child, this.#sent + 1);
    if (!packet || host.isAsleep) return undefined;
    this.#sent += 1;
    this.#sealing = this.#sent;
    const isSealed = host.sendInner(packet);
    this.#sealing = undefined;
    return isSealed ? this.#sent : undefined;
  }

  /** Sends several, one after the other. */
  burst(name: string, packets: number, gapMs: number): void {
    this.send(name);
    if (packets <= 1) return;
    this.#clock.wakeAt(addMs(this.#clock.now(), gapMs), () => {
      this.burst(name, packets - 1, gapMs);
    });
  }

  /** Whether the packet of this number has come. */
  hasCome(number: number): boolean {
    return this.#received.has(number);
  }

  onSealed(esp: Uint8Array): void {
    if (this.#sealing !== undefined) this.#sealed.set(keyOf(esp), this.#sealing);
  }

  onArrived(esp: Uint8Array): void {
    const key = keyOf(esp);
    const number = this.#sealed.get(key);
    if (number === undefined || this.#arrived.has(key)) return;
    this.#arrived.set(key, { at: this.#clock.now(), number, spi: readWord(esp, 0) });
  }

  onOpened(inner: Uint8Array): void {
    const number = readWord(inner, inner.length - 4);
    this.#received.set(number, (this.#received.get(number) ?? 0) + 1);
  }

  /** What got lost or doubled without an excuse, in words. */
  faults(): readonly string[] {
    const { host: from } = this.#from.ledger;
    const found: string[] = [];
    for (const [number, times] of this.#received) {
      if (times > 1) found.push(`packet ${number} of the ${from} came ${times} times`);
    }
    for (const arrival of this.#arrived.values()) {
      if (this.#received.has(arrival.number) || this.#isExcused(arrival)) continue;
      const at = (arrival.at / 1_000).toFixed(3);
      found.push(`packet ${arrival.number} of the ${from} arrived at ${at} s and was dropped`);
    }
    return found;
  }

  /** The receiver's Child SA, or what has replaced it, or its session, had ended for its user when the packet came; or the
   * sender's user has closed it so soon that the receiver's never knew it, as behind a reauthentication. One that is yet to be
   * installed is no excuse, since packets wait for it: see {@link NumberedPackets.#isGivenUp}.
   */
  #isExcused({ at, spi }: Arrival): boolean {
    const { ledger } = this.#to;
    if (this.#isBehindClose(at, spi)) return true;
    const child = ledger.installed.get(spi);
    if (!child || ledger.releases.has(spi)) return this.#isGivenUp(spi);
    if (ledger.ends.some((end) => end.at >= child.at && end.at <= at && isEndOf(end, child))) {
      return true;
    }
    const untoldAt = ledger.untoldRemovals.get(child.childId);
    return untoldAt !== undefined && untoldAt <= at && this.#isClosedBySender(spi);
  }

  /** The receiver has asked for this Child SA and never had it, because the answer was lost for good, or came so late that it was
   * being installed still: its session, or its attempt at one, has ended while it waited; or the sender's user closed it
   * meanwhile. What waited then is lost. The sender may use it as soon as it has answered. @see RFC 7296 §2.8
   */
  #isGivenUp(spi: number): boolean {
    const releasedAt = this.#to.ledger.releases.get(spi);
    if (releasedAt === undefined || !this.#from.ledger.installedOutbound.has(spi)) return false;
    const { ends } = this.#to.ledger;
    if (ends.some(({ at, root }) => root === undefined && at === releasedAt)) return true;
    return this.#isClosedBySender(spi);
  }

  /** Its user knows that it is closed, or that the one is that it was made to replace; or the session has ended since. */
  #isClosedBySender(spi: number): boolean {
    const { ends, installedOutbound } = this.#from.ledger;
    const child = installedOutbound.get(spi);
    if (!child) return false;
    return ends.some(
      (end) => (end.root !== undefined || end.at >= child.at) && isEndOf(end, child),
    );
  }

  /** The sender's user had closed the session before. What is sent until the DELETE is answered has no claim: the peer lets the Child SA
   * go when that comes, or may take the DELETE for the end of a reauthentication whose answer the sender has not had. @see RFC 7296 §1.4.1
   */
  #isBehindClose(at: Instant, spi: number): boolean {
    const { closedAt, installedOutbound } = this.#from.ledger;
    const child = installedOutbound.get(spi);
    return closedAt !== undefined && child !== undefined && child.at < closedAt && closedAt <= at;
  }

  #packet(child: StandingChild, number: number): Uint8Array | undefined {
    const [local] = child.localSelectors;
    const [remote] = child.remoteSelectors;
    if (!local || !remote) return undefined;
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint32(0, number);
    return buildUdpPacket(
      {
        local: { address: local.start, port: 7 },
        remote: { address: remote.start, port: 7 },
      },
      payload,
    );
  }
}

function isEndOf(end: LedgerEnd, { root, sessionId }: LedgerChild): boolean {
  return end.root === undefined ? end.sessionId === sessionId : end.root === root;
}

function keyOf(esp: Uint8Array): string {
  return `${readWord(esp, 0)}/${readWord(esp, 4)}`;
}

function readWord(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset);
}
