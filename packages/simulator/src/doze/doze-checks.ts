import type { DozeFigures } from './doze-table.ts';
import type { Recovery } from './measure-recovery.ts';

/** Something that the table has to show, and whether it does. */
export interface DozeCheck {
  readonly claim: string;
  readonly holds: boolean;
  /** The figures that decide. */
  readonly detail: string;
}

/** Points of a table of 22 hours within which two rows count as equal. */
const EQUAL_POINTS = 3;
const HOURS = 22;
/** What counts as losing nothing, in percent, and the share of the wake-ups of the best such row that the default may cost. */
const LOSSLESS_PERCENT = 0.5;
const MOST_WAKE_UPS_SHARE = 0.6;

/** Whether our rows stand in the order in which they were published, pair by pair: battery as a rate, since not all rows were
 * measured for as long, and loss; rows within three points are equal in either.
 */
export function checkPublishedOrder(figures: readonly DozeFigures[]): readonly DozeCheck[] {
  const battery = figures.flatMap((figure) => {
    const { published, plan, name } = figure.row;
    if (!published) return [];
    const per22Hours = (percent: number, hours: number): number =>
      ((percent - 100) / hours) * HOURS;
    return {
      name,
      ours: per22Hours(figure.batteryPercent, plan.hours),
      theirs: per22Hours(published.batteryPercent, published.afterHours),
    };
  });
  const loss = figures.flatMap(({ row: { name, published }, lossPercent }) => {
    const theirs = published?.lossPercent;
    return theirs === undefined || lossPercent === undefined
      ? []
      : { name, ours: lossPercent, theirs };
  });
  return [
    orderCheck('battery used comes out in the published order', battery),
    orderCheck('loss comes out in the published order', loss),
  ];
}

interface Compared {
  readonly name: string;
  readonly ours: number;
  readonly theirs: number;
}

function orderCheck(claim: string, rows: readonly Compared[]): DozeCheck {
  const wrong = rows.flatMap((a, index) =>
    rows
      .slice(index + 1)
      .filter((b) => order(a.ours, b.ours) !== order(a.theirs, b.theirs))
      .map((b) => `"${a.name}" and "${b.name}"`),
  );
  const pairs = (rows.length * (rows.length - 1)) / 2;
  const detail = wrong.length === 0 ? `all ${pairs} pairs of rows` : `not so: ${wrong.join(', ')}`;
  return { claim, holds: pairs > 0 && wrong.length === 0, detail };
}

function order(a: number, b: number): -1 | 0 | 1 {
  if (Math.abs(a - b) <= EQUAL_POINTS) return 0;
  return a < b ? -1 : 1;
}

/** What is wanted of a default: it loses nothing, and costs at most 60 % of the wake-ups of the best published row behind the
 * same NAT, which is the one with the fewest of those that lose at most 0.5 % and let the phone sleep.
 */
export function checkDefault(
  own: DozeFigures,
  publishedBehindSameNat: readonly DozeFigures[],
): readonly DozeCheck[] {
  const best = bestRow(publishedBehindSameNat);
  const wakeUps = own.result.tunnelWakeUpsPerHour;
  const most = MOST_WAKE_UPS_SHARE * (best?.result.tunnelWakeUpsPerHour ?? 0);
  return [
    {
      claim: `"${own.row.name}" loses nothing`,
      holds: own.lossPercent === 0,
      detail: `${own.result.lostPings} of ${own.result.pings} pings`,
    },
    {
      claim: `"${own.row.name}" costs at most ${100 * MOST_WAKE_UPS_SHARE} % of the wake-ups of the best row`,
      holds: best !== undefined && wakeUps <= most,
      detail: `${wakeUps.toFixed(1)} an hour, of ${best?.result.tunnelWakeUpsPerHour.toFixed(1) ?? 'none'} by "${best?.row.name}"`,
    },
  ];
}

function bestRow(figures: readonly DozeFigures[]): DozeFigures | undefined {
  return figures
    .filter(({ lossPercent, result }) => {
      const isLossless = lossPercent !== undefined && lossPercent <= LOSSLESS_PERCENT;
      // One that is held awake has no wake-ups because it has no sleep.
      return isLossless && result.account.awakeMs < result.account.elapsedMs;
    })
    .sort((a, b) => a.result.tunnelWakeUpsPerHour - b.result.tunnelWakeUpsPerHour)[0];
}

/** What is wanted of a phone whose alarms are late: the tunnel is back by itself within a round trip of its waking. */
export function checkRecovery({ wasLost, afterMs, roundTripMs }: Recovery): DozeCheck {
  return {
    claim:
      'after a sleep that cost the mapping, the server reaches the phone within a round trip of its waking',
    holds: wasLost && afterMs !== undefined && afterMs <= roundTripMs,
    detail: wasLost
      ? `${afterMs === undefined ? 'not at all' : `${afterMs.toFixed(0)} ms`}, a round trip takes ${roundTripMs.toFixed(0)} ms`
      : 'the mapping was not lost',
  };
}
