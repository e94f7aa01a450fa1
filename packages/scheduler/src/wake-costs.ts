/** Names that are counted by themselves; the rest is counted together. */
const MOST_NAMES = 64;
const REST = '(others)';

/** What the deadlines of one name have cost. */
export interface WakeCost {
  /** The name of the deadlines: their reason. */
  readonly name: string;
  /** Wake-ups that happened for them; what merely rode along is counted where it belongs. */
  readonly wakeUps: number;
  /** Of these, those of the device. @see SchedulerCounters.deviceWakeUps */
  readonly deviceWakeUps: number;
  /** How often they ran, on whatever wake. */
  readonly runs: number;
  /** How late they ran at worst, in milliseconds. */
  readonly latestMs: number;
}

type Counts = { -readonly [Key in Exclude<keyof WakeCost, 'name'>]: WakeCost[Key] };

/** Counts wake-ups and runs by the name of the deadline. */
export class WakeCosts {
  readonly #byName = new Map<string, Counts>();

  /** A wake source fired for this deadline. */
  onWake(name: string, isDeviceWake: boolean): void {
    const entry = this.#entry(name);
    entry.wakeUps += 1;
    if (isDeviceWake) entry.deviceWakeUps += 1;
  }

  onRun(name: string, lateMs: number): void {
    const entry = this.#entry(name);
    entry.runs += 1;
    entry.latestMs = Math.max(entry.latestMs, lateMs);
  }

  /** The costs so far, those that woke the device most often first, then by all wake-ups. */
  list(): readonly WakeCost[] {
    return [...this.#byName]
      .map(([name, cost]) => ({ name, ...cost }))
      .sort(
        (a, b) => b.deviceWakeUps - a.deviceWakeUps || b.wakeUps - a.wakeUps || b.runs - a.runs,
      );
  }

  #entry(name: string): Counts {
    const isKnown = this.#byName.has(name) || this.#byName.size < MOST_NAMES;
    const key = isKnown ? name : REST;
    let entry = this.#byName.get(key);
    if (entry === undefined) {
      entry = { wakeUps: 0, deviceWakeUps: 0, runs: 0, latestMs: 0 };
      this.#byName.set(key, entry);
    }
    return entry;
  }
}
