import { addMs, type Clock, type Instant } from '@ipsec-kit/clock';
import type { PacketPath } from '@ipsec-kit/datapath';
import type { IpAddress } from '@ipsec-kit/ip';
import { BASE_PATH_MTU } from '@ipsec-kit/ipsec';
import type { Scheduler } from '@ipsec-kit/scheduler';
import { countOutbound, type PathMtuDiscovery, pathMtuTimer } from './path-mtu-discovery.ts';
import type { PathMtuProbes } from './path-mtu-probes.ts';
import { probeEnds } from './probe-ends.ts';

/** How long a host that may not be there is waited for, before the next one is asked. */
const GREETING_MS = 500;
/** Longest pause when none has answered. */
const MOST_PAUSE_MS = 300_000;
/** How many greetings may still be answered: under load an answer comes late. */
const MOST_GREETINGS = 16;

/** What a greeter works with. */
export interface PathMtuGreeterOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly scheduler: Pick<Scheduler, 'schedule'>;
  readonly packets: Pick<PacketPath, 'askForSource' | 'pairCounters'>;
  readonly hostAddresses: () => readonly IpAddress[];
}

/** Looks for a host behind a tunnel that answers echoes. */
export interface PathMtuGreeter {
  /** Asks the next host that may be there, with a packet of the size that nearly every path carries. */
  greet(discovery: PathMtuDiscovery): void;
  /** Asks whoever was seen last as soon as whoever is asked now has had its time, or at once. Of hosts without end most wait for
   * the end of the pause.
   */
  greetNext(discovery: PathMtuDiscovery): void;
}

/** Makes a greeter; who answers is told to whoever hears of answers. */
export function createPathMtuGreeter(
  options: PathMtuGreeterOptions,
  probes: PathMtuProbes,
): PathMtuGreeter {
  return new Greeter(options, probes);
}

class Greeter implements PathMtuGreeter {
  readonly #options: PathMtuGreeterOptions;
  readonly #probes: PathMtuProbes;
  #sequence = 0;

  constructor(options: PathMtuGreeterOptions, probes: PathMtuProbes) {
    this.#options = options;
    this.#probes = probes;
  }

  greet(discovery: PathMtuDiscovery): void {
    const child = this.#probes.childOf(discovery);
    if (!child) return;
    const { id } = child;
    this.#options.packets.askForSource(id);
    const all = probeEnds(child.child, discovery.seen, this.#options.hostAddresses());
    const ends = all[discovery.asked];
    if (!ends) {
      this.#pause(discovery);
      return;
    }
    discovery.asked += 1;
    const sequence = this.#nextSequence();
    const { greetings } = discovery;
    greetings.set(sequence, ends);
    const [oldest = sequence] = greetings.keys();
    if (greetings.size > MOST_GREETINGS) greetings.delete(oldest);
    this.#probes.send(discovery, ends, sequence, BASE_PATH_MTU);
    this.#wait(discovery, 'path-mtu-greeting', GREETING_MS, () => this.greet(discovery));
  }

  greetNext(discovery: PathMtuDiscovery): void {
    if (discovery.earlyLeft === 0) return;
    discovery.earlyLeft -= 1;
    const isAsking = discovery.asked > 0;
    discovery.asked = 0;
    if (!isAsking) this.greet(discovery);
  }

  /** Nobody has answered. On a path that nobody uses nobody is asked again. */
  #pause(discovery: PathMtuDiscovery): void {
    const { pauseMs } = discovery;
    discovery.asked = 0;
    discovery.packetsAtPause = countOutbound(discovery, this.#options.packets);
    discovery.pauseMs = Math.min(pauseMs * 2, MOST_PAUSE_MS);
    this.#wait(discovery, 'path-mtu-greeting', pauseMs, () => {
      if (countOutbound(discovery, this.#options.packets) > discovery.packetsAtPause)
        this.greet(discovery);
      else this.#pause(discovery);
    });
  }

  #wait(discovery: PathMtuDiscovery, name: string, ms: number, run: () => void): void {
    const { clock, scheduler } = this.#options;
    const at: Instant = addMs(clock.now(), ms);
    const deadline = { name, at, toleranceMs: ms / 10, wake: 'process' } as const;
    scheduler.schedule(pathMtuTimer(discovery.sessionId), deadline, run);
  }

  /** Numbers of greetings lie above those that a discovery begins with; both begin anew long before they meet. */
  #nextSequence(): number {
    this.#sequence = (this.#sequence % 0x7fff) + 1;
    return 0x8000 + this.#sequence;
  }
}
