import type { Timeless, WakeClass } from '@ipsec-kit/clock';
import type { PathFact } from '@ipsec-kit/datapath';
import type { Answer, EndpointInput, EndpointOutput, Request } from '@ipsec-kit/ikev2';
import type { Endpoint } from '@ipsec-kit/ip';
import type { Driver, DriverOptions } from './driver-contract.ts';
import { createTrafficSampler } from './traffic-sampler.ts';
import { messageOf } from './vpn-error.ts';

type TimelessInput = Timeless<EndpointInput>;

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
