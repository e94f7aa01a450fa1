import type { VpnEvent } from '@ipsec-kit/vpn';
import { narrate } from './narrate.ts';
import { SessionNames } from './session-names.ts';

/** Where a command tells what happens. */
export interface Printer {
  event(event: VpnEvent): void;
  /** A failure, one sentence; always to stderr. */
  failure(sentence: string): void;
}

/** Prints for people: events to stdout, warnings and failures to stderr. */
export function createTextPrinter(): Printer {
  const names = new SessionNames();
  return {
    event(event) {
      const stream = event.kind === 'warning-raised' ? process.stderr : process.stdout;
      const name = names.nameFor(event);
      stream.write(`${name === undefined ? '' : `${name}: `}${narrate(event)}\n`);
    },
    failure: printFailure,
  };
}

/** Prints for programs: one JSON object per line on stdout, with the wall-clock time. The line `control: PATH`
 * and failures go to stderr.
 */
export function createJsonPrinter(): Printer {
  return {
    event(event) {
      if (event.kind === 'control-opened') process.stderr.write(`${narrate(event)}\n`);
      process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
    },
    failure: printFailure,
  };
}

/** Prints a failure as one line of text, whatever it is made of. */
export function printFailure(sentence: string): void {
  process.stderr.write(`ipsec-kit: ${sentence}\n`);
}
