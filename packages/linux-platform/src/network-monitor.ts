import { addMs, type CancelWake, type Clock } from '@ipsec-kit/clock';
import { ipCommandSource } from './ip-command-source.ts';
import { netlinkSource } from './netlink-source.ts';
import { type NetworkSnapshot, networkSnapshot, snapshotsEqual } from './network-snapshot.ts';
import type { NetworkSource } from './network-source.ts';

/** Changes come in bursts, and of two networks one often goes just before the other comes. */
const DEFAULT_COALESCE_MS = 100;

/** What is watched, and who is told. */
export interface NetworkMonitorOptions<Source extends string = string> {
  readonly clock: Clock<Source>;
  /** Told of the network as it is after every change that matters, and once at the start. */
  readonly onChange: (snapshot: NetworkSnapshot) => void;
  /** One sentence when something does not work as it should. */
  readonly onWarning?: (sentence: string) => void;
  /** Names of interfaces that are left out, such as the tunnel's own. */
  readonly ignoredInterfaces?: readonly string[];
  /** How long changes are gathered; default 100 ms. */
  readonly coalesceMs?: number;
  /** Default: netlink, and the `ip` command where that is not to be had. */
  readonly source?: NetworkSource;
}

/** A monitor that runs. */
export interface NetworkMonitor {
  /** The network as it was last told; `undefined` before the first look. */
  readonly snapshot: NetworkSnapshot | undefined;
  /** What it listens to: `netlink`, `ip`. */
  readonly sourceName: string;
  /** Looks at once, for those who learn of a change from elsewhere, such as a resume. */
  refresh(): Promise<void>;
  stop(): void;
}

/** Watches addresses, links and default routes of this host (of its network namespace). Events are gathered for 100 ms from the first
 * on, then the network is read anew, and `onChange` is told if it is another: a burst is one change, a link that goes and comes
 * back in between is none, and two networks that follow one another are never "no network" in between. A network that flaps is
 * told of ten times a second at most.
 */
export function startNetworkMonitor<Source extends string>(
  options: NetworkMonitorOptions<Source>,
): NetworkMonitor {
  return new RunningMonitor(options);
}

class RunningMonitor<Source extends string> implements NetworkMonitor {
  readonly #options: NetworkMonitorOptions<Source>;
  #source: NetworkSource;
  #snapshot: NetworkSnapshot | undefined;
  #stopWatch: () => void;
  #cancelLook: CancelWake | undefined;
  #reading: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: NetworkMonitorOptions<Source>) {
    this.#options = options;
    this.#source = options.source ?? defaultSource(options.onWarning);
    this.#stopWatch = this.#watch();
    void this.refresh();
  }

  get snapshot(): NetworkSnapshot | undefined {
    return this.#snapshot;
  }

  get sourceName(): string {
    return this.#source.name;
  }

  /** A look that runs already may have missed what this one is for, so another follows it. */
  async refresh(): Promise<void> {
    await this.#reading;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelLook?.();
    this.#stopWatch();
  }

  #watch(): () => void {
    try {
      return this.#source.watch(
        () => this.#lookSoon(),
        (reason) => this.#onEnd(reason),
      );
    } catch (error) {
      this.#warn(`Changes of the network are not told of: ${messageOf(error)}`);
      if (this.#source.name === 'ip') return () => {};
      this.#source = ipCommandSource();
      return this.#watch();
    }
  }

  /** From the first event on: a network that never stops flapping is looked at all the same. */
  #lookSoon(): void {
    if (this.#isStopped || this.#cancelLook !== undefined) return;
    const { clock, coalesceMs = DEFAULT_COALESCE_MS } = this.#options;
    this.#cancelLook = clock.wakeAt(addMs(clock.now(), coalesceMs), () => {
      this.#cancelLook = undefined;
      void this.refresh();
    });
  }

  async #read(): Promise<void> {
    try {
      const records = await this.#source.read();
      if (this.#isStopped) return;
      const before = this.#snapshot;
      const next = networkSnapshot(records, this.#options.ignoredInterfaces, before);
      if (before !== undefined && snapshotsEqual(before, next)) return;
      this.#snapshot = next;
      this.#options.onChange(next);
    } catch (error) {
      this.#warn(`The network cannot be read: ${messageOf(error)}`);
    }
  }

  #onEnd(reason: string): void {
    if (this.#isStopped) return;
    this.#warn(`Changes of the network are no longer told of: ${reason}`);
    if (this.#source.name === 'ip') return;
    this.#source = ipCommandSource();
    this.#stopWatch = this.#watch();
    this.#lookSoon();
  }

  #warn(sentence: string): void {
    this.#options.onWarning?.(sentence);
  }
}

function defaultSource(onWarning: ((sentence: string) => void) | undefined): NetworkSource {
  const netlink = netlinkSource();
  if (netlink.ok) return netlink.source;
  onWarning?.(`The "ip" command watches the network, since netlink does not: ${netlink.reason}`);
  return ipCommandSource();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
