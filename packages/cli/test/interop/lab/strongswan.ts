import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Host } from './lab.ts';
import type { Background } from './shell.ts';

/** What is loaded unless the settings say otherwise. */
export const plugins: string =
  'random nonce openssl aes sha1 sha2 hmac kdf gcm chapoly curve25519 pem pkcs1 pkcs8 x509 pubkey constraints ' +
  'revocation kernel-libipsec kernel-netlink socket-default vici counters updown resolve attr';

/** A strongSwan daemon with userspace ESP, driven through vici. */
export class StrongSwan {
  readonly #host: Host;
  readonly #daemon: Background;
  readonly #uri: string;
  readonly #dir: string;

  private constructor(host: Host, daemon: Background, uri: string, dir: string) {
    this.#host = host;
    this.#daemon = daemon;
    this.#uri = uri;
    this.#dir = dir;
  }

  /** Starts a daemon on `host` and loads `configuration` (swanctl.conf).
   * @param settings - extra lines of the daemon's section, as `fragment_size = 300`.
   */
  static async start(host: Host, configuration: string, settings = ''): Promise<StrongSwan> {
    host.hasStrongSwan = true;
    const dir = join(host.dir, 'strongswan');
    const socket = join(dir, 'vici.sock');
    const uri = `unix://${socket}`;
    const conf = host.file(
      'strongswan/strongswan.conf',
      `charon-systemd {
  load = ${plugins}
  ${settings}
  plugins {
    vici { socket = ${uri} }
    kernel-libipsec { allow_peer_ts = yes }
  }
  filelog { f {
    path = ${join(dir, 'log')}
    default = 1
    ike = 2
    time_format = %T
    time_add_ms = yes
    flush_line = yes
  } }
}
`,
    );
    const file = host.file('strongswan/swanctl.conf', configuration);
    // One that was killed leaves its socket behind.
    rmSync(socket, { force: true });
    const daemon = host.start('/usr/sbin/charon-systemd', [], { STRONGSWAN_CONF: conf });
    const self = new StrongSwan(host, daemon, uri, dir);
    for (let attempt = 0; !existsSync(socket); attempt += 1) {
      if (attempt > 200 || daemon.exitCode !== undefined)
        throw new Error(`strongSwan did not start:\n${daemon.output}`);
      await pause(50);
    }
    await self.swanctl('--load-all', '--file', file);
    return self;
  }

  swanctl(...args: string[]): Promise<string> {
    // Where x509, x509ca and private are looked for.
    const directory = `SWANCTL_DIR=${this.#dir}`;
    return this.#host.run('env', directory, 'swanctl', ...args, '--uri', this.#uri);
  }

  initiate(child: string): Promise<string> {
    return this.swanctl('--initiate', '--child', child, '--timeout', '20');
  }

  listSas(): Promise<string> {
    return this.swanctl('--list-sas');
  }

  /** What the daemon has counted since its start, as `child-rekey` or `create-child-in-req`. */
  async counter(name: string): Promise<number> {
    const line = (await this.swanctl('--counters')).match(new RegExp(`^ *${name} *: (\\d+)$`, 'm'));
    if (!line) throw new Error(`strongSwan has no counter ${name}`);
    return Number(line[1]);
  }

  /** Unique id of its only IKE SA, once that is the only one and established. What is half-open at it as responder does not count:
   * an initiator that thought better of it before IKE_AUTH cannot delete that, and it goes after `half_open_timeout`. Of two that both
   * ends opened at once it deletes none: ours waits 30 s for that, and does it then.
   */
  async settled(timeoutMs = 45_000): Promise<string> {
    return this.#only(() => true, timeoutMs);
  }

  /** Resolves when nothing is under way at it: one IKE SA, and of its Child SAs none that is being made, replaced or deleted. What it
   * has deleted it keeps for 5 s, and takes for no other.
   */
  async rested(): Promise<void> {
    const isAtRest = (state: string | undefined): boolean =>
      state === 'INSTALLED' || state === 'DELETED';
    await this.#only((sas) => {
      const states = [...sas.matchAll(/^ {2}\S+: #\d+, reqid \d+, (\w+),/gm)];
      return states.length > 0 && states.every(([, state]) => isAtRest(state));
    }, 20_000);
  }

  async #only(isWanted: (sas: string) => boolean, timeoutMs: number): Promise<string> {
    let sas = '';
    for (const from = Date.now(); Date.now() - from < timeoutMs; await pause(20)) {
      sas = await this.listSas();
      const all = [...sas.matchAll(/^\S+: #(\d+), (\w+), IKEv2, \w+\*? \w+(\*?)$/gm)];
      const [only, ...others] = all.filter(([, , state, own]) => state !== 'CONNECTING' || !own);
      const isOnly = only?.[2] === 'ESTABLISHED' && others.length === 0;
      if (isOnly && only[1] && isWanted(sas)) return only[1];
    }
    throw new Error(`strongSwan has not come to one established IKE SA at rest:\n${sas}`);
  }

  /** The daemon's own log. */
  async log(): Promise<string> {
    return this.#host.run('cat', join(this.#dir, 'log'));
  }

  /** Replaces its secrets by those of another configuration; SAs that stand are left alone. */
  async loadSecrets(configuration: string): Promise<void> {
    const file = this.#host.file('strongswan/secrets.conf', configuration);
    await this.swanctl('--load-creds', '--clear', '--file', file);
  }

  /** Sends the daemon a signal. */
  signal(name: NodeJS.Signals): void {
    this.#daemon.child.kill(name);
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
  }

  /** Ends it without a word to its peers. */
  async kill(): Promise<void> {
    await this.#daemon.stop('SIGKILL');
  }
}
