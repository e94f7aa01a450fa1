import type { SessionAction } from '@ipsec-kit/vpn';
import { Command, CommanderError } from 'commander';
import { addControlOption } from './control-option.ts';
import type { DoctorArguments } from './doctor/run-doctor.ts';
import { ExitCode } from './exit-codes.ts';
import { addPkiCommands, type PkiRequest } from './pki/pki-commands.ts';
import { addProfileCommands, type ProfileRequest } from './profile/profile-commands.ts';
import type { RevalidateArguments } from './revalidation-text.ts';
import {
  addSessionCommands,
  type SessionArguments,
  seconds,
  wholeNumber,
} from './session-options.ts';

const EXIT_CODES = `Exit codes:
  0 ended as asked   2 arguments or configuration   3 no connection   4 authentication
  5 permission   6 port in use   7 ended by the peer   8 peer dead   9 control socket
  10 no such session or child   11 command failed   1 any other failure   130 cut short`;

/** Options that `connect` and `serve` share. */
export interface TunnelArguments {
  readonly config: string;
  readonly settings?: string;
  readonly connection?: string;
  /** `connect` alone. */
  readonly child?: string;
  readonly control?: string;
  readonly keylog?: string;
  readonly pcap?: string;
  readonly portable?: boolean;
  readonly tunFd?: number;
  readonly json?: boolean;
}

/** What the subcommands do; each returns the exit code. */
export interface CommandActions {
  connect(args: TunnelArguments): Promise<number>;
  serve(args: TunnelArguments): Promise<number>;
  status(args: { readonly control: string; readonly json?: boolean }): Promise<number>;
  monitor(args: { readonly control: string; readonly json?: boolean }): Promise<number>;
  disconnect(args: { readonly control: string }): Promise<number>;
  session(action: SessionAction, args: SessionArguments): Promise<number>;
  revalidate(args: RevalidateArguments): Promise<number>;
  doctor(args: DoctorArguments): Promise<number>;
  pki(request: PkiRequest): Promise<number>;
  profile(request: ProfileRequest): Promise<number>;
}

/** Parses the command line and runs the subcommand that it names.
 * @param argv - without the program and the script.
 * @returns the exit code; 2 for arguments that make no sense, which commander has explained by then.
 */
export async function runCommandLine(
  argv: readonly string[],
  actions: CommandActions,
  version: string,
): Promise<number> {
  let exitCode: number = ExitCode.ok;
  const program = new Command('ipsec-kit')
    .description('IKEv2/IPsec in userspace: reads swanctl.conf, opens tunnels, answers peers')
    .version(version)
    .addHelpText('afterAll', `\n${EXIT_CODES}`)
    .showHelpAfterError('(ipsec-kit COMMAND --help lists the options)')
    .exitOverride();

  tunnelCommand(program, 'connect')
    .description('open a tunnel and stay in the foreground until it ends')
    .option('--connection <name>', 'the connection to open; needed when there are several')
    .option('--child <name>', 'the child to open (default: all but those with start_action = trap)')
    .action(async (args: TunnelArguments) => {
      exitCode = await actions.connect(args);
    });
  tunnelCommand(program, 'serve')
    .description('answer peers, until a signal or `disconnect`')
    .option('--connection <name>', 'serve this connection only')
    .action(async (args: TunnelArguments) => {
      exitCode = await actions.serve(args);
    });
  addControlOption(program.command('status'))
    .description('show what a running client or server does')
    .option('--json', 'as JSON')
    .action(async (args: { control: string; json?: boolean }) => {
      exitCode = await actions.status(args);
    });
  addControlOption(program.command('monitor'))
    .description('print what happens in a running client or server as it happens, until it ends')
    .option('--json', 'one event per line, as JSON')
    .action(async (args: { control: string; json?: boolean }) => {
      exitCode = await actions.monitor(args);
    });
  addControlOption(program.command('disconnect'))
    .description('end a running client or server; returns when it has closed its tunnels')
    .action(async (args: { control: string }) => {
      exitCode = await actions.disconnect(args);
    });
  addControlOption(program.command('revalidate'))
    .description('look again at the certificates of all peers, with CRLs and OCSP answers of now')
    .option('--connection <name>', 'the peers of this connection only')
    .option('--timeout <seconds>', 'how long verdicts are waited for (default: 30)', seconds)
    .option('--json', 'as JSON')
    .action(async (args: RevalidateArguments) => {
      exitCode = await actions.revalidate(args);
    });
  addSessionCommands(program, async (action, args) => {
    exitCode = await actions.session(action, args);
  });
  program
    .command('doctor')
    .description('say what stands in the way of a configuration: files, host, peers')
    .requiredOption('--config <file>', 'configuration in the language of swanctl.conf')
    .option('--settings <file>', "strongswan.conf, for the keys of its section 'charon'")
    .option('--connection <name>', 'look at this connection only')
    .option('--no-probe', 'send nothing to any peer')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nEnds with 0, or with 1 when something stands in the way.')
    .action(async (args: DoctorArguments) => {
      exitCode = await actions.doctor(args);
    });
  addPkiCommands(program, async (request) => {
    exitCode = await actions.pki(request);
  });
  addProfileCommands(program, async (request) => {
    exitCode = await actions.profile(request);
  });
  // A word that no option has taken is a mistake: `rekey --child web db` would do only half of what was meant.
  for (const command of program.commands) command.allowExcessArguments(false);

  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version are exits too, with code 0.
    return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  }
  return exitCode;
}

function tunnelCommand(program: Command, name: string): Command {
  return program
    .command(name)
    .requiredOption('--config <file>', 'configuration in the language of swanctl.conf')
    .option('--settings <file>', "strongswan.conf, for the keys of its section 'charon'")
    .option('--control <path>', 'control socket (default: /run/ipsec-kit/CONNECTION.sock)')
    .option('--keylog <dir>', 'write keys for Wireshark: whoever reads them reads the traffic')
    .option('--pcap <file>', 'write every UDP datagram into this pcapng file')
    .option('--portable', 'carry packets with node:dgram and node:crypto (IPSEC_KIT_PORTABLE=1)')
    .option('--tun-fd <number>', 'use this descriptor of an open TUN device', wholeNumber)
    .option('--json', 'print one event per line, as JSON');
}
