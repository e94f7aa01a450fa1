import { addMs, type Clock, type Timeless } from '@ipsec-kit/clock';
import type {
  Answer,
  ChildTraffic,
  EndpointInput,
  EndpointOutput,
  IkeEndpoint,
  Request,
} from '@ipsec-kit/ikev2';
import type { Scheduler } from '@ipsec-kit/scheduler';

/** An input without its time, which the driver adds. */
export type TimelessInput = Timeless<EndpointInput>;

/** An output that wants no answer. */
export type PlainOutput = Exclude<EndpointOutput, { kind: 'request' }>;

export interface EndpointDriverOptions {
  readonly endpoint: IkeEndpoint;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** Does the work of a request at once. */
  answer(request: Request): Answer;
  /** Told when the answer to a request waits for the endpoint: what is fed from here comes after it. */
  answered(request: Request): void;
  /** How long the answer takes on its way back, in milliseconds; 0 is the same turn. */
  answerDelayMs(request: Request): number;
  perform(output: PlainOutput): void;
  sampleTraffic(): readonly ChildTraffic[];
}

/** Runs one IKE endpoint: hands it inputs one after the other, and performs what it puts out strictly in order.
 * At a blocking request whose answer takes time the rest of its list waits, while other inputs go on.
 */
export class EndpointDriver {
  readonly #options: EndpointDriverOptions;
  readonly #waiting: TimelessInput[] = [];
  #isRunning = false;

  constructor(options: EndpointDriverOptions) {
    this.#options = options;
  }

  /** Inputs that come while outputs are performed are handled after them, never in between. */
  feed(...inputs: readonly TimelessInput[]): void {
    this.#run(() => this.#waiting.push(...inputs));
  }

  #run(first: () => void): void {
    if (this.#isRunning) {
      first();
      return;
    }
    const { endpoint, clock } = this.#options;
    this.#isRunning = true;
    try {
      first();
      for (let input = this.#waiting.shift(); input; input = this.#waiting.shift()) {
        this.#perform(endpoint.handle({ ...input, now: clock.now() }), 0);
      }
    } finally {
      this.#isRunning = false;
    }
    this.#awaitDeadline();
  }

  #perform(outputs: readonly EndpointOutput[], from: number): void {
    const { answer, answered, answerDelayMs, perform, clock } = this.#options;
    for (let index = from; index < outputs.length; index += 1) {
      const output = outputs[index];
      if (!output) return;
      if (output.kind !== 'request') {
        perform(output);
        continue;
      }
      const { requestId, request, blocking } = output;
      const input: TimelessInput = { kind: 'answer', requestId, answer: answer(request) };
      const delayMs = answerDelayMs(request);
      if (delayMs === 0) {
        this.#waiting.push(input);
        answered(request);
        continue;
      }
      clock.wakeAt(addMs(clock.now(), delayMs), () =>
        this.#run(() => {
          this.#waiting.push(input);
          answered(request);
          if (blocking) this.#perform(outputs, index + 1);
        }),
      );
      if (blocking) return;
    }
  }

  #awaitDeadline(): void {
    const { endpoint, scheduler } = this.#options;
    // One that does not wake the device must not hide a later one that does, so each class is scheduled by itself.
    for (const wake of ['device', 'process'] as const) {
      const deadline = endpoint.nextDeadline(wake);
      if (deadline) scheduler.schedule(`ike-${wake}`, deadline, () => this.#onDeadline());
      else scheduler.cancel(`ike-${wake}`);
    }
  }

  /** Tells what the packet path has carried since the last time. */
  feedTraffic(): void {
    this.feed({ kind: 'traffic', children: this.#options.sampleTraffic() });
  }

  #onDeadline(): void {
    const { sampleTraffic } = this.#options;
    this.feed({ kind: 'traffic', children: sampleTraffic() }, { kind: 'timeout' });
  }
}
