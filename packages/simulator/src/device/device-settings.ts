/** Which clock the program on a device reads and waits on. */
export type DeviceClockKind =
  /** Counts sleep, and is waited on by reading it again: what `@ipsec-kit/clock` makes of a device. */
  | 'suspend-aware'
  /** Stands still while the device sleeps, as CLOCK_MONOTONIC does on Linux: an interval of 45 s is over after 45 s awake. */
  | 'monotonic'
  /** Counts sleep, but every wait for it is over at once: a deadline of one clock that is waited for on another. The
   * program looks at it again and again as long as the device is awake, and finds it due on time or at the next wake.
   */
  | 'spinning';

/** A span of time from which one is drawn each time, in milliseconds. */
export interface Span {
  readonly leastMs: number;
  readonly mostMs: number;
}

/** A span that is now and then longer. */
export interface ChanceSpan extends Span {
  /** Share of the times, 0 to 1, in which a further span is added. */
  readonly lateShare?: number;
  /** What is added then. */
  readonly lateBy?: Span;
}

/** Why a device woke. */
export type WakeCause = 'packet' | 'alarm' | 'chance' | 'user';

/** How a device sleeps, and what wakes it. */
export interface DeviceSettings {
  readonly clock: DeviceClockKind;
  /** Whether the program sets the alarm of the device for what may wake it, and hears of every resume at once as the source of that does on
   * Linux, or has its timers alone.
   */
  readonly usesAlarm: boolean;
  /** How long it stays awake after each kind of wake, unless something holds it. */
  readonly awakeMs: Readonly<Record<WakeCause, number>>;
  /** Between an inbound packet at the radio and the program on a device that slept. */
  readonly packetWakeMs: number;
  /** Whether inbound packets wake it; otherwise those that come while it sleeps are lost. */
  readonly wakesOnPacket: boolean;
  /** It wakes by itself as well, for the business of others, so long after the last time; absent: never. */
  readonly chanceWake?: ChanceSpan;
  /** In idle mode instead; default as {@link DeviceSettings.chanceWake}. */
  readonly chanceWakeInIdle?: ChanceSpan;
  /** Idle mode begins so long after the device was last used; `Infinity`: never. */
  readonly idleAfterMs: number;
  /** In idle mode an alarm of a program that is not whitelisted rings so much later than it is set for. */
  readonly idleAlarmDelay: Span;
  /** The program is exempt from the limits of idle mode. */
  readonly isWhitelisted: boolean;
  /** How long the radio stays up after each packet. */
  readonly radioTailMs: number;
}

const MINUTE_MS = 60_000;

/** A phone that is not used: it sleeps a moment after each wake, and after 70 minutes it is in idle mode, where alarms are
 * 9 to 15 minutes late unless the program is whitelisted. Settings that are given replace those of the preset.
 */
export function dozingPhone(settings: Partial<DeviceSettings> = {}): DeviceSettings {
  return {
    clock: 'suspend-aware',
    usesAlarm: true,
    awakeMs: { packet: 500, alarm: 500, chance: 2_000, user: 30_000 },
    packetWakeMs: 50,
    wakesOnPacket: true,
    idleAfterMs: 70 * MINUTE_MS,
    idleAlarmDelay: { leastMs: 9 * MINUTE_MS, mostMs: 15 * MINUTE_MS },
    isWhitelisted: false,
    radioTailMs: 200,
    ...settings,
  };
}

/** @throws RangeError on settings that make no sense. */
export function requireDeviceSettings(settings: DeviceSettings): DeviceSettings {
  const { awakeMs, packetWakeMs, radioTailMs, idleAfterMs } = settings;
  const times = { ...awakeMs, packetWakeMs, radioTailMs, idleAfterMs };
  for (const [name, ms] of Object.entries(times)) {
    if (!(ms >= 0)) throw new RangeError(`device: "${name}" expected 0 ms or more, got ${ms}`);
  }
  for (const name of ['chanceWake', 'chanceWakeInIdle', 'idleAlarmDelay'] as const) {
    const span = settings[name];
    // A span that may be 0 would wake the device for ever at one instant.
    if (!span || (span.leastMs >= 1 && span.mostMs >= span.leastMs)) continue;
    throw new RangeError(
      `device: "${name}" expected a span from 1 ms on, got ${span.leastMs} to ${span.mostMs}`,
    );
  }
  return settings;
}
