import {
  requestDisconnect,
  requestSession,
  requestStatus,
  type SessionAction,
} from '@ipsec-kit/vpn';
import { ExitCode, exitCodeFor } from './exit-codes.ts';
import { printFailure } from './printer.ts';
import type { SessionArguments } from './session-options.ts';
import { statusText } from './status-text.ts';

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

/** `ipsec-kit disconnect`: ends a running process's tunnels and waits for it. @returns the exit code. */
export function disconnectCommand(args: { readonly control: string }): Promise<number> {
  return answered(async () => {
    await requestDisconnect(args.control);
    process.stdout.write('closed\n');
  });
}

/** `ipsec-kit rekey`, `reauth`, `initiate`, `terminate`: has a running process do it, and prints the sentence that says what
 * was done. @returns the exit code.
 */
export function sessionCommand(action: SessionAction, args: SessionArguments): Promise<number> {
  const { control, ike, child, session, peer, timeout } = args;
  return answered(async () => {
    const sentence = await requestSession(control, {
      action,
      ...(typeof ike === 'string' ? { ike } : {}),
      ...(child === undefined ? {} : { child }),
      ...(session === undefined ? {} : { session }),
      ...(peer === undefined ? {} : { peer }),
      ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
    });
    process.stdout.write(`${sentence}\n`);
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
