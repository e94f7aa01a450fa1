import type { DeviceSettings } from '../device/device-settings.ts';
import { behavingNat, carrierNat, type NatSettings } from '../nat/nat-settings.ts';
import { type LinkSettings, wifi } from '../network/link.ts';
import type { SideOptions } from '../simulation/simulation-options.ts';
import type { DozePlan } from './run-doze.ts';

/** What was measured on a Pixel 4 with Android 10, a strongSwan app and its server, in 2020. */
export interface PublishedFigures {
  readonly batteryPercent: number;
  readonly afterHours: number;
  /** Absent where nothing was pinged. */
  readonly lossPercent?: number;
}

/** A row of the table: a plan, and what was published for one like it. */
export interface DozeRow {
  readonly name: string;
  readonly plan: DozePlan;
  readonly published?: PublishedFigures;
  /** What the energy model is calibrated on: a phone without a VPN, and one in a busy loop. */
  readonly calibrates?: 'quiet' | 'busy';
}

/** The phone of all rows. Fitted to what was published of its wakes: a program that looks at every wake sent "often 3 keepalives
 * ~61 s apart, then followed a slightly longer delay (10-20 s)"; one that counts 45 s awake sent them "4 or more minutes"
 * after the last packet, so that a wake lasts between ten and eleven seconds.
 */
export const PHONE: Partial<DeviceSettings> = {
  chanceWake: {
    leastMs: 60_500,
    mostMs: 61_500,
    lateShare: 0.25,
    lateBy: { leastMs: 10_000, mostMs: 20_000 },
  },
  awakeMs: { packet: 500, alarm: 500, chance: 10_500, user: 30_000 },
};

/** The NAT of all published rows. Its lifetime was not published; 290 s is fitted, once for all: a mapping that only the pings
 * keep dies before the next of them, and one that is kept after "4 or more minutes" dies "occasionally". It was "not very
 * busy, so the same NAT mapping was assigned" again.
 */
export const HOME_NAT: NatSettings = behavingNat({ lifetimeMs: 290_000 });

/** Behind this one, a mobile network's, rows that lost nothing are run again, and the project's own default. */
export const CARRIER_NAT: NatSettings = carrierNat();

/** A link that loses nothing by itself, so that every ping that is lost is lost to a mapping. */
export const QUIET_WIFI: LinkSettings = wifi({ loss: 0 });

const HOURS = 22;

/** A side that never asks whether its peer lives. */
export const noChecks: SideOptions = { connection: { dpdDelayMs: 0 } };

/** A side that sends keepalives after `everyMs`, DPDs when it is later than that by `marginMs`, and no other checks: it does not
 * learn that it slept.
 */
export function keepalives(everyMs: number, marginMs: number): SideOptions {
  return {
    ...noChecks,
    tellsOfSleep: false,
    settings: { keepaliveMs: everyMs, keepaliveDpdMarginMs: marginMs },
  };
}

function row(
  name: string,
  device: Partial<DeviceSettings>,
  client: SideOptions,
  published: Omit<PublishedFigures, 'afterHours'>,
  parts: Partial<DozePlan> = {},
  calibrates?: DozeRow['calibrates'],
): DozeRow {
  const hours = parts.hours ?? HOURS;
  return {
    name,
    published: { ...published, afterHours: hours },
    ...(calibrates ? { calibrates } : {}),
    plan: {
      hours,
      device: { ...PHONE, ...device },
      nat: HOME_NAT,
      link: QUIET_WIFI,
      client,
      server: noChecks,
      ...parts,
    },
  };
}

const monotonic: Partial<DeviceSettings> = { clock: 'monotonic', usesAlarm: false };
const spinning: Partial<DeviceSettings> = { clock: 'spinning', usesAlarm: false };
const alarm: Partial<DeviceSettings> = { isWhitelisted: true };

/** The published rows, in their order. The wake lock was measured with the clock of the rows above it. */
export const DOZE_ROWS: readonly DozeRow[] = [
  row('no VPN', monotonic, noChecks, { batteryPercent: 93 }, { hasTunnel: false }, 'quiet'),
  row('monotonic clock', monotonic, keepalives(45_000, 0), { batteryPercent: 93, lossPercent: 26 }),
  row(
    'boottime, not waited for',
    spinning,
    keepalives(45_000, 0),
    { batteryPercent: 55, lossPercent: 0 },
    {},
    'busy',
  ),
  row('the same, with DPD', spinning, keepalives(45_000, 20_000), {
    batteryPercent: 55,
    lossPercent: 0,
  }),
  row(
    'the same, with a wake lock',
    spinning,
    keepalives(45_000, 20_000),
    { batteryPercent: 58, lossPercent: 0 },
    { hours: 4, hasWakeLock: true },
  ),
  row(
    'monotonic clock, DPD by the server',
    monotonic,
    keepalives(45_000, 0),
    { batteryPercent: 93, lossPercent: 0 },
    { server: { connection: { dpdDelayMs: 60_000 } } },
  ),
  row('alarm, whitelisted', alarm, keepalives(60_000, 20_000), {
    batteryPercent: 96,
    lossPercent: 0,
  }),
  row('alarm, not whitelisted', {}, keepalives(60_000, 20_000), {
    batteryPercent: 94,
    lossPercent: 68,
  }),
];

/** The rows that lost nothing, behind {@link CARRIER_NAT}. */
export const CARRIER_ROWS: readonly DozeRow[] = DOZE_ROWS.filter(
  ({ published }) => published?.lossPercent === 0,
).map(({ name, plan }) => ({ name, plan: { ...plan, nat: CARRIER_NAT } }));

/** A tunnel of this project between two ends that nobody has configured, behind {@link CARRIER_NAT}. */
function ownRow(name: string, device: Partial<DeviceSettings>): DozeRow {
  return {
    name,
    plan: {
      hours: HOURS,
      device: { ...PHONE, ...device },
      nat: CARRIER_NAT,
      link: QUIET_WIFI,
      client: {
        connection: { dpdDelayMs: 0, mobike: true, bindingDiscovery: true },
        settings: { keepaliveMs: 20_000, keepaliveDpdMarginMs: 20_000 },
      },
      server: { connection: { dpdDelayMs: 0, mobike: true } },
    },
  };
}

/** The project's default on a phone that lets it keep its alarms, and on one that does not. */
export const OWN_ROW: DozeRow = ownRow('ipsec-kit', alarm);
export const OWN_DEFERRED_ROW: DozeRow = ownRow('ipsec-kit, not whitelisted', {});
