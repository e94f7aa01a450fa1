import { once } from 'node:events';
import {
  type MonitoredEvent,
  monitorEvents,
  requestDisconnect,
  requestRevalidation,
  requestSession,
  requestStatus,
  type SessionAction,
} from '@ipsec-kit/vpn';
import { ExitCode, exitCodeFor } from './exit-codes.ts';
import { narrate } from './narrate.ts';
import { printFailure } from './printer.ts';
import { type RevalidateArguments, revalidationText } from './revalidation-text.ts';
import type { SessionArguments } from './session-options.ts';
import { statusText } from './status-text.ts';
import { listenForStop } from './stop-signals.ts';

/** `ipsec-kit status`: prints what a running process does. @returns the exit code. */
export function statusCommand(args: {
  readonly control: string;
  readonly json?: boolean;
}): Promise<number> {
  return answered(async () => {
    const status = await requestStatus(args.control);
    process.stdout.write(`${args.json ? JSON.stringify(status) : statusText(status)}\n`);
  });
}

/** `ipsec-kit monitor`: prints the events of a running process until it ends, or a signal comes. @returns the exit code. */
export function monitorCommand(args: {
  readonly control: string;
  readonly json?: boolean;
}): Promise<number> {
  return answered(async () => {
    const stream = monitorEvents(args.control, async (event) => {
      const line = args.json ? JSON.stringify(event) : monitoredText(event);
      // A reader that is slow here makes the process leave events out, and not this one grow.
      if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
    });
    const stopListening = listenForStop(() => stream.stop());
    // Nobody reads any more: `ipsec-kit monitor | head`.
    process.stdout.on('error', stream.stop);
    try {
      await stream.ended;
    } finally {
      stopListening();
      process.stdout.off('error', stream.stop);
    }
  });
}

function monitoredText(event: MonitoredEvent): string {
  const { time } = event;
  if (event.kind === 'events-lost')
    return `${time} ${event.count} events were not told: read faster`;
  return `${time} ${narrate(event)}`;
}

/** `ipsec-kit disconnect`: ends a running process's tunnels and waits for it. @returns the exit code. */
export function disconnectCommand(args: { readonly control: string }): Promise<number> {
  return answered(async () => {
    await requestDisconnect(args.control);
    process.stdout.write('closed\n');
  });
}

/** `ipsec-kit rekey`, `reauth`, `initiate`, `terminate`, `move`: has a running process do it, and prints the sentence that says what
 * was done. @returns the exit code.
 */
export function sessionCommand(action: SessionAction, args: SessionArguments): Promise<number> {
  const { control, child, session, peer, local, timeout } = args;
  const ike = args.connection ?? args.ike;
  return answered(async () => {
    const sentence = await requestSession(control, {
      action,
      ...(typeof ike === 'string' ? { ike } : {}),
      ...(child === undefined ? {} : { child }),
      ...(session === undefined ? {} : { session }),
      ...(peer === undefined ? {} : { peer }),
      ...(local === undefined ? {} : { local }),
      ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
    });
    process.stdout.write(`${sentence}\n`);
  });
}

/** `ipsec-kit revalidate`: has a running process look again at the certificates of its peers, and prints how they stand.
 * @returns the exit code; 0 also where sessions were ended, since that is what was asked for.
 */
export function revalidateCommand(args: RevalidateArguments): Promise<number> {
  const { control, connection, timeout, json } = args;
  return answered(async () => {
    const report = await requestRevalidation(control, {
      ...(connection === undefined ? {} : { connection }),
      ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
    });
    process.stdout.write(`${json ? JSON.stringify(report) : revalidationText(report)}\n`);
  });
}

async function answered(ask: () => Promise<void>): Promise<number> {
  try {
    await ask();
    return ExitCode.ok;
  } catch (error) {
    printFailure(error instanceof Error ? error.message : String(error));
    return exitCodeFor(error);
  }
}
