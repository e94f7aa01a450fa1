import type { VpnEvent } from '@ipsec-kit/vpn';
import { narrate } from './narrate.ts';
import { SessionNames } from './session-names.ts';

/** Where a command tells what happens. */
export interface Printer {
  event(event: VpnEvent): void;
  /** Tells every event from now on to somebody else as well. */
  listen(listener: (event: VpnEvent) => void): void;
  /** A failure, one sentence; always to stderr. */
  failure(sentence: string): void;
}

/** Prints for people: events to stdout, warnings and failures to stderr. */
export function createTextPrinter(): Printer {
  const names = new SessionNames();
  return printerOf((event) => {
    const stream = event.kind === 'warning-raised' ? process.stderr : process.stdout;
    const name = names.nameFor(event);
    stream.write(`${name === undefined ? '' : `${name}: `}${narrate(event)}\n`);
  });
}

/** Prints for programs: one JSON object per line on stdout, with the wall-clock time. The line `control: PATH`
 * and failures go to stderr.
 */
export function createJsonPrinter(): Printer {
  return printerOf((event) => {
    if (event.kind === 'control-opened') process.stderr.write(`${narrate(event)}\n`);
    process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
  });
}

function printerOf(print: (event: VpnEvent) => void): Printer {
  const listeners: ((event: VpnEvent) => void)[] = [];
  return {
    event(event) {
      print(event);
      for (const tell of listeners) tell(event);
    },
    listen: (listener) => listeners.push(listener),
    failure: printFailure,
  };
}

/** Prints a failure as one line of text, whatever it is made of. */
export function printFailure(sentence: string): void {
  process.stderr.write(`ipsec-kit: ${sentence}\n`);
}
