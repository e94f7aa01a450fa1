import {
  addMs,
  type Deadline,
  earliestDeadline,
  type Instant,
  type Machine,
  type WakeClass,
} from '@ipsec-kit/clock';
import type {
  DpdReason,
  LivenessAction,
  LivenessCounters,
  LivenessInput,
  LivenessOptions,
} from './liveness-contract.ts';
import { type LivenessSettings, livenessSettings } from './liveness-settings.ts';
import { MappingKeeper } from './mapping-keeper.ts';
import { OneWayWatch } from './one-way-watch.ts';
import { PathDoubt, type UpdateCause } from './path-doubt.ts';
import { TrafficRecord, type TrafficStamps } from './traffic-stamps.ts';

/** Share of the delay by which a DPD may be late, to ride on another wake. */
const DPD_TOLERANCE_SHARE = 0.1;

/** Shortest time between two questions about the path: networks flap, and clocks jump. */
const PAUSE_MS = 500;

/** Decides what keeps a path alive and finds out whether it still is: one for each IKE session, in either role.
 * - 0xFF iff nothing went out for the interval, behind a NAT or where it is forced (RFC 3948 §4).
 * - A DPD with NAT detection in its place iff it is later than interval + margin; also after a sleep longer than the
 *   mapping lives. One that cannot go out because an exchange runs follows that.
 * - A DPD with NAT detection iff traffic goes one-way, behind a NAT or not: a firewall may have forgotten us, a NAT be new, the
 *   peer be elsewhere. An end that is behind no NAT and may not update addresses leaves it to the other.
 * - A DPD iff nothing came in for the delay, and no exchange runs (RFC 7296 §2.4).
 * - One NAT detection right after establishment and after every rekey of the IKE SA, for a baseline; UPDATE_SA_ADDRESSES
 *   as soon as a detection shows another mapping, or may have missed one (RFC 4555 §3.8).
 *
 * Evidence of life and of renewal are kept apart: inbound packets postpone no keepalive (RFC 4787 REQ-6), outbound ones no DPD.
 * A peer's own DPD is answered by whoever holds the IKE SA, whatever is set here.
 */
export class LivenessPolicy implements Machine<LivenessInput, LivenessAction> {
  readonly #settings: LivenessSettings;
  readonly #traffic: TrafficRecord;
  readonly #mapping: MappingKeeper;
  readonly #oneWay = new OneWayWatch();
  readonly #doubt = new PathDoubt();
  readonly #dpds: Record<DpdReason, number> = {
    late: 0,
    slept: 0,
    'one-way': 0,
    connectivity: 0,
    baseline: 0,
    idle: 0,
    keepalive: 0,
  };
  #keepalives = 0;
  #updates = 0;
  #now: Instant;
  #canDetect = false;
  #isExchangeRunning = false;
  #roundTripMs = 0;
  #askedAt: Instant | undefined;

  constructor(now: Instant, options: LivenessOptions = {}) {
    this.#settings = livenessSettings(options);
    this.#traffic = new TrafficRecord(now);
    this.#mapping = new MappingKeeper(this.#settings, this.#traffic);
    this.#now = now;
  }

  handle(input: LivenessInput): readonly LivenessAction[] {
    this.#now = input.now;
    switch (input.kind) {
      case 'traffic':
        this.#traffic.merge(input.stamps);
        if (input.espPacketsOut !== undefined) {
          this.#oneWay.onSample(input.now, input.espPacketsOut, this.#traffic);
        }
        return this.#next();
      case 'timeout':
        return this.#next();
      case 'slept':
        if (this.#mapping.onSlept(input.now, input.sleptMs)) this.#doubt.raise('slept');
        return this.#next();
      case 'connectivity':
        if (this.#settings.updateOnConnectivity && this.#canDetect) {
          this.#doubt.oweUpdate('connectivity');
        } else this.#doubt.raise('connectivity');
        return this.#next();
      case 'path':
        this.#onPath(input.behindNat, input.canDetect);
        return this.#next();
      case 'rekeyed':
        this.#wantBaseline();
        return this.#next();
      case 'exchange-started':
        this.#isExchangeRunning = true;
        return [];
      case 'exchange-ended':
        this.#isExchangeRunning = false;
        if (input.roundTripMs !== undefined) this.#roundTripMs = input.roundTripMs;
        if (input.verdict !== undefined) this.#doubt.onVerdict(input.verdict);
        return this.#next();
      case 'binding':
        this.#mapping.discovered(input.keepaliveMs, input.lifetimeMs);
        return this.#next();
      default:
        return unreachable(input);
    }
  }

  /** Takes stamps without deciding anything: for each packet; what follows from them comes with the next input. */
  note(stamps: TrafficStamps): void {
    this.#traffic.merge(stamps);
  }

  /** Whether the path has to be asked about before anything else goes over it. */
  isInDoubt(now: Instant): boolean {
    return this.#doubt.isPressing || this.#mapping.isLate(now);
  }

  /** When to say `timeout` next.
   * @param wake - of deadlines of this class only: one that does not wake the device must not hide a later one that does.
   */
  nextDeadline(wake?: WakeClass): Deadline | undefined {
    const all = [
      this.#pathDeadline(),
      ...this.#mapping.deadlines(this.#now, this.#askedAt),
      this.#idleDeadline(),
      this.#oneWay.nextDeadline(this.#now, this.#roundTripMs),
    ];
    return earliestDeadline(all.filter((one) => wake === undefined || one?.wake === wake));
  }

  /** When packets last came and went, for status. */
  get stamps(): TrafficStamps & { readonly outKeepalive?: Instant | undefined } {
    return this.#traffic;
  }

  /** What this has cost. */
  get counters(): LivenessCounters {
    return { keepalives: this.#keepalives, updates: this.#updates, dpds: { ...this.#dpds } };
  }

  /** The round trip of the last exchange that went through at once, in milliseconds; 0 while none is known. */
  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  /** The keepalive interval in use, in milliseconds; 0 when none go out. */
  get keepaliveMs(): number {
    return this.#mapping.keepaliveMs;
  }

  /** At most one action: whatever it is, it stands in for the rest. */
  #next(): readonly LivenessAction[] {
    const now = this.#now;
    if (!this.#isExchangeRunning) {
      const isPausing = this.#isPausing(now);
      const { owedUpdate, question } = this.#doubt;
      if (owedUpdate !== undefined && !(isPausing && owedUpdate === 'connectivity')) {
        return this.#update(owedUpdate);
      }
      if (question !== undefined && !isPausing) return this.#ask(question);
      if (this.#minds && this.#oneWay.suspects(now, this.#roundTripMs)) {
        return this.#ask('one-way');
      }
    }
    const kept = this.#keepMapping(now);
    if (kept.length > 0) return kept;
    return this.#isIdle(now) ? this.#ask('idle') : [];
  }

  /** Whether something can be done about traffic that goes one way: a mapping is asked about, or a peer that can be told of another path
   * (RFC 4555 §3.5). Any other end would only ask a peer that sleeps until it counts as dead.
   */
  get #minds(): boolean {
    return this.#canDetect || this.#mapping.canLoseMapping;
  }

  #keepMapping(now: Instant): readonly LivenessAction[] {
    if (!this.#mapping.isDue(now)) return [];
    if (this.#mapping.isLate(now)) {
      if (!this.#isExchangeRunning) return this.#isAskedLately() ? [] : this.#ask('late');
      // It cannot go out now; 0xFF could renew a mapping under another port with nobody noticing, so ask afterwards.
      this.#doubt.raise('late');
    }
    return this.#keep();
  }

  #keep(): readonly LivenessAction[] {
    if (this.#settings.keepaliveKind === 'dpd' && !this.#isExchangeRunning) {
      return this.#isAskedLately() ? [] : this.#ask('keepalive');
    }
    this.#traffic.outKeepalive = this.#now;
    this.#keepalives += 1;
    return [{ kind: this.#settings.keepaliveKind === 'esp' ? 'esp-keepalive' : 'keepalive' }];
  }

  #ask(reason: DpdReason): readonly LivenessAction[] {
    this.#askedAt = this.#now;
    this.#dpds[reason] += 1;
    this.#doubt.onAsked();
    // One-way traffic may come of a NAT that nobody knows of yet.
    const isInDoubt = this.#mapping.canLoseMapping || reason === 'one-way';
    return [{ kind: 'dpd', natDetection: this.#canDetect && isInDoubt, reason }];
  }

  #update(reason: UpdateCause): readonly LivenessAction[] {
    this.#doubt.clear();
    this.#askedAt = this.#now;
    this.#updates += 1;
    return [{ kind: 'update-addresses', reason }];
  }

  #onPath(behindNat: boolean, canDetect: boolean): void {
    this.#mapping.onPath(behindNat);
    this.#canDetect = canDetect;
    this.#doubt.clear();
    this.#wantBaseline();
  }

  #wantBaseline(): void {
    if (!this.#canDetect || !this.#mapping.canLoseMapping) return;
    this.#doubt.wantBaseline();
  }

  /** A DPD was asked for and nothing has gone out since: it waits somewhere, another would not help. */
  #isAskedLately(): boolean {
    return (
      this.#askedAt !== undefined && this.#now < addMs(this.#askedAt, this.#mapping.keepaliveMs)
    );
  }

  #isIdle(now: Instant): boolean {
    const at = this.#idleDeadline()?.at;
    return at !== undefined && now >= at;
  }

  #isPausing(now: Instant): boolean {
    // As {@link #pathDeadline} has it: a difference may round to less at that very instant, for ever.
    return this.#askedAt !== undefined && now < addMs(this.#askedAt, PAUSE_MS);
  }

  /** What is owed goes out at once, or at the end of the exchange that runs; only a pause is waited for. */
  #pathDeadline(): Deadline | undefined {
    if (this.#isExchangeRunning || this.#askedAt === undefined) return undefined;
    if (!this.#doubt.isAny) return undefined;
    const at = addMs(this.#askedAt, PAUSE_MS);
    return { name: 'path', at, toleranceMs: PAUSE_MS, wake: 'device' };
  }

  #idleDeadline(): Deadline | undefined {
    const { dpdDelayMs, dpdWake } = this.#settings;
    // Any exchange asks the same, so a DPD waits for none.
    if (dpdDelayMs === 0 || this.#isExchangeRunning) return undefined;
    const { lastInbound } = this.#traffic;
    const from =
      this.#askedAt !== undefined && this.#askedAt > lastInbound ? this.#askedAt : lastInbound;
    return {
      name: 'dpd',
      at: addMs(from, dpdDelayMs),
      toleranceMs: dpdDelayMs * DPD_TOLERANCE_SHARE,
      wake: dpdWake,
    };
  }
}

function unreachable(input: never): never {
  throw new Error(`unhandled input ${JSON.stringify(input)}`);
}
