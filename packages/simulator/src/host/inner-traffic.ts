import { addMs, type Clock, type Instant } from '@ipsec-kit/clock';
import { answerIcmpEcho, type Path } from '@ipsec-kit/ip';
import type { TimelessInput } from './endpoint-driver.ts';
import { factInput } from './fact-input.ts';
import type { HostObserver } from './host-observer.ts';
import { InnerInbox, type ReceivedPacket } from './inner-inbox.ts';
import type { PacketPath, SealResult } from './packet-path.ts';

/** Silence after which the next ESP packet out is told to the IKE endpoint at once. */
const SILENCE_MS = 1_000;

/** What {@link InnerTraffic} works with. */
export interface InnerTrafficOptions {
  readonly packets: PacketPath;
  readonly clock: Pick<Clock, 'now' | 'wakeAt'>;
  /** How long what the packet engine has seen is on its way to the IKE endpoint; 0 is the same turn. */
  readonly reportDelayMs: number;
  readonly observer: HostObserver;
  /** Puts an ESP packet on the network. */
  readonly send: (path: Path, data: Uint8Array) => void;
  /** Tells the IKE endpoint what the packet engine has seen. */
  readonly feed: (...inputs: readonly TimelessInput[]) => void;
  /** The first packet of all has left, or the first after a silence. */
  readonly onSpeaksAgain: () => void;
}

/** The inner packets of a simulated host: through the packet engine onto the network, and from there to whoever is pinged. */
export class InnerTraffic {
  readonly #options: InnerTrafficOptions;
  readonly #inbox = new InnerInbox();
  #lastOutAt: Instant | undefined;

  constructor(options: InnerTrafficOptions) {
    this.#options = options;
  }

  /** Inner packets that came, oldest first; only the last are kept. */
  get received(): readonly ReceivedPacket[] {
    return this.#inbox.received;
  }

  /** When the reply with this sequence number came, or `undefined`. */
  echoReplyAt(sequence: number): Instant | undefined {
    return this.#inbox.echoReplyAt(sequence);
  }

  /** @returns false when the packet engine dropped it. */
  send(packet: Uint8Array): boolean {
    return this.sendSealed(this.#options.packets.seal(packet));
  }

  /** @returns false when nothing left. */
  sendSealed({ sealed, toSender }: SealResult): boolean {
    const { clock, observer, send } = this.#options;
    for (const data of toSender) this.#inbox.add(clock.now(), data);
    for (const { path, data } of sealed) {
      observer.espSent?.(data);
      send(path, data);
    }
    if (sealed.length > 0) this.#noteOutbound();
    this.#noteFacts();
    return sealed.length > 0;
  }

  /** An ESP packet has come. */
  receive(path: Path, data: Uint8Array): void {
    const { observer, packets } = this.#options;
    observer.espArrived?.(data);
    const inner = packets.open(data, path);
    this.#noteFacts();
    if (inner) this.#deliver(inner);
  }

  /** What a new Child SA makes possible: first what came for it, then what waits to be sent. */
  release(): void {
    const { packets } = this.#options;
    for (const inner of packets.openReleased()) this.#deliver(inner);
    this.sendSealed(packets.sealHeld());
  }

  /** The first packet out of all, and after a silence, is told at once: what counts silence would learn of it only at its next deadline. */
  #noteOutbound(): void {
    const now = this.#options.clock.now();
    const isNews = this.#lastOutAt === undefined || now >= addMs(this.#lastOutAt, SILENCE_MS);
    this.#lastOutAt = now;
    if (isNews) this.#options.onSpeaksAgain();
  }

  #deliver(inner: Uint8Array): void {
    const { clock, observer } = this.#options;
    this.#inbox.add(clock.now(), inner);
    observer.opened?.(inner);
    const reply = answerIcmpEcho(inner);
    if (reply) this.send(reply);
  }

  #noteFacts(): void {
    const { packets, feed, clock, reportDelayMs } = this.#options;
    const inputs = packets.drainFacts().flatMap((fact) => factInput(fact) ?? []);
    if (inputs.length === 0) return;
    const tell = (): void => feed(...inputs.filter(({ childId }) => packets.children.has(childId)));
    if (reportDelayMs === 0) tell();
    else clock.wakeAt(addMs(clock.now(), reportDelayMs), tell);
  }
}
