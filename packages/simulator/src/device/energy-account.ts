import { addMs, type Clock, type Instant, msBetween } from '@ipsec-kit/clock';
import type { DeviceCpu } from './device-cpu.ts';
import type { WakeCause } from './device-settings.ts';

/** What a device has done with its battery so far. */
export interface EnergyAccount {
  readonly elapsedMs: number;
  readonly awakeMs: number;
  /** Of that, held awake by a wake lock. */
  readonly heldMs: number;
  /** Of that, in a busy loop. */
  readonly busyMs: number;
  /** The radio up, its tails included. */
  readonly radioMs: number;
  /** Wakes from sleep, by what woke it. */
  readonly wakeUps: Readonly<Record<WakeCause, number>>;
  /** Of those by chance or by the user, the ones in which the program was in a busy loop. */
  readonly busyWakeUps: number;
  readonly packetsOut: number;
  readonly packetsIn: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
}

/** What things cost, in percent of a full battery. */
export interface EnergyModel {
  /** Whatever the device does: asleep, too. */
  readonly percentPerHour: number;
  readonly percentPerAwakeHour: number;
  readonly percentPerBusyHour: number;
  readonly percentPerRadioHour: number;
  readonly percentPerWakeUp: number;
}

/** Wake-ups that a program costs a device: those by its alarm and by its packets, and those of others that its busy loop makes
 * use of.
 */
export function wakeUpsForProgram({ wakeUps, busyWakeUps }: EnergyAccount): number {
  return wakeUps.packet + wakeUps.alarm + busyWakeUps;
}

/** Percent of the battery that an account stands for. */
export function batteryUsed(account: EnergyAccount, model: EnergyModel): number {
  const hours = (ms: number): number => ms / 3_600_000;
  const { packet, alarm, chance, user } = account.wakeUps;
  return (
    hours(account.elapsedMs) * model.percentPerHour +
    hours(account.awakeMs) * model.percentPerAwakeHour +
    hours(account.busyMs) * model.percentPerBusyHour +
    hours(account.radioMs) * model.percentPerRadioHour +
    (packet + alarm + chance + user) * model.percentPerWakeUp
  );
}

/** Keeps account of a device. */
export class EnergyMeter {
  readonly #world: Clock;
  readonly #cpu: DeviceCpu;
  readonly #radioTailMs: number;
  #radioUntil: Instant;
  #radioMs = 0;
  #busyMs = 0;
  /** Awake time at which the busy loop that runs now began. */
  #busySinceMs: number | undefined;
  /** The wake that goes on is none of the program's, and has not been counted as one. */
  #isOthersWake = false;
  #busyWakeUps = 0;
  #packetsOut = 0;
  #packetsIn = 0;
  #bytesOut = 0;
  #bytesIn = 0;

  constructor(world: Clock, cpu: DeviceCpu, radioTailMs: number) {
    this.#world = world;
    this.#cpu = cpu;
    this.#radioTailMs = radioTailMs;
    this.#radioUntil = world.now();
    cpu.onChange((isAwake, cause) => {
      this.#isOthersWake = isAwake && (cause === 'chance' || cause === 'user');
      this.#countBusyWake();
    });
  }

  onPacket(direction: 'outward' | 'inward', sizeBytes: number): void {
    if (direction === 'outward') {
      this.#packetsOut += 1;
      this.#bytesOut += sizeBytes;
    } else {
      this.#packetsIn += 1;
      this.#bytesIn += sizeBytes;
    }
    const now = this.#world.now();
    const until = addMs(now, this.#radioTailMs);
    // A tail that still runs is prolonged, not counted twice.
    this.#radioMs += this.#radioTailMs - Math.max(0, msBetween(now, this.#radioUntil));
    this.#radioUntil = until;
  }

  /** A busy loop begins or ends. It turns only while the device is awake, so awake time is what it is measured in. */
  onSpin(isSpinning: boolean): void {
    if (isSpinning === (this.#busySinceMs !== undefined)) return;
    this.#busyMs = this.#busy;
    this.#busySinceMs = isSpinning ? this.#cpu.monotonicMs : undefined;
    this.#countBusyWake();
  }

  /** Once for each wake. */
  #countBusyWake(): void {
    if (!this.#isOthersWake || this.#busySinceMs === undefined) return;
    this.#isOthersWake = false;
    this.#busyWakeUps += 1;
  }

  account(): EnergyAccount {
    const cpu = this.#cpu;
    const now = this.#world.now();
    return {
      elapsedMs: cpu.boottimeMs,
      awakeMs: cpu.monotonicMs,
      heldMs: cpu.heldMs,
      busyMs: this.#busy,
      // What lies ahead of a tail is not used yet.
      radioMs: this.#radioMs - Math.max(0, msBetween(now, this.#radioUntil)),
      wakeUps: cpu.wakeUps,
      busyWakeUps: this.#busyWakeUps,
      packetsOut: this.#packetsOut,
      packetsIn: this.#packetsIn,
      bytesOut: this.#bytesOut,
      bytesIn: this.#bytesIn,
    };
  }

  get #busy(): number {
    const since = this.#busySinceMs;
    return this.#busyMs + (since === undefined ? 0 : this.#cpu.monotonicMs - since);
  }
}
