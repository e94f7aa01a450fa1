import type { Clock, Timeless } from '@ipsec-kit/clock';
import type { PacketPath, PathFact, TooBigFact } from '@ipsec-kit/datapath';
import type { SessionEvent } from '@ipsec-kit/ikev2';
import { addressesEqual, type IpAddress } from '@ipsec-kit/ip';
import {
  createPathMtu,
  type PathMtu,
  type PathMtuInput,
  type PathMtuOutput,
  type PathMtuReason,
} from '@ipsec-kit/ipsec';
import type { Scheduler } from '@ipsec-kit/scheduler';
import type { ChildInstaller } from './child-installer.ts';
import { DEFAULT_OUTER_MTU } from './default-mtu.ts';
import type { VpnEvent } from './events.ts';
import {
  countOutbound,
  FIRST_PAUSE_MS,
  MOST_EARLY,
  newDiscovery,
  type PathMtuDiscovery,
  pathMtuTimer,
} from './path-mtu-discovery.ts';
import { createPathMtuGreeter, type PathMtuGreeter } from './path-mtu-greeter.ts';
import { createPathMtuProbes, type PathMtuProbes } from './path-mtu-probes.ts';
import { type ProbeEnds, probeEnds } from './probe-ends.ts';

/** How often the size in use is tried again while the path is used: as long as a black hole goes unnoticed, and a probe is one packet. */
const CONFIRM_MS = 10_000;
/** Hosts that are remembered for having sent something. */
const MOST_SEEN = 4;

/** Finds for each session what its path carries, and has packets fit: those inside, and IKE messages.
 *
 * While nothing is known, TCP is kept to what nearly every path carries and the rest is let through: a tunnel must not hang because
 * of a black hole, nor carry less because of a firewall, or of a load that the answers are lost in. What is found holds for all: what
 * comes through, or that something is too large.
 * @see RFC 8899, RFC 2923 (black holes)
 */
export interface PathMtuKeeper {
  /** To be told of every event. */
  note(event: SessionEvent): void;
  /** What the packet path noticed. */
  noteFacts(facts: readonly PathFact[]): void;
  /** The largest outer packet that is known to come through to the peer of a session; `undefined` while nothing is known. */
  bytesOf(sessionId: number): number | undefined;
  /** Probes nothing any more. */
  stop(): void;
}

export interface PathMtuKeeperOptions {
  /** Whether anything is probed. */
  readonly isOn: boolean;
  readonly clock: Pick<Clock, 'now'>;
  readonly scheduler: Pick<Scheduler, 'schedule' | 'cancel'>;
  readonly packets: Pick<PacketPath, 'sendProbe' | 'askForSource' | 'pairCounters'>;
  readonly installer: Pick<ChildInstaller, 'children' | 'changeOuterMtu' | 'probeBytes'>;
  readonly hostAddresses: () => readonly IpAddress[];
  /** 16 bits, which nobody else on this host uses for echoes through the tunnel. */
  readonly identifier: number;
  /** IKE messages of a session are to fit into packets of this size. */
  readonly onBytes: (sessionId: number, bytes: number) => void;
  readonly onEvent: (event: VpnEvent) => void;
}

/** Makes a keeper without sessions. */
export function createPathMtuKeeper(options: PathMtuKeeperOptions): PathMtuKeeper {
  return new ProbingKeeper(options);
}

class ProbingKeeper implements PathMtuKeeper {
  readonly #options: PathMtuKeeperOptions;
  readonly #discoveries = new Map<number, PathMtuDiscovery>();
  readonly #byChild = new Map<number, PathMtuDiscovery>();
  readonly #probes: PathMtuProbes;
  readonly #greeter: PathMtuGreeter;
  #isStopped = false;

  constructor(options: PathMtuKeeperOptions) {
    this.#options = options;
    this.#isStopped = !options.isOn;
    this.#probes = createPathMtuProbes(options);
    this.#greeter = createPathMtuGreeter(options, this.#probes);
  }

  bytesOf(sessionId: number): number | undefined {
    return this.#discoveries.get(sessionId)?.usedBytes;
  }

  note(event: SessionEvent): void {
    if (this.#isStopped) return;
    switch (event.kind) {
      case 'child-opened':
        this.#addChild(event.sessionId, event.childId);
        return;
      case 'child-rekeyed':
        this.#addChild(event.sessionId, event.newChildId);
        this.#removeChild(event.sessionId, event.oldChildId);
        return;
      case 'child-closed':
        this.#removeChild(event.sessionId, event.childId);
        return;
      case 'session-closed':
      case 'session-interrupted':
        this.#end(event.sessionId);
        return;
      case 'session-reauthenticated': {
        const bytes = this.#discoveries.get(event.sessionId)?.machine?.bytes;
        if (bytes !== undefined) this.#options.onBytes(event.sessionId, bytes);
        return;
      }
      case 'peer-path-changed':
      case 'addresses-updated':
      case 'path-found':
        this.#restart(event.sessionId);
        return;
      default:
        return;
    }
  }

  noteFacts(facts: readonly PathFact[]): void {
    if (this.#isStopped) return;
    for (const fact of facts) {
      if (fact.kind === 'probe-answered') this.#onAnswer(fact.pairId, fact.sequence);
      else if (fact.kind === 'inbound-source') this.#onSource(fact.pairId, fact.source);
      else if (fact.kind === 'too-big-outside') this.#onTooBig(fact);
      else if (fact.kind === 'outbound-resumed') this.#onUse(fact.pairId);
    }
  }

  /** A path that was idle is used: it is not looked at without need. */
  #onUse(pairId: number): void {
    const discovery = this.#byChild.get(pairId);
    if (discovery?.machine) this.#feedTraffic(discovery, discovery.machine);
  }

  /** While nobody answers probes nothing can be proven: then the system fragments what is too big, as it does for others. */
  #onTooBig({ pairId, mtu, by }: TooBigFact): void {
    const discovery = this.#byChild.get(pairId);
    const machine = discovery?.machine;
    if (!discovery || !machine) return;
    if (by === 'router') this.#feed(discovery, machine, { kind: 'too-big', mtu });
    else
      this.#feed(discovery, machine, { kind: 'link', linkMtu: Math.min(mtu, DEFAULT_OUTER_MTU) });
  }

  stop(): void {
    this.#isStopped = true;
    for (const sessionId of this.#discoveries.keys()) this.#cancel(sessionId);
  }

  #addChild(sessionId: number, childId: number): void {
    const child = this.#options.installer.children.get(childId);
    // Transport mode pads nothing, and a peer that takes no padding cannot be asked with large packets.
    if (!child?.takesProbes) return;
    const known = this.#discoveries.get(sessionId);
    const discovery = known ?? newDiscovery(sessionId);
    discovery.childIds.push(childId);
    this.#byChild.set(childId, discovery);
    if (known) return;
    this.#discoveries.set(sessionId, discovery);
    this.#greeter.greet(discovery);
  }

  #removeChild(sessionId: number, childId: number): void {
    const discovery = this.#byChild.get(childId);
    this.#byChild.delete(childId);
    if (!discovery) return;
    discovery.counted.delete(childId);
    const place = discovery.childIds.indexOf(childId);
    if (place >= 0) discovery.childIds.splice(place, 1);
    if (discovery.childIds.length === 0) this.#end(sessionId);
  }

  #end(sessionId: number): void {
    const discovery = this.#discoveries.get(sessionId);
    for (const childId of discovery?.childIds ?? []) this.#byChild.delete(childId);
    this.#discoveries.delete(sessionId);
    this.#cancel(sessionId);
  }

  /** Another path: nothing is known of it, but who answers. */
  #restart(sessionId: number): void {
    const discovery = this.#discoveries.get(sessionId);
    if (!discovery) return;
    discovery.machine = undefined;
    discovery.pauseMs = FIRST_PAUSE_MS;
    discovery.earlyLeft = MOST_EARLY;
    discovery.greetings.clear();
    if (discovery.ends) this.#begin(discovery, discovery.ends);
    else this.#greeter.greet(discovery);
  }

  #onSource(pairId: number, source: IpAddress): void {
    const discovery = this.#byChild.get(pairId);
    if (!discovery) return;
    const others = discovery.seen.filter((one) => !addressesEqual(one, source));
    const isNew = others.length === discovery.seen.length;
    discovery.seen = [source, ...others].slice(0, MOST_SEEN);
    if (!discovery.ends) {
      // Whoever is asked has its time to answer, however many packets come meanwhile.
      if (isNew) this.#greeter.greetNext(discovery);
      return;
    }
    const child = this.#probes.childOf(discovery);
    const hosts = this.#options.hostAddresses();
    discovery.ends = (child && probeEnds(child.child, [source], hosts)[0]) ?? discovery.ends;
  }

  #onAnswer(pairId: number, sequence: number): void {
    const discovery = this.#byChild.get(pairId);
    if (!discovery) return;
    const { greetings, machine } = discovery;
    const greeted = greetings.get(sequence);
    if (greeted) this.#begin(discovery, greeted);
    else if (machine) this.#feed(discovery, machine, { kind: 'answered', probeId: sequence });
  }

  /** Somebody answers: from now on it can be known what comes through. */
  #begin(discovery: PathMtuDiscovery, ends: ProbeEnds): void {
    const child = this.#probes.childOf(discovery);
    if (!child) return;
    discovery.ends = ends;
    discovery.greetings.clear();
    discovery.asked = 0;
    discovery.pauseMs = FIRST_PAUSE_MS;
    const { version } = child.child.path.remote.address;
    const machine = createPathMtu({ outerVersion: version, confirmMs: CONFIRM_MS });
    discovery.machine = machine;
    this.#feed(discovery, machine, { kind: 'path', linkMtu: DEFAULT_OUTER_MTU });
  }

  #feed(discovery: PathMtuDiscovery, machine: PathMtu, input: Timeless<PathMtuInput>): void {
    const { clock } = this.#options;
    const outputs = machine.handle({ ...input, now: clock.now() });
    for (const output of outputs) this.#perform(discovery, output);
    this.#awaitDeadline(discovery, machine);
  }

  #awaitDeadline(discovery: PathMtuDiscovery, machine: PathMtu): void {
    const deadline = machine.nextDeadline();
    if (!deadline || this.#discoveries.get(discovery.sessionId) !== discovery) return;
    this.#options.scheduler.schedule(pathMtuTimer(discovery.sessionId), deadline, () => {
      this.#feedTraffic(discovery, machine);
      this.#feed(discovery, machine, { kind: 'timeout' });
    });
  }

  #feedTraffic(discovery: PathMtuDiscovery, machine: PathMtu): void {
    const outPackets = countOutbound(discovery, this.#options.packets);
    this.#feed(discovery, machine, { kind: 'traffic', outPackets });
  }

  #perform(discovery: PathMtuDiscovery, output: PathMtuOutput): void {
    if (output.kind === 'path-mtu') this.#use(discovery, output.bytes, output.reason);
    else if (output.kind === 'silent') this.#askForAnother(discovery);
    else if (discovery.ends) {
      this.#probes.send(discovery, discovery.ends, output.probeId, output.bytes);
    }
  }

  #use(discovery: PathMtuDiscovery, bytes: number, reason: PathMtuReason): void {
    const { installer, onBytes, onEvent } = this.#options;
    const { sessionId } = discovery;
    onBytes(sessionId, bytes);
    // Of another path than before packets are known that may be too large for it: those of connections that stand.
    if (reason === 'base' && discovery.usedBytes === undefined) return;
    discovery.usedBytes = bytes;
    installer.changeOuterMtu(sessionId, bytes);
    if (reason === 'found' || reason === 'lost') {
      onEvent({ kind: 'path-mtu-changed', sessionId, bytes, reason });
    }
  }

  /** Whoever answered may be gone: somebody else may answer then. */
  #askForAnother({ childIds }: PathMtuDiscovery): void {
    const last = childIds.at(-1);
    if (last !== undefined) this.#options.packets.askForSource(last);
  }

  #cancel(sessionId: number): void {
    this.#options.scheduler.cancel(pathMtuTimer(sessionId));
  }
}
