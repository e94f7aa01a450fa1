import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);
/** A program that is run from source is compiled first: a second of processor time, for which a busy machine may take long. */
const patienceMs = 60_000;

/** Runs a program to its end and returns what it printed; throws with its output when it fails. */
export async function run(
  program: string,
  args: readonly string[],
  timeoutMs = 60_000,
): Promise<string> {
  try {
    const { stdout, stderr } = await execFileAsync(program, [...args], {
      timeout: timeoutMs,
      maxBuffer: 1 << 26,
    });
    return stdout + stderr;
  } catch (error) {
    const {
      stdout = '',
      stderr = '',
      code,
    } = error as {
      stdout?: string;
      stderr?: string;
      code?: number | string;
    };
    throw new Error(
      `${program} ${args.join(' ')} failed (${code}): ${String(error)}\n${stdout}${stderr}`,
    );
  }
}

/** Like {@link run}, but for clean-up: a failure is as good as a success. */
export async function tryRun(program: string, args: readonly string[]): Promise<void> {
  await run(program, args).catch(() => undefined);
}

/** A program in the background whose output is kept. */
export class Background {
  readonly child: ChildProcess;
  output = '';
  #listeners = new Set<() => void>();
  readonly exited: Promise<number | null>;
  exitCode: number | null | undefined;

  constructor(program: string, args: readonly string[], environment: Record<string, string> = {}) {
    this.child = spawn(program, [...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const append = (chunk: Buffer): void => {
      this.output += chunk.toString();
      for (const listener of [...this.#listeners]) listener();
    };
    this.child.stdout?.on('data', append);
    this.child.stderr?.on('data', append);
    this.exited = new Promise((resolve) => {
      this.child.on('close', (code) => {
        this.exitCode = code;
        for (const listener of [...this.#listeners]) listener();
        resolve(code);
      });
    });
  }

  /** Resolves with the first match in the output, or throws with all of the output. */
  async waitFor(pattern: RegExp, timeoutMs: number = patienceMs): Promise<RegExpMatchArray> {
    const found = await this.#poll(() => this.output.match(pattern) ?? undefined, timeoutMs);
    if (found) return found;
    throw new Error(
      `no ${pattern} within ${timeoutMs} ms (exit code ${this.exitCode}):\n${this.output}`,
    );
  }

  /** Resolves when the output has `count` matches of `pattern`, which has the flag `g`. */
  async waitForCount(pattern: RegExp, count: number, timeoutMs: number): Promise<void> {
    let from = 0;
    let seen = 0;
    const found = await this.#poll(() => {
      // What was looked at before is not looked at again, but for the line that was not complete.
      const end = this.output.lastIndexOf('\n') + 1;
      seen += this.output.slice(from, end).match(pattern)?.length ?? 0;
      from = Math.max(from, end);
      return seen >= count ? true : undefined;
    }, timeoutMs);
    if (!found)
      throw new Error(`${seen} of ${count} ${pattern} within ${timeoutMs} ms:\n${this.output}`);
  }

  #poll<T>(probe: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
    return new Promise((resolve) => {
      const finish = (value: T | undefined): void => {
        clearTimeout(timer);
        this.#listeners.delete(look);
        resolve(value);
      };
      const look = (): void => {
        const value = probe();
        if (value !== undefined || this.exitCode !== undefined) finish(value);
      };
      const timer = setTimeout(() => finish(undefined), timeoutMs);
      this.#listeners.add(look);
      look();
    });
  }

  /** Ends the program with a signal, by force when its patience is over; what it has left behind does not hold us up. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', killAfterMs = 10_000): Promise<number | null> {
    if (this.exitCode !== undefined) return this.exitCode;
    this.child.kill(signal);
    const timer = setTimeout(() => {
      this.child.kill('SIGKILL');
      // Its children may still hold the other ends.
      this.child.stdout?.destroy();
      this.child.stderr?.destroy();
    }, killAfterMs);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }
}
