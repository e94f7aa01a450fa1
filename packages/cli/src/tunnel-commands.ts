import { type ClientOptions, createClient, createServer } from '@ipsec-kit/vpn';
import { describeProblem, type LoadedSwanctl, loadSwanctl } from '@ipsec-kit/vpn/swanctl';
import type { TunnelArguments } from './command-line.ts';
import { defaultControlPath } from './control-option.ts';
import { ExitCode, exitCodeFor } from './exit-codes.ts';
import { runInForeground } from './foreground.ts';
import { createJsonPrinter, createTextPrinter, type Printer, printFailure } from './printer.ts';

/** `ipsec-kit connect`: opens one connection and stays until it ends. @returns the exit code. */
export function connectCommand(args: TunnelArguments): Promise<number> {
  return withConfiguration(args, (loaded, printer) => {
    const client = createClient({
      ...tunnelOptions(args, loaded, printer),
      ...(args.connection === undefined ? {} : { connection: args.connection }),
      ...(args.child === undefined ? {} : { child: args.child }),
    });
    return runInForeground(client, args.control ?? defaultControlPath(client.connection), printer);
  });
}

/** `ipsec-kit serve`: answers peers until a signal or `disconnect`. @returns the exit code. */
export function serveCommand(args: TunnelArguments): Promise<number> {
  return withConfiguration(args, (loaded, printer) => {
    const server = createServer({
      ...tunnelOptions(args, loaded, printer),
      ...(args.connection === undefined ? {} : { connection: args.connection }),
    });
    const [first = 'server'] = server.connections;
    return runInForeground(server, args.control ?? defaultControlPath(first), printer);
  });
}

/** Reads the files, prints their warnings, and turns every mistake into its line and exit code 2. */
async function withConfiguration(
  args: TunnelArguments,
  run: (loaded: LoadedSwanctl, printer: Printer) => Promise<number>,
): Promise<number> {
  const printer = args.json ? createJsonPrinter() : createTextPrinter();
  try {
    const loaded = loadSwanctl({
      configFile: args.config,
      ...(args.settings === undefined ? {} : { settingsFile: args.settings }),
    });
    for (const warning of loaded.warnings) printFailure(`warning: ${describeProblem(warning)}`);
    if (!loaded.ok) {
      for (const error of loaded.errors) printFailure(error.message);
      return ExitCode.usage;
    }
    return await run(loaded.value, printer);
  } catch (error) {
    for (const line of messageLines(error)) printFailure(line);
    return exitCodeFor(error);
  }
}

function tunnelOptions(
  args: TunnelArguments,
  loaded: LoadedSwanctl,
  printer: Printer,
): ClientOptions {
  return {
    options: loaded.options,
    positions: loaded.positions,
    onEvent: printer.event,
    ...(args.keylog === undefined ? {} : { keyLogDirectory: args.keylog }),
    ...(args.pcap === undefined ? {} : { captureFile: args.pcap }),
    ...(args.tunFd === undefined ? {} : { tunFd: args.tunFd }),
    packetPath: args.portable || process.env.IPSEC_KIT_PORTABLE === '1' ? 'portable' : 'auto',
  };
}

function messageLines(error: unknown): string[] {
  return (error instanceof Error ? error.message : String(error)).split('\n');
}
