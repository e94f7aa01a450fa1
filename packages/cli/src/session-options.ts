import type { SessionAction } from '@ipsec-kit/vpn';
import { type Command, InvalidArgumentError } from 'commander';
import { addControlOption } from './control-option.ts';

/** What `rekey`, `reauth`, `initiate`, `terminate` and `move` take. */
export interface SessionArguments {
  readonly control: string;
  /** A connection, or only that the IKE SA is meant. */
  readonly ike?: string | true;
  readonly child?: string;
  readonly session?: number;
  readonly peer?: string;
  /** Of `move`: a connection, as with `ike`, and an address of this host. */
  readonly connection?: string;
  readonly local?: string;
  /** Seconds. */
  readonly timeout?: number;
}

const MAX_TIMEOUT_SECONDS = 600;

/** Adds the commands that act on sessions.
 * @param act - called with what is to be done, once the arguments make sense.
 */
export function addSessionCommands(
  program: Command,
  act: (action: SessionAction, args: SessionArguments) => Promise<void>,
): void {
  const add = (action: SessionAction, about: string): Command =>
    addControlOption(program.command(action))
      .description(`${about}; returns when it is done`)
      .option('--ike [connection]', ikeOption(action))
      .option('--session <id>', 'the session of this id only, as `status` shows it', wholeNumber)
      .option('--peer <identity>', 'sessions with this peer only')
      .option('--timeout <seconds>', 'how long the outcome is waited for (default: 30)', seconds)
      .action(async (args: SessionArguments, command: Command) => {
        checkSelection(action, args, command);
        await act(action, args);
      });
  const child = '--child <name>';
  add('rekey', 'replace the keys of IKE SAs, or of Child SAs').option(
    child,
    'the Child SAs of this name instead of the IKE SA',
  );
  add('reauth', 'prove anew who both sides are, in a new IKE SA with the same children');
  add('initiate', 'open a child of a connection').requiredOption(child, 'the child to open');
  add('move', 'move sessions to their best path, or to an address of this host (MOBIKE)')
    .option('--connection <name>', 'the sessions of this connection, as --ike')
    .option('--local <address>', 'the address of this host to go to, one that `status` shows');
  add('terminate', 'close sessions, or Child SAs').option(child, 'the Child SAs of this name');
}

function ikeOption(action: SessionAction): string {
  if (action === 'initiate') return 'the connection of the child; needed when several have one';
  return 'the IKE SAs, or those of this connection; a server has one with each peer';
}

function checkSelection(action: SessionAction, args: SessionArguments, command: Command): void {
  const { ike, child, session, peer } = args;
  if (action === 'terminate' && [ike, child, session, peer].every((one) => one === undefined)) {
    command.error('error: say what to close: --child NAME, --ike, --session ID or --peer IDENTITY');
  }
  if (action === 'rekey' && ike === true && child !== undefined) {
    command.error('error: --ike and --child exclude each other, unless --ike names a connection');
  }
}

/** Reads a number without sign. */
export function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number.');
}

/** Reads a patience in seconds, 1 to 600. */
export function seconds(text: string): number {
  const value = wholeNumber(text);
  if (value >= 1 && value <= MAX_TIMEOUT_SECONDS) return value;
  throw new InvalidArgumentError(`Expected 1 to ${MAX_TIMEOUT_SECONDS} seconds.`);
}
