import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { requestSession, type SessionRequest } from '@ipsec-kit/vpn';
import type { Host } from './lab.ts';
import { type Background, run } from './shell.ts';

const command = fileURLToPath(new URL('../../../src/index.ts', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const node = ['--import', tsx, '--conditions=@ipsec-kit/source'];

/** Arguments of Node that run a script of this repository from source. */
export function fromSource(script: string, ...args: string[]): string[] {
  return [...node, script, ...args];
}

/** The `ipsec-kit` command on a host, run from source. */
export class IpsecKit {
  readonly process: Background;
  readonly control: string;
  readonly #host: Host;

  private constructor(host: Host, background: Background, control: string) {
    this.#host = host;
    this.process = background;
    this.control = control;
  }

  /** Starts `connect` or `serve` with `configuration` (swanctl.conf) and waits until it printed its control socket. */
  static async start(
    host: Host,
    role: 'connect' | 'serve',
    configuration: string,
    options: {
      settings?: string;
      args?: readonly string[];
      environment?: Record<string, string>;
      wait?: boolean;
      /** A program and arguments that become the command which follows them. */
      launcher?: readonly string[];
    } = {},
  ): Promise<IpsecKit> {
    const config = host.file(`ipsec-kit/${role}.conf`, configuration);
    const control = `${host.dir}/ipsec-kit/${role}.sock`;
    const args = [role, '--config', config, '--control', control, ...(options.args ?? [])];
    if (options.settings) {
      args.push(
        '--settings',
        host.file(`ipsec-kit/${role}-strongswan.conf`, `charon {\n${options.settings}\n}\n`),
      );
    }
    const [program = process.execPath, ...line] = [
      ...(options.launcher ?? []),
      process.execPath,
      ...fromSource(command, ...args),
    ];
    const background = host.start(program, line, options.environment);
    const self = new IpsecKit(host, background, control);
    if (options.wait !== false) await background.waitFor(/^control: /m);
    return self;
  }

  /** Runs another subcommand against this process. */
  command(
    subcommand:
      | 'status'
      | 'disconnect'
      | 'rekey'
      | 'reauth'
      | 'initiate'
      | 'terminate'
      | 'revalidate'
      | 'move',
    ...args: string[]
  ): Promise<string> {
    return this.#host.run(
      process.execPath,
      ...fromSource(command, subcommand, '--control', this.control, ...args),
    );
  }

  /** Has it rekey or reauthenticate, and returns when that is done: as `ipsec-kit rekey`, without the start of a program. */
  ask(wanted: SessionRequest): Promise<string> {
    return requestSession(this.control, wanted);
  }

  /** Starts `monitor`, which ends with this process. */
  watch(...args: string[]): Background {
    const line = fromSource(command, 'monitor', '--control', this.control, ...args);
    return this.#host.start(process.execPath, line);
  }

  async status(): Promise<unknown> {
    return JSON.parse(await this.command('status', '--json'));
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    return this.process.stop(signal);
  }
}

/** Runs the command to its end, wherever it belongs. */
export async function runCommand(...args: string[]): Promise<string> {
  return run(process.execPath, fromSource(command, ...args));
}

/** The same on a host, whatever its exit code. */
export async function runOn(host: Host, ...args: string[]): Promise<string> {
  const ended = host.start(process.execPath, fromSource(command, ...args));
  await ended.exited;
  return ended.output;
}
