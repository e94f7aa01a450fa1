import { requestDisconnect, requestStatus } from '@ipsec-kit/vpn';
import { ExitCode, exitCodeFor } from './exit-codes.ts';
import { printFailure } from './printer.ts';
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

async function answered(ask: () => Promise<void>): Promise<number> {
  try {
    await ask();
    return ExitCode.ok;
  } catch (error) {
    printFailure(error instanceof Error ? error.message : String(error));
    return exitCodeFor(error);
  }
}
