import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';

/** Where the control sockets are that nobody has put elsewhere. */
const CONTROL_DIRECTORY = '/run/ipsec-kit';

/** Where the control socket of a connection is, unless it is put elsewhere: a connection may be named as it likes, a file of its own
 * it gets all the same.
 */
export function defaultControlPath(connection: string): string {
  return join(CONTROL_DIRECTORY, `${encodeURIComponent(connection)}.sock`);
}

/** Adds `--control` to a command that asks a running process. Without the option it asks the only one whose socket is in `directory`;
 * where there is none, or several, it says so and ends as with other wrong arguments.
 */
export function addControlOption(command: Command, directory: string = CONTROL_DIRECTORY): Command {
  return command
    .option(
      '--control <path>',
      `its control socket, as it printed it (default: the only one in ${directory})`,
    )
    .hook('preAction', () => {
      if (command.getOptionValue('control') !== undefined) return;
      const [only, ...others] = socketsIn(directory);
      if (only === undefined) {
        command.error(
          `error: no control socket can be seen in ${directory}: say --control PATH, or run as whoever started it`,
        );
      }
      if (others.length > 0) {
        const all = [only, ...others].join(', ');
        command.error(`error: several run, say which with --control PATH: ${all}`);
      }
      command.setOptionValue('control', only);
    });
}

function socketsIn(directory: string): readonly string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((one) => one.isSocket()).map(({ name }) => join(directory, name));
  } catch {
    // The directory is for its owner alone: whoever may not look there could not ask either.
    return [];
  }
}
