import { addMs, type CancelWake, type Clock, type SleepAwareClock } from '@ipsec-kit/clock';
import { alarmWakeSource, type WakeSource } from '@ipsec-kit/scheduler';
import type { Datagram } from '../network/datagram.ts';
import type { Middlebox, Passage } from '../network/middlebox.ts';
import { RandomStream } from '../network/random-stream.ts';
import { createDeviceClock } from './device-clock.ts';
import { DeviceCpu } from './device-cpu.ts';
import {
  type ChanceSpan,
  type DeviceSettings,
  requireDeviceSettings,
  type Span,
} from './device-settings.ts';
import { DeviceTimers } from './device-timers.ts';
import { type EnergyAccount, EnergyMeter } from './energy-account.ts';
import { ExactAlarm } from './exact-alarm.ts';

/** What a device is made with. */
export interface DozingDeviceOptions {
  /** For traces. */
  readonly name: string;
  /** The time that always passes. */
  readonly world: Clock;
  readonly settings: DeviceSettings;
  readonly seed: number | string;
  /** Told when it sleeps, wakes, and goes into idle mode and out of it. */
  readonly onNote?: (what: string) => void;
}

/** A device whose CPU sleeps when nothing wants it. A host on it gets its clock, its alarm as a wake source, and as the
 * middlebox nearest to it the device itself, which wakes for inbound packets and keeps account of the radio.
 */
export class DozingDevice {
  readonly name: string;
  /** What the program reads and waits on. */
  readonly clock: Clock<'device'> | SleepAwareClock<'device'>;
  /** Wakes the device, and holds it until the work is done; `undefined` where the program does without. */
  readonly alarm: WakeSource<'device'> | undefined;
  readonly middlebox: Middlebox;
  readonly #world: Clock;
  readonly #settings: DeviceSettings;
  readonly #random: RandomStream;
  readonly #cpu: DeviceCpu;
  readonly #meter: EnergyMeter;
  readonly #alarm: ExactAlarm;
  readonly #onNote: (what: string) => void;
  #isIdle = false;
  #cancelIdle: CancelWake | undefined;
  #cancelChance: CancelWake | undefined;

  /** A device that was used just now. @throws RangeError on settings that make no sense. */
  constructor({ name, world, settings, seed, onNote }: DozingDeviceOptions) {
    const {
      clock: clockKind,
      awakeMs,
      radioTailMs,
      idleAlarmDelay,
    } = requireDeviceSettings(settings);
    const cpu = new DeviceCpu(world, awakeMs.user);
    this.name = name;
    this.#world = world;
    this.#settings = settings;
    this.#random = new RandomStream(`${seed}/${name}/wakes`);
    this.#cpu = cpu;
    this.#onNote = onNote ?? (() => undefined);
    this.#meter = new EnergyMeter(world, cpu, radioTailMs);
    cpu.onChange((isAwake, cause) => this.#onNote(isAwake ? `wakes (${cause})` : 'sleeps'));
    const { clock, onSpin } = createDeviceClock(
      clockKind,
      world,
      cpu,
      new DeviceTimers(world, cpu),
    );
    onSpin?.((isSpinning) => this.#meter.onSpin(isSpinning));
    this.clock = clock;
    if (settings.usesAlarm && 'checkSleep' in clock) {
      // The source of the alarm notices every resume at once, as a timerfd on Linux does.
      cpu.onChange((isAwake) => {
        if (isAwake) clock.checkSleep();
      });
    }
    const deferrals = new RandomStream(`${seed}/${name}/deferrals`);
    this.#alarm = new ExactAlarm({
      world,
      wake: () => cpu.wake('alarm', awakeMs.alarm),
      hold: () => cpu.hold(),
      isDeferring: () => this.#isIdle && !settings.isWhitelisted,
      drawDelayMs: () => draw(deferrals, idleAlarmDelay),
    });
    this.alarm = settings.usesAlarm ? alarmWakeSource({ clock, alarm: this.#alarm }) : undefined;
    this.middlebox = {
      name: `${name} asleep`,
      pass: (datagram, direction) =>
        direction === 'inward' ? this.#onInbound(datagram) : this.#onOutbound(datagram),
    };
    this.#awaitIdle();
    this.#awaitChance();
  }

  get isAwake(): boolean {
    return this.#cpu.isAwake;
  }

  /** In the deeper idle mode of a device that nobody has used for long. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** How often the alarm rang, and how often later than it was set for because of idle mode. */
  get alarms(): { readonly rings: number; readonly deferredRings: number } {
    const { rings, deferredRings } = this.#alarm;
    return { rings, deferredRings };
  }

  /** Somebody uses it: it is awake, idle mode is over, and its programs are told, as when a screen goes on. */
  use(forMs: number = this.#settings.awakeMs.user): void {
    const wasIdle = this.#isIdle;
    this.#isIdle = false;
    this.#cpu.wake('user', forMs);
    if ('checkSleep' in this.clock) this.clock.checkSleep();
    if (wasIdle) {
      this.#onNote('leaves idle mode');
      this.#alarm.onIdleChange();
      this.#awaitChance();
    }
    this.#awaitIdle();
  }

  /** Keeps it awake until what this returns is called: a partial wake lock. */
  hold(): () => void {
    return this.#cpu.hold();
  }

  account(): EnergyAccount {
    return this.#meter.account();
  }

  #onOutbound(datagram: Datagram): readonly Passage[] {
    this.#meter.onPacket('outward', datagram.data.length);
    return [{ datagram, delayMs: 0 }];
  }

  #onInbound(datagram: Datagram): readonly Passage[] {
    const { awakeMs, packetWakeMs, wakesOnPacket } = this.#settings;
    const wasAwake = this.#cpu.isAwake;
    if (!wasAwake && !wakesOnPacket) return [];
    this.#meter.onPacket('inward', datagram.data.length);
    const delayMs = wasAwake ? 0 : packetWakeMs;
    this.#cpu.wake('packet', delayMs + awakeMs.packet);
    return [{ datagram, delayMs }];
  }

  #awaitIdle(): void {
    const { idleAfterMs } = this.#settings;
    this.#cancelIdle?.();
    if (idleAfterMs === Number.POSITIVE_INFINITY) return;
    this.#cancelIdle = this.#world.wakeAt(addMs(this.#world.now(), idleAfterMs), () => {
      this.#isIdle = true;
      this.#onNote('enters idle mode');
      this.#alarm.onIdleChange();
      this.#awaitChance();
    });
  }

  #awaitChance(): void {
    const { chanceWake, chanceWakeInIdle = chanceWake, awakeMs } = this.#settings;
    const span = this.#isIdle ? chanceWakeInIdle : chanceWake;
    this.#cancelChance?.();
    if (!span) return;
    const at = addMs(this.#world.now(), drawChance(this.#random, span));
    this.#cancelChance = this.#world.wakeAt(at, () => {
      this.#cpu.wake('chance', awakeMs.chance);
      this.#awaitChance();
    });
  }
}

function drawChance(random: RandomStream, span: ChanceSpan): number {
  const { lateShare = 0, lateBy } = span;
  const spanMs = draw(random, span);
  return lateBy && random.fraction() < lateShare ? spanMs + draw(random, lateBy) : spanMs;
}

function draw(random: RandomStream, { leastMs, mostMs }: Span): number {
  return random.between(leastMs, mostMs);
}
