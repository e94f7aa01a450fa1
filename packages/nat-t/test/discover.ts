import { instantFromMs } from '@ipsec-kit/clock';
import type { BindingDiscovery, BindingInput, BindingOutput, ProbeOutcome } from '@ipsec-kit/nat-t';
import type { TinyNat } from './tiny-nat.ts';

/** What a search has cost and found. */
export interface Discovered {
  readonly keepaliveMs: number | undefined;
  readonly source: string | undefined;
  readonly probes: number;
  readonly tookMs: number;
  readonly intervals: readonly Extract<BindingOutput, { kind: 'interval' }>[];
}

export interface World {
  readonly nat: TinyNat;
  readonly random: () => number;
  /** Share of probes whose answer gets lost for good. */
  readonly loss?: number;
  /** What a living and a dead mapping look like; default: the server's packet arrives or not. */
  readonly look?: (isAlive: boolean) => ProbeOutcome;
  readonly startMs?: number;
}

/** Runs a discovery in virtual time until it has nothing more to search. */
export function discover(machine: BindingDiscovery, network: string, world: World): Discovered {
  const { nat, random, loss = 0, look = (isAlive) => (isAlive ? 'alive' : 'dead') } = world;
  let nowMs = world.startMs ?? 0;
  const startMs = nowMs;
  let probes = 0;
  const intervals: Extract<BindingOutput, { kind: 'interval' }>[] = [];
  // The type of an input without its time, for each of the kinds.
  type Fact = BindingInput extends infer I
    ? I extends BindingInput
      ? Omit<I, 'now'>
      : never
    : never;
  const tell = (fact: Fact): void => {
    const input = { ...fact, now: instantFromMs(nowMs) } as BindingInput;
    for (const output of machine.handle(input)) perform(output);
  };
  const perform = (output: BindingOutput): void => {
    switch (output.kind) {
      case 'interval':
        intervals.push(output);
        break;
      case 'open-probe':
        probes += 1;
        nowMs += 20 + random() * 200;
        nat.use(output.probeId, nowMs);
        tell({ kind: 'probe-opened', probeId: output.probeId });
        break;
      case 'check-probe': {
        if (random() < loss) break;
        const outcome = look(nat.isAlive(output.probeId, nowMs));
        nowMs += 20 + random() * 200;
        tell({ kind: 'probe-result', probeId: output.probeId, outcome });
        break;
      }
      case 'close-probe':
        break;
    }
  };
  tell({ kind: 'network', network });
  while (machine.isSearching) {
    const deadline = machine.nextDeadline();
    if (deadline === undefined) throw new Error('a search waits for nothing');
    nowMs = Math.max(nowMs, deadline.at + random() * deadline.toleranceMs);
    tell({ kind: 'timeout' });
  }
  const last = intervals.at(-1);
  return {
    keepaliveMs: last?.keepaliveMs,
    source: last?.source,
    probes,
    tookMs: nowMs - startMs,
    intervals,
  };
}
