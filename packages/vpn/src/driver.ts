import { addMs, type Clock, type Instant, type Machine, type WakeClass } from '@ipsec-kit/clock';
import type { PairActivity, PathFact } from '@ipsec-kit/datapath';
import type {
  AddressPools,
  Answer,
  ChildTraffic,
  Command,
  EndpointDeadline,
  EndpointInput,
  EndpointOutput,
  Request,
  RequestHandler,
  SessionEvent,
} from '@ipsec-kit/ikev2';
import type { Endpoint, Path } from '@ipsec-kit/ip';
import type { SaPairCounters } from '@ipsec-kit/ipsec';
import type { Scheduler } from '@ipsec-kit/scheduler';
import type { ChildInstaller } from './child-installer.ts';
import type { HostNews } from './host-follower.ts';
import { messageOf } from './vpn-error.ts';

/** The IKE machine, as the driver sees it. */
export interface EndpointMachine extends Machine<EndpointInput, EndpointOutput> {
  nextDeadline(wake?: WakeClass): EndpointDeadline | undefined;
}

/** How IKE messages leave, and what is known of the traffic of Child SAs. */
export interface ControlPath {
  sendIke(message: Uint8Array, path: Path, marker: boolean): void;
  sendKeepalive(path: Path): void;
  /** Sends an ESP packet that holds nothing; nothing when the pair is gone. @see RFC 4303 §2.6 */
  sendEspKeepalive(pairId: number): void;
  pairCounters(pairId: number): SaPairCounters | undefined;
  pairActivity(pairId: number): PairActivity | undefined;
  /** Opens a port of its own towards a peer. @returns nothing when none is to be had. Absent: none ever is. */
  openScratchPort?(remote: Endpoint): Promise<Endpoint | undefined>;
  closeScratchPort?(local: Endpoint): void;
}

export interface DriverOptions {
  readonly endpoint: EndpointMachine;
  readonly clock: Pick<Clock, 'now'>;
  /** Carries the deadlines of the endpoint under the keys `ike-device` and `ike-process`. */
  readonly scheduler: Pick<Scheduler, 'schedule' | 'cancel'>;
  readonly control: ControlPath;
  readonly installer: ChildInstaller;
  /** Does the slow and foreign work: keys, secrets, leases. */
  readonly requests: RequestHandler;
  /** Takes back what `requests` leased. */
  readonly pools: Pick<AddressPools, 'release'>;
  /** Lets go of an EAP conversation that goes on no more. */
  readonly endEap?: (conversation: bigint) => void;
  readonly onEvent: (event: SessionEvent) => void;
}

/** Runs the IKE machine: hands it datagrams, time and answers, and performs what it puts out. */
export interface Driver {
  /** A datagram from the IKE header on, in memory that is not reused. */
  receive(message: Uint8Array, path: Path, marker: boolean): void;
  /** The host slept, or its network changed. */
  tell(news: HostNews): void;
  /** What the packet path noticed. */
  noteFacts(facts: readonly PathFact[]): void;
  command(command: Command): void;
  /** Performs what the machine put out when it was asked for something beside its inputs. */
  perform(outputs: readonly EndpointOutput[]): void;
  /** Takes back the timer; whatever comes afterwards is ignored. */
  stop(): void;
}

type TimelessInput = EndpointInput extends infer Input
  ? Input extends EndpointInput
    ? Omit<Input, 'now'>
    : never
  : never;

const WAKE_CLASSES = ['device', 'process'] as const;

/** One that does not wake the device must not hide a later one that does, so each class is scheduled by itself. */
function deadlineKey(wake: WakeClass): string {
  return `ike-${wake}`;
}

/** Makes the driver of one endpoint. It opens nothing: the caller connects {@link Driver.receive} to the sockets
 * and {@link Driver.noteFacts} to the packet path.
 *
 * One list of outputs is performed strictly in its order; at a blocking request the rest of the list waits for
 * the answer. Lists of other inputs go on meanwhile, so that one peer's slow installation holds up nobody else.
 */
export function createDriver(options: DriverOptions): Driver {
  const { endpoint, clock, scheduler, control, installer, requests, pools, endEap, onEvent } =
    options;
  const waiting: TimelessInput[] = [];
  const sampleTraffic = createTrafficSampler(installer, control, clock);
  let isRunning = false;
  let isStopped = false;

  /** Inputs that come while outputs are performed are handled after them, never in between. */
  function feed(...inputs: readonly TimelessInput[]): void {
    run(() => waiting.push(...inputs));
  }

  function run(first: () => void): void {
    if (isStopped) return;
    if (isRunning) {
      first();
      return;
    }
    isRunning = true;
    try {
      first();
      for (let input = waiting.shift(); input && !isStopped; input = waiting.shift()) {
        perform(endpoint.handle({ ...input, now: clock.now() }), 0);
      }
    } finally {
      isRunning = false;
    }
    if (!isStopped) awaitDeadline();
  }

  function awaitDeadline(): void {
    for (const wake of WAKE_CLASSES) {
      const deadline = endpoint.nextDeadline(wake);
      if (deadline) scheduler.schedule(deadlineKey(wake), deadline, onDeadline);
      else scheduler.cancel(deadlineKey(wake));
    }
  }

  function onDeadline(): void {
    feed({ kind: 'traffic', children: sampleTraffic() }, { kind: 'timeout' });
  }

  function perform(outputs: readonly EndpointOutput[], from: number): void {
    for (let index = from; index < outputs.length; index += 1) {
      const output = outputs[index];
      if (!output || isStopped) return;
      if (output.kind !== 'request') {
        performOne(output);
        continue;
      }
      const { requestId, blocking } = output;
      const answer = answerTo(output.request);
      if (!(answer instanceof Promise)) {
        waiting.push({ kind: 'answer', requestId, answer });
        continue;
      }
      answer.then((late) =>
        run(() => {
          waiting.push({ kind: 'answer', requestId, answer: late });
          if (blocking) perform(outputs, index + 1);
        }),
      );
      if (blocking) return;
    }
  }

  function answerTo(request: Request): Answer | Promise<Answer> {
    try {
      const answer = performRequest(request);
      return answer instanceof Promise ? answer.catch(failedAnswer) : answer;
    } catch (error) {
      return failedAnswer(error);
    }
  }

  function performRequest(request: Request): Answer | Promise<Answer> {
    switch (request.kind) {
      case 'install-child':
        return installer.install(request.child);
      case 'open-scratch-port':
        return openScratchPort(request.remote);
      default:
        return requests(request);
    }
  }

  async function openScratchPort(remote: Endpoint): Promise<Answer> {
    return { kind: 'open-scratch-port', local: await control.openScratchPort?.(remote) };
  }

  function performOne(output: Exclude<EndpointOutput, { kind: 'request' }>): void {
    switch (output.kind) {
      case 'send':
        control.sendIke(output.data, output.path, output.marker);
        break;
      case 'send-keepalive':
        control.sendKeepalive(output.path);
        break;
      case 'send-esp-keepalive':
        control.sendEspKeepalive(output.childId);
        break;
      case 'close-scratch-port':
        control.closeScratchPort?.(output.local);
        break;
      case 'remove-child':
        installer.remove(output.childId);
        break;
      case 'move-child':
        installer.move(output.childId, output.path);
        break;
      case 'activate-child':
        installer.activate(output.childId);
        break;
      case 'deactivate-child':
        installer.deactivate(output.childId);
        break;
      case 'reserve-spi':
        installer.reserve(output.spi);
        break;
      case 'release-spi':
        installer.release(output.spi);
        break;
      case 'release-lease':
        pools.release(output.lease);
        break;
      case 'end-eap':
        endEap?.(output.conversation);
        break;
      case 'event':
        onEvent(output.event);
        break;
      default:
        unreachable(output);
    }
  }

  function noteFact(fact: PathFact): void {
    if (fact.kind === 'keepalive-received' || fact.kind === 'send-failed') {
      feed(fact);
      return;
    }
    if (!('pairId' in fact) || !installer.children.has(fact.pairId)) return;
    const childId = fact.pairId;
    switch (fact.kind) {
      case 'soft-limit':
        feed({ kind: 'child-limit', childId, limit: 'soft' });
        break;
      case 'hard-limit':
        // An SA stops before its sequence number wraps. @see RFC 4303 §3.3.3
        feed({ kind: 'child-limit', childId, limit: 'hard' });
        break;
      case 'peer-moved':
        feed({ kind: 'peer-moved', childId, path: fact.path, bytes: fact.bytes });
        break;
      case 'probe-answered':
      case 'inbound-source':
      case 'too-big-outside':
        // Told to whoever probes the path.
        break;
      case 'first-inbound':
        feed({ kind: 'child-first-inbound', childId });
        break;
      case 'outbound-resumed':
        feed({ kind: 'traffic', children: sampleTraffic([childId]) });
        break;
      default:
        unreachable(fact);
    }
  }

  return {
    tell(news) {
      // A sleep first, so that what the packet path has sent since does not hide it; nothing else needs what it saw.
      if (news.kind === 'slept') feed(news, { kind: 'traffic', children: sampleTraffic() });
      else feed(news);
    },
    receive: (data, path, marker) => feed({ kind: 'datagram', path, data, marker }),
    noteFacts(facts) {
      for (const fact of facts) noteFact(fact);
    },
    command: (command) => feed({ kind: 'command', command }),
    perform: (outputs) => run(() => perform(outputs, 0)),
    stop() {
      isStopped = true;
      waiting.length = 0;
      for (const wake of WAKE_CLASSES) scheduler.cancel(deadlineKey(wake));
    },
  };
}

function unreachable(value: never): never {
  throw new Error(`nothing is known of ${JSON.stringify(value)}`);
}

function failedAnswer(error: unknown): Answer {
  return { kind: 'failed', reason: messageOf(error) };
}

/** What Child SAs have carried that carried anything since the last call, and when they last did. */
function createTrafficSampler(
  installer: Pick<ChildInstaller, 'children'>,
  control: Pick<ControlPath, 'pairCounters' | 'pairActivity'>,
  clock: Pick<Clock, 'now'>,
): (childIds?: Iterable<number>) => readonly ChildTraffic[] {
  const told = new Map<number, { readonly inPackets: number; readonly outPackets: number }>();

  function sampleOne(childId: number, now: Instant): ChildTraffic | undefined {
    const counters = control.pairCounters(childId);
    const activity = control.pairActivity(childId);
    if (!counters || !activity) return undefined;
    const { inPackets, outPackets } = counters;
    const before = told.get(childId) ?? { inPackets: 0, outPackets: 0 };
    const hasInbound = inPackets !== before.inPackets;
    const hasOutbound = outPackets !== before.outPackets;
    if (!hasInbound && !hasOutbound) return undefined;
    told.set(childId, { inPackets, outPackets });
    const { lastInboundAgoMs, lastOutboundAgoMs } = activity;
    // Two clocks give the same packet another time at each look: a direction in which nothing came keeps the stamp it has.
    return {
      childId,
      packetsOut: outPackets,
      ...(hasInbound && lastInboundAgoMs !== undefined
        ? { lastInboundAt: addMs(now, -lastInboundAgoMs) }
        : {}),
      ...(hasOutbound && lastOutboundAgoMs !== undefined
        ? { lastOutboundAt: addMs(now, -lastOutboundAgoMs) }
        : {}),
    };
  }

  return (childIds) => {
    const now = clock.now();
    if (!childIds) {
      for (const childId of told.keys()) if (!installer.children.has(childId)) told.delete(childId);
    }
    const sampled = [...(childIds ?? installer.children.keys())];
    return sampled.flatMap((childId) => sampleOne(childId, now) ?? []);
  };
}
