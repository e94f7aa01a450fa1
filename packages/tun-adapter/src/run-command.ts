import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { TunError } from './tun-error.ts';

/** A command that hangs must not hang the tunnel with it. */
const COMMAND_TIMEOUT_MS = 10_000;
const MOST_OUTPUT_BYTES = 1024 * 1024;

/** Runs a program with an argument list, never through a shell.
 * @param input - given to its standard input.
 * @returns its standard output. @throws TunError when it is missing or fails; the message holds what it said.
 */
export type RunCommand = (
  program: string,
  args: readonly string[],
  input?: string,
) => Promise<string>;

/** {@link RunCommand} on this machine. Administrators' directories are searched too: services often lack them.
 * The program gets a process group of its own: Ctrl-C signals the whole group in the foreground, and must not kill the
 * very commands with which we then clean up. One that is hit before it has left our group runs again.
 */
export const runCommand: RunCommand = async (program, args, input) => {
  const interrupted = (error: unknown): boolean =>
    error instanceof TunError && error.cause instanceof EndedBySignal && error.cause.isInterrupt;
  try {
    return await runOnce(program, args, input);
  } catch (error) {
    if (!interrupted(error)) throw error;
    return await runOnce(program, args, input);
  }
};

/** Why a program has no exit code. */
class EndedBySignal extends Error {
  readonly isInterrupt: boolean;

  constructor(signal: NodeJS.Signals) {
    super(`it was ended by ${signal}`);
    this.isInterrupt = signal === 'SIGINT';
  }
}

const runOnce: RunCommand = (program, args, input) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      detached: true,
      timeout: COMMAND_TIMEOUT_MS,
      env: { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` },
    });
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.on('error', (error) => reject(commandError(program, args, error, '')));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(stdout());
      const error = signal ? new EndedBySignal(signal) : new Error(`exit code ${code}`);
      reject(commandError(program, args, error, stderr()));
    });
    // A program that ends without reading its input is no error of its own: its exit code tells.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
  });

/** Reads a stream to its end; what is beyond {@link MOST_OUTPUT_BYTES} is read and forgotten. */
function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MOST_OUTPUT_BYTES) chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString();
}

function commandError(
  program: string,
  args: readonly string[],
  error: Error & { code?: unknown },
  stderr: string,
): TunError {
  if (error.code === 'ENOENT') {
    const from = program === 'ip' ? ' (Debian package iproute2)' : '';
    return new TunError('ENOENT', `the command \`${program}\` is missing: install it${from}`);
  }
  const said = stderr.trim().split('\n').join('; ') || error.message.split('\n')[0];
  return new TunError('ip-command', `\`${[program, ...args].join(' ')}\` failed: ${said}`, {
    cause: error,
  });
}

/** Whether a failed undo only means that the thing is gone already. */
export function isAlreadyGone(error: unknown): boolean {
  return (
    error instanceof TunError &&
    /No such process|No such file|Cannot find device|No such device|does not exist|Cannot assign requested address|table does not exist/.test(
      error.message,
    )
  );
}

/** Whether a failed addition only means that the thing is there already. */
export function isAlreadyThere(error: unknown): boolean {
  return error instanceof TunError && /File exists|already assigned/.test(error.message);
}
