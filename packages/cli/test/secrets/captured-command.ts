import { vi } from 'vitest';
import { runCommandLine } from '../../src/command-line.ts';
import {
  disconnectCommand,
  monitorCommand,
  revalidateCommand,
  sessionCommand,
  statusCommand,
} from '../../src/control-commands.ts';
import { doctorCommand } from '../../src/doctor-command.ts';
import { pkiCommand } from '../../src/pki-command.ts';
import { profileCommand } from '../../src/profile-command.ts';
import { connectCommand, serveCommand } from '../../src/tunnel-commands.ts';

/** Runs the command in this process. @returns all that it printed, and its exit code. */
export async function captured(
  argv: readonly string[],
): Promise<{ readonly output: string; readonly code: number }> {
  let output = '';
  const write = (chunk: unknown): boolean => {
    output += String(chunk);
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(write),
    vi.spyOn(process.stderr, 'write').mockImplementation(write),
  ];
  try {
    const actions = {
      connect: connectCommand,
      serve: serveCommand,
      status: statusCommand,
      monitor: monitorCommand,
      disconnect: disconnectCommand,
      session: sessionCommand,
      revalidate: revalidateCommand,
      doctor: doctorCommand,
      pki: pkiCommand,
      profile: profileCommand,
    };
    const code = await runCommandLine(argv, actions, '0');
    return { output, code };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** What a command is called, and which options it has, as its help says. */
export interface HelpOfCommand {
  readonly name: string;
  readonly options: readonly string[];
}

/** Every command that does something, by asking each for its help. */
export async function allCommands(
  above: readonly string[] = [],
): Promise<readonly HelpOfCommand[]> {
  const { output } = await captured([...above, '--help']);
  const [, list = ''] = /^Commands:\n([\s\S]*?)\n\n/m.exec(output) ?? [];
  const names = [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, name = '']) => name);
  if (names.length === 0) {
    const options = [...output.matchAll(/^ {2}(--[a-z0-9-]+)/gm)].map(([, one = '']) => one);
    return [{ name: above.join(' '), options }];
  }
  const below: HelpOfCommand[] = [];
  for (const name of names) {
    if (name !== 'help') below.push(...(await allCommands([...above, name])));
  }
  return below;
}
