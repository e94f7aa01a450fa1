import { addMs, type Deadline, type Instant, type Machine, msBetween } from '@ipsec-kit/clock';
import type {
  BindingDiscoveryOptions,
  BindingInput,
  BindingOutput,
  IntervalSource,
  ProbeOutcome,
} from './binding-contract.ts';
import { type BindingKnowledge, BindingMemory } from './binding-memory.ts';
import { BindingSearch } from './binding-search.ts';

/** The interval as a share of the longest idle time that was survived. */
const SAFETY = 0.79;
/** What is left of the interval after a miss. */
const AFTER_MISS = 0.7;
/** How much later than planned a look may come, to ride on another wake. */
const LOOK_TOLERANCE_SHARE = 0.05;
/** How long the server may take to answer a probe. */
const ANSWER_MS = 30_000;
/** Pause before the search begins anew after a miss; doubles with each. */
const FIRST_PAUSE_MS = 10 * 60_000;
const LONGEST_PAUSE_MS = 24 * 3_600_000;

type Probe =
  | { readonly kind: 'opening'; readonly id: number; readonly idleMs: number; readonly at: Instant }
  | { readonly kind: 'idle'; readonly id: number; readonly idleMs: number; readonly since: Instant }
  | {
      readonly kind: 'checking';
      readonly id: number;
      readonly idledMs: number;
      readonly at: Instant;
    };

interface Search {
  readonly result: BindingSearch;
  readonly began: Instant;
  probes: number;
  isProven: boolean;
}

/** Finds out how long the NAT of the current network keeps an idle mapping, and chooses the keepalive interval from that.
 *
 * One scratch mapping at a time is left idle and then looked at: idle times double from 15 s while mappings live, then the gap
 * is bisected, then the best is tried twice more; at most 12 probes and 45 minutes. The interval is 79% of what lived, never
 * below 10 s, and is raised and lowered while the search goes on. It is remembered per network; after a miss it shrinks by
 * 30%, and the search begins anew after a pause that doubles with every miss.
 */
export class BindingDiscovery implements Machine<BindingInput, BindingOutput> {
  readonly #options: Required<BindingDiscoveryOptions>;
  readonly #memory: BindingMemory;
  #network: string | undefined;
  #search: Search | undefined;
  #probe: Probe | undefined;
  #probeIds = 0;
  #keepaliveMs: number | undefined;
  #searchAt: Instant | undefined;

  /** @param memory - what is known of networks; keeps what is found. */
  constructor(options: BindingDiscoveryOptions = {}, memory: BindingMemory = new BindingMemory()) {
    this.#options = {
      floorMs: 10_000,
      firstMs: 15_000,
      mostMs: 480_000,
      mostProbes: 12,
      mostMinutes: 45,
      unprovenMs: 20_000,
      ...options,
    };
    this.#memory = memory;
  }

  handle(input: BindingInput): readonly BindingOutput[] {
    const { now } = input;
    switch (input.kind) {
      case 'network':
        return this.#enter(now, input.network);
      case 'stop':
        return this.#leave();
      case 'probe-opened':
        if (this.#probe?.kind === 'opening' && this.#probe.id === input.probeId) {
          const { id, idleMs } = this.#probe;
          this.#probe = { kind: 'idle', id, idleMs, since: now };
        }
        return [];
      case 'probe-result':
        return this.#onResult(now, input.probeId, input.outcome);
      case 'miss':
        return this.#onMiss(now);
      case 'timeout':
        return this.#onTimeout(now);
      default:
        return unreachable(input);
    }
  }

  nextDeadline(): Deadline | undefined {
    const probe = this.#probe;
    if (probe === undefined) {
      if (this.#searchAt === undefined) return undefined;
      return {
        name: 'binding search',
        at: this.#searchAt,
        toleranceMs: FIRST_PAUSE_MS,
        wake: 'process',
      };
    }
    if (probe.kind === 'idle') {
      // How long it really was idle is measured, so a late look is not a wrong one.
      const toleranceMs = probe.idleMs * LOOK_TOLERANCE_SHARE;
      const at = addMs(probe.since, probe.idleMs);
      return { name: 'binding probe', at, toleranceMs, wake: 'device' };
    }
    const at = addMs(probe.at, ANSWER_MS);
    return { name: 'binding probe answer', at, toleranceMs: ANSWER_MS / 2, wake: 'process' };
  }

  /** Whether a search is going on. */
  get isSearching(): boolean {
    return this.#search !== undefined;
  }

  #enter(now: Instant, network: string): readonly BindingOutput[] {
    if (network === this.#network) return [];
    const left = this.#leave();
    this.#network = network;
    const known = this.#memory.get(network);
    if (known === undefined) return [...left, ...this.#begin(now)];
    this.#keepaliveMs = known.keepaliveMs;
    if (known.isDistrusted) this.#searchAt = addMs(now, pauseMs(known.misses));
    return [...left, intervalOf(known, 'remembered')];
  }

  #leave(): readonly BindingOutput[] {
    const closed = this.#closeProbe();
    this.#network = undefined;
    this.#search = undefined;
    this.#searchAt = undefined;
    this.#keepaliveMs = undefined;
    return closed;
  }

  #begin(now: Instant): readonly BindingOutput[] {
    this.#searchAt = undefined;
    const result = new BindingSearch(this.#options);
    this.#search = { result, began: now, probes: 0, isProven: false };
    return this.#continue(now, this.#search);
  }

  #continue(now: Instant, search: Search): readonly BindingOutput[] {
    const idleMs = search.result.nextIdleMs();
    const spentMs = msBetween(search.began, now);
    const budgetMs = this.#options.mostMinutes * 60_000;
    const lastsMs = (idleMs ?? 0) * (1 + LOOK_TOLERANCE_SHARE) + 2 * ANSWER_MS;
    const isOver = search.probes >= this.#options.mostProbes || spentMs + lastsMs > budgetMs;
    if (idleMs === undefined || isOver) return this.#finish(search);
    search.probes += 1;
    this.#probeIds += 1;
    this.#probe = { kind: 'opening', id: this.#probeIds, idleMs, at: now };
    return [{ kind: 'open-probe', probeId: this.#probeIds }];
  }

  #onResult(now: Instant, probeId: number, outcome: ProbeOutcome): readonly BindingOutput[] {
    const probe = this.#probe;
    const search = this.#search;
    if (search === undefined || probe?.id !== probeId) return [];
    // One that was lost before it was looked at says nothing.
    const said = probe.kind === 'checking' ? outcome : 'unanswered';
    const closed = this.#closeProbe();
    if (probe.kind === 'checking' && said !== 'unanswered') {
      search.result.onResult(probe.idledMs, said !== 'dead');
      if (said !== 'same-view') search.isProven = true;
    }
    return [...closed, ...this.#announce(search, 'searching'), ...this.#continue(now, search)];
  }

  #finish(search: Search): readonly BindingOutput[] {
    this.#search = undefined;
    const announced = this.#announce(search, search.isProven ? 'found' : 'unproven');
    const network = this.#network;
    if (network !== undefined) this.#memory.set(network, this.#knowledge(search));
    return announced;
  }

  get #known(): BindingKnowledge | undefined {
    return this.#network === undefined ? undefined : this.#memory.get(this.#network);
  }

  #announce(search: Search, source: IntervalSource): readonly BindingOutput[] {
    const isResult = source !== 'searching';
    const { aliveMs, deadMs } = search.result;
    // A first guess is not lowered to the floor because a first probe got lost.
    if (!isResult && (!search.isProven || (aliveMs ?? deadMs) === undefined)) return [];
    const knowledge = this.#knowledge(search);
    if (knowledge.keepaliveMs === this.#keepaliveMs && !isResult) return [];
    this.#keepaliveMs = knowledge.keepaliveMs;
    return [intervalOf(knowledge, source)];
  }

  #knowledge({ result, isProven }: Search): BindingKnowledge {
    const { floorMs, unprovenMs } = this.#options;
    const aliveMs = result.aliveMs ?? 0;
    const { deadMs } = result;
    const keepaliveMs = isProven ? Math.max(floorMs, Math.floor(aliveMs * SAFETY)) : unprovenMs;
    return {
      aliveMs: isProven ? aliveMs : 0,
      ...(deadMs === undefined ? {} : { deadMs }),
      keepaliveMs,
      misses: this.#known?.misses ?? 0,
      isDistrusted: false,
    };
  }

  #onMiss(now: Instant): readonly BindingOutput[] {
    const network = this.#network;
    const known = this.#known;
    if (network === undefined || known === undefined || this.#search !== undefined) return [];
    const misses = known.misses + 1;
    const knowledge: BindingKnowledge = {
      aliveMs: 0,
      deadMs: known.keepaliveMs,
      keepaliveMs: Math.max(this.#options.floorMs, Math.floor(known.keepaliveMs * AFTER_MISS)),
      misses,
      isDistrusted: true,
    };
    this.#memory.set(network, knowledge);
    this.#keepaliveMs = knowledge.keepaliveMs;
    this.#searchAt ??= addMs(now, pauseMs(misses));
    return [intervalOf(knowledge, 'missed')];
  }

  #onTimeout(now: Instant): readonly BindingOutput[] {
    const deadline = this.nextDeadline();
    if (deadline === undefined || now < deadline.at) return [];
    const probe = this.#probe;
    if (probe === undefined) return this.#begin(now);
    if (probe.kind !== 'idle') return this.#onResult(now, probe.id, 'unanswered');
    const idledMs = msBetween(probe.since, now);
    this.#probe = { kind: 'checking', id: probe.id, idledMs, at: now };
    return [{ kind: 'check-probe', probeId: probe.id }];
  }

  #closeProbe(): readonly BindingOutput[] {
    const probe = this.#probe;
    this.#probe = undefined;
    return probe === undefined ? [] : [{ kind: 'close-probe', probeId: probe.id }];
  }
}

function intervalOf(knowledge: BindingKnowledge, source: IntervalSource): BindingOutput {
  const { keepaliveMs, aliveMs } = knowledge;
  return {
    kind: 'interval',
    keepaliveMs,
    ...(aliveMs > keepaliveMs ? { lifetimeMs: aliveMs } : {}),
    source,
  };
}

function pauseMs(misses: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(20, misses - 1));
}

function unreachable(input: never): never {
  throw new Error(`unhandled input ${JSON.stringify(input)}`);
}
