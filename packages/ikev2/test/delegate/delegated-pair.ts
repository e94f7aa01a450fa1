import { createSeededRandom } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  createLivenessDelegate,
  type DelegateInput,
  type DelegateOptions,
  type DelegateOutput,
  type LivenessDelegate,
} from '@ipsec-kit/ikev2/delegate';
import type { EndpointInput, EndpointOutput, TakeBackResult } from '../../src/index.ts';
import { RoamingPair } from '../mobike/roaming-pair.ts';
import type { PairOptions } from '../pair.ts';

export const DELEGATE_OPTIONS: DelegateOptions = {
  crypto: createNodeProvider(),
  random: createSeededRandom('delegate'),
};

/** A pair whose client hands its session 1 to a delegate, by JSON both ways, and takes it back. */
export class DelegatedPair extends RoamingPair {
  delegate: LivenessDelegate | undefined;
  readonly wakes: Extract<DelegateOutput, { kind: 'wake' }>[] = [];
  keepalives = 0;
  readonly #handle: (input: EndpointInput) => readonly EndpointOutput[];

  constructor(options: PairOptions = {}) {
    super(options);
    const { client } = this;
    this.#handle = client.handle.bind(client);
    client.handle = (input) => {
      if (!this.delegate || input.kind !== 'datagram') return this.#handle(input);
      // A Buffer, as sockets give it.
      this.#perform(this.delegate.handle({ ...input, data: Buffer.from(input.data) }));
      return [];
    };
  }

  /** The delegation as text: what goes through the pipe. */
  handOver(): string {
    const result = this.client.machine.delegate(1, this.now);
    if (!result.ok) throw new Error(result.code);
    const text = JSON.stringify(result.delegation);
    const made = createLivenessDelegate(this.now, JSON.parse(text), DELEGATE_OPTIONS);
    if (!made.ok) throw new Error(made.code);
    this.delegate = made.delegate;
    this.#arm();
    return text;
  }

  takeBack(): TakeBackResult {
    const report = JSON.stringify(this.delegate?.release(this.now));
    this.delegate = undefined;
    const { outputs, ...result } = this.client.machine.takeBack(1, JSON.parse(report), this.now);
    for (const output of outputs)
      if (output.kind === 'send') this.launch('client', output.path, output.data, output.marker);
    for (const { datagram } of this.wakes.splice(0)) if (datagram) this.client.handle(datagram);
    return result;
  }

  give(input: DelegateInput): readonly DelegateOutput[] {
    const outputs = this.delegate?.handle(input) ?? [];
    this.#perform(outputs);
    return outputs;
  }

  #perform(outputs: readonly DelegateOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'send') this.launch('client', output.path, output.data, output.marker);
      else if (output.kind === 'wake') this.wakes.push(output);
      else this.keepalives += 1;
    }
    this.#arm();
  }

  #arm(): void {
    const { delegate } = this;
    const next = delegate?.nextDeadline();
    if (!next) return;
    this.schedule(Math.max(0, next.at - this.now), () => {
      if (this.delegate !== delegate || delegate?.nextDeadline()?.at !== next.at) return;
      this.give({ kind: 'timeout', now: this.now });
    });
  }
}
