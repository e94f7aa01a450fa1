import type { Deadline } from './deadline.ts';

/** Inputs of a machine without their time, which whoever drives it adds; of each kind of input by itself. */
export type Timeless<Input> = Input extends unknown ? Omit<Input, 'now'> : never;

/** A pure state machine: inputs carry the time, outputs are plain data, performed strictly in order.
 * `handle` never throws on what came from the network, and equal inputs give equal outputs.
 */
export interface Machine<Input, Output> {
  handle(input: Input): readonly Output[];
  /** When the machine wants a timeout input next; a timeout before that returns no output. */
  nextDeadline(): Deadline | undefined;
}
