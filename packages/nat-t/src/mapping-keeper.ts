import { addMs, type Deadline, type Instant, msBetween } from '@ipsec-kit/clock';
import { BindingRule } from './binding-rule.ts';
import type { LivenessSettings } from './liveness-settings.ts';
import type { TrafficRecord } from './traffic-stamps.ts';

/** Knows when the mapping of a NAT wants to be renewed, and when it may be gone: from what went out last, and from how long the
 * device slept.
 */
export class MappingKeeper {
  readonly #settings: LivenessSettings;
  readonly #rule: BindingRule;
  readonly #traffic: TrafficRecord;
  #isBehindNat = false;
  /** Until then a question, or the exchange that runs, goes out before 0xFF. */
  #heldUntil: Instant | undefined;

  constructor(settings: LivenessSettings, traffic: TrafficRecord) {
    this.#settings = settings;
    this.#rule = new BindingRule(settings);
    this.#traffic = traffic;
  }

  /** A NAT, or a firewall that keepalives are forced for, may forget us. */
  get canLoseMapping(): boolean {
    return this.#isBehindNat || this.#settings.keepaliveWhen === 'always';
  }

  /** The interval, in milliseconds; 0 when there is nothing to keep. */
  get keepaliveMs(): number {
    return this.canLoseMapping ? this.#rule.keepaliveMs : 0;
  }

  onPath(isBehindNat: boolean): void {
    this.#isBehindNat = isBehindNat;
  }

  /** Takes over what discovery found. */
  discovered(keepaliveMs: number, lifetimeMs: number | undefined): void {
    this.#rule.discovered(keepaliveMs, lifetimeMs);
  }

  /** The device slept. @returns whether that may have cost the mapping. */
  onSlept(now: Instant, sleptMs: number): boolean {
    const silenceMs = msBetween(this.#traffic.lastOutbound, now);
    if (!this.canLoseMapping || !this.#rule.isDoubtfulAfter(sleptMs, silenceMs)) return false;
    // 0xFF first would renew the mapping under another port before anybody asks.
    this.#heldUntil = addMs(now, this.#rule.keepaliveMs);
    return true;
  }

  /** Whether something has to go out now. */
  isDue(now: Instant): boolean {
    if (this.keepaliveMs === 0) return false;
    // As {@link #dueAt} has it: a difference may round to less at that very instant, for ever.
    return now >= this.#dueAt();
  }

  /** Whether the silence has lasted so long that the mapping may be gone. */
  isLate(now: Instant): boolean {
    if (this.keepaliveMs === 0) return false;
    return this.#rule.judge(msBetween(this.#traffic.lastOutbound, now)) === 'late';
  }

  /** When the device has to be woken for it, and when it is due, for whatever wakes the device between the two makes the alarm needless.
   * @param askedAt - when a DPD was last asked for.
   */
  deadlines(now: Instant, askedAt: Instant | undefined): readonly Deadline[] {
    if (this.keepaliveMs === 0) return [];
    const at = this.#nextAt(now, askedAt);
    const { rideMs, toleranceMs } = this.#rule;
    const name = 'nat-keepalive';
    const wake = this.#settings.keepaliveWake;
    const alarm: Deadline = { name, at: addMs(at, rideMs), toleranceMs, wake };
    return rideMs === 0 ? [alarm] : [alarm, { name, at, toleranceMs: 0, wake: 'process' }];
  }

  #nextAt(now: Instant, askedAt: Instant | undefined): Instant {
    const due = this.#dueAt();
    if (askedAt === undefined) return due;
    // A DPD that was asked for and did not go out postpones no 0xFF, only the next DPD in its place.
    const isDpd = this.#settings.keepaliveKind === 'dpd' || this.isLate(now);
    const again = addMs(askedAt, this.#rule.keepaliveMs);
    return isDpd && again > due ? again : due;
  }

  #dueAt(): Instant {
    const due = addMs(this.#traffic.lastOutbound, this.#rule.keepaliveMs);
    return this.#heldUntil !== undefined && this.#heldUntil > due ? this.#heldUntil : due;
  }
}
