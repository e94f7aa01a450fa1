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
  /** Least time between two alarms that are deferred, drawn anew for each. */
  drawSpanMs(): number;
}

/** The one alarm of a program, which wakes the device: on time, or in idle mode not before the span after the last. */
export class ExactAlarm implements DeviceAlarm<'device'> {
  readonly #options: ExactAlarmOptions;
  #set: { readonly wanted: Instant; readonly fire: () => void } | undefined;
  #cancelRing: CancelWake | undefined;
  /** Before this nothing rings while alarms are deferred. */
  #notBefore: Instant;
  #rings = 0;
  #deferred = 0;

  constructor(options: ExactAlarmOptions) {
    this.#options = options;
    this.#notBefore = options.world.now();
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

  /** Alarms are deferred from now on, the one that is set included. */
  beginDeferring(): void {
    const { world, drawSpanMs } = this.#options;
    this.#notBefore = addMs(world.now(), drawSpanMs());
    this.#arm();
  }

  /** Alarms are on time again: one that is overdue rings at once. */
  endDeferring(): void {
    this.#arm();
  }

  #arm(): void {
    this.#cancelRing?.();
    this.#cancelRing = undefined;
    const set = this.#set;
    if (!set) return;
    const { world, isDeferring } = this.#options;
    const isLate = isDeferring() && this.#notBefore > set.wanted;
    this.#cancelRing = world.wakeAt(isLate ? this.#notBefore : set.wanted, () => this.#ring());
  }

  #ring(): void {
    const set = this.#set;
    if (!set) return;
    const { world, wake, isDeferring, drawSpanMs } = this.#options;
    this.#set = undefined;
    this.#cancelRing = undefined;
    this.#rings += 1;
    if (isDeferring()) {
      if (world.now() > set.wanted) this.#deferred += 1;
      this.#notBefore = addMs(world.now(), drawSpanMs());
    }
    wake();
    set.fire();
  }
}
