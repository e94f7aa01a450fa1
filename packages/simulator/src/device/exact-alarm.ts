import { addMs, type CancelWake, type Clock, type Instant, instantFromMs } from '@ipsec-kit/clock';
import type { DeviceAlarm } from '@ipsec-kit/scheduler';

/** What the alarm of a device depends on. */
export interface ExactAlarmOptions {
  readonly world: Clock;
  /** Wakes the device before an alarm rings. */
  wake(): void;
  hold(): () => void;
  /** Whether alarms are deferred now. */
  isDeferring(): boolean;
  /** How much later than it is set for an alarm rings that is deferred, drawn anew for each. */
  drawDelayMs(): number;
}

/** The one alarm of a program, which wakes the device: on time, or in idle mode so much later than it is set for. */
export class ExactAlarm implements DeviceAlarm<'device'> {
  readonly #options: ExactAlarmOptions;
  #set: { readonly wanted: Instant; readonly fire: () => void } | undefined;
  #cancelRing: CancelWake | undefined;
  /** By how much the next ring is late if alarms are deferred. */
  #delayMs: number;
  #rings = 0;
  #deferred = 0;

  constructor(options: ExactAlarmOptions) {
    this.#options = options;
    this.#delayMs = options.drawDelayMs();
  }

  /** How often it rang, and how often that was later than it was set for. */
  get rings(): number {
    return this.#rings;
  }

  get deferredRings(): number {
    return this.#deferred;
  }

  set(inMs: number, _at: Instant<'device'>, fire: () => void): void {
    // Whole milliseconds, as those of real devices, and never early.
    const wanted = instantFromMs(Math.ceil(addMs(this.#options.world.now(), inMs)));
    this.#set = { wanted, fire };
    this.#arm();
  }

  cancel(): void {
    this.#set = undefined;
    this.#cancelRing?.();
    this.#cancelRing = undefined;
  }

  hold(): () => void {
    return this.#options.hold();
  }

  /** Alarms begin to be deferred, or are on time again: the one that is set rings later, or at once if it is overdue. */
  onIdleChange(): void {
    this.#arm();
  }

  #arm(): void {
    this.#cancelRing?.();
    this.#cancelRing = undefined;
    const set = this.#set;
    if (!set) return;
    const { world, isDeferring } = this.#options;
    const at = isDeferring() ? addMs(set.wanted, this.#delayMs) : set.wanted;
    this.#cancelRing = world.wakeAt(at, () => this.#ring());
  }

  #ring(): void {
    const set = this.#set;
    if (!set) return;
    const { wake, isDeferring, drawDelayMs } = this.#options;
    this.#set = undefined;
    this.#cancelRing = undefined;
    this.#rings += 1;
    if (isDeferring()) {
      this.#deferred += 1;
      this.#delayMs = drawDelayMs();
    }
    wake();
    set.fire();
  }
}
