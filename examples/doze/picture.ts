import type { DozeProgress, PublishedFigures } from '@ipsec-kit/simulator';

/** One configuration over time. */
export interface Lane {
  readonly name: string;
  /** After each ping, in order. */
  readonly progress: readonly DozeProgress[];
  /** Whether its program spins while the phone is awake. */
  readonly isBusy: boolean;
  readonly isAlwaysAwake: boolean;
  readonly wakeUpsPerHour: number;
  readonly lossPercent: number;
  readonly batteryPercent: number;
  readonly measured?: PublishedFigures;
}

/** What is to be drawn. */
export interface Picture {
  readonly title: string;
  readonly hours: number;
  readonly groups: readonly { readonly title: string; readonly lanes: readonly Lane[] }[];
  readonly footnotes: readonly string[];
}

const WIDTH = 980;
const CHART_LEFT = 240;
const CHART_WIDTH = 484;
const COLUMNS = { lost: 802, battery: 890, wakeUps: 966 } as const;
const LANE = 40;
const BARS = 20;
const TICKS = 9;
const HEAD = 92;
const GROUP_HEAD = 36;
/** Wake-ups an hour that fill the height of a lane. */
const FULL = 180;
const HOUR_MS = 3_600_000;
const BIN_MS = HOUR_MS / 2;
/** Readable on white and on black. */
const COLOUR = {
  text: '#7d8590',
  lost: '#e5534b',
  answered: '#57ab5a',
  wake: '#2f81f7',
  busy: '#bf8700',
  grid: '#7d859033',
} as const;

/** Draws a lane for each configuration: its wake-ups as bars over the hours, and below them each ping, answered or lost.
 * @returns an SVG document that needs nothing else.
 */
export function picture({ title, hours, groups, footnotes }: Picture): string {
  const lanes = groups.reduce((sum, group) => sum + group.lanes.length, 0);
  const bottom = HEAD + groups.length * GROUP_HEAD + lanes * LANE;
  const height = bottom + 34 + footnotes.length * 16;
  let y = HEAD;
  const drawn = groups.flatMap((group) => {
    const head = text(12, y + 16, group.title, 'font-weight="600"');
    const top = y + GROUP_HEAD;
    y = top + group.lanes.length * LANE;
    return [head, ...group.lanes.flatMap((lane, index) => laneAt(top + index * LANE, lane, hours))];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12" role="img" aria-label="${escaped(title)}">`,
    text(12, 28, title, 'font-size="18" font-weight="600"'),
    ...legend(12, 56),
    ...columnHeads(HEAD - 8),
    ...hourGrid(HEAD + GROUP_HEAD - 8, bottom - 4, hours),
    ...drawn,
    ...footnotes.map((note, index) => text(12, bottom + 44 + index * 16, note, 'font-size="11"')),
    '</svg>',
    '',
  ].join('\n');
}

function legend(x: number, y: number): string[] {
  const entries = [
    [COLOUR.wake, 'wake-ups by the tunnel', 168],
    [COLOUR.busy, "others' wake-ups, spent in a busy loop", 274],
    [COLOUR.answered, 'ping answered', 124],
    [COLOUR.lost, 'ping lost', 100],
  ] as const;
  let at = x;
  return entries.flatMap(([colour, name, width]) => {
    const entry = [rect(at, y - 10, 11, 11, colour), text(at + 17, y, name)];
    at += width;
    return entry;
  });
}

function columnHeads(y: number): string[] {
  const head = (x: number, content: string): string => text(x, y, content, 'text-anchor="end"');
  return [
    head(COLUMNS.lost, 'lost'),
    head(COLUMNS.battery, 'battery left'),
    head(COLUMNS.wakeUps, 'wake-ups/h'),
  ];
}

function hourGrid(top: number, bottom: number, hours: number): string[] {
  const lines: string[] = [];
  for (let hour = 0; hour <= hours; hour += 2) {
    const x = CHART_LEFT + (hour / hours) * CHART_WIDTH;
    lines.push(rect(x - 0.5, top, 1, bottom - top, COLOUR.grid));
    if (hour % 4 === 0) lines.push(text(x, bottom + 17, `${hour} h`, 'text-anchor="middle"'));
  }
  return lines;
}

function laneAt(y: number, lane: Lane, hours: number): string[] {
  const { name, measured, lossPercent, batteryPercent, wakeUpsPerHour, isAlwaysAwake } = lane;
  const baseline = y + BARS + TICKS + 1;
  const end = 'text-anchor="end"';
  const plannedHours = measured?.afterHours ?? hours;
  const after = plannedHours < hours ? `measured for ${plannedHours} hours` : '';
  return [
    text(12, baseline - 6, name),
    ...wakeBars(y, lane, hours),
    ...pingTicks(y + BARS + 1, lane, hours),
    text(COLUMNS.lost, baseline - 6, beside(lossPercent, measured?.lossPercent), end),
    text(COLUMNS.battery, baseline - 6, beside(batteryPercent, measured?.batteryPercent), end),
    text(COLUMNS.wakeUps, baseline - 6, isAlwaysAwake ? 'awake' : wakeUpsPerHour.toFixed(0), end),
    ...(after
      ? [text(CHART_LEFT + CHART_WIDTH * (plannedHours / hours) + 8, baseline - 6, after)]
      : []),
  ];
}

function wakeBars(y: number, { progress, isBusy, isAlwaysAwake }: Lane, hours: number): string[] {
  const bins: number[] = [];
  let before = 0;
  for (const { atMs, tunnelWakeUps } of progress) {
    const bin = Math.ceil(atMs / BIN_MS) - 1;
    bins[bin] = (bins[bin] ?? 0) + tunnelWakeUps - before;
    before = tunnelWakeUps;
  }
  const width = (BIN_MS / HOUR_MS / hours) * CHART_WIDTH;
  return bins.map((wakeUps, bin) => {
    const perHour = isAlwaysAwake ? FULL : (wakeUps * HOUR_MS) / BIN_MS;
    const height = Math.min(BARS, (perHour / FULL) * BARS);
    const colour = isBusy ? COLOUR.busy : COLOUR.wake;
    return rect(CHART_LEFT + bin * width, y + BARS - height, width - 1, height, colour);
  });
}

/** Pings of one outcome in a row are one rectangle. */
function pingTicks(y: number, { progress }: Lane, hours: number): string[] {
  const x = (ms: number): number => CHART_LEFT + (ms / HOUR_MS / hours) * CHART_WIDTH;
  const runs: { from: number; to: number; isLost: boolean }[] = [];
  let fromMs = 0;
  let lostBefore = 0;
  for (const { atMs, lostPings } of progress) {
    const isLost = lostPings > lostBefore;
    const last = runs.at(-1);
    if (last?.isLost === isLost) last.to = x(atMs);
    else runs.push({ from: x(fromMs), to: x(atMs), isLost });
    fromMs = atMs;
    lostBefore = lostPings;
  }
  return runs.map(({ from, to, isLost }) =>
    rect(from, y, to - from, TICKS, isLost ? COLOUR.lost : COLOUR.answered),
  );
}

function beside(ours: number, measured: number | undefined): string {
  const own = `${ours.toFixed(0)} %`;
  return measured === undefined ? own : `${own} (${measured})`;
}

function rect(x: number, y: number, width: number, height: number, fill: string): string {
  return `<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" fill="${fill}"/>`;
}

function text(x: number, y: number, content: string, more = ''): string {
  return `<text x="${short(x)}" y="${short(y)}" fill="${COLOUR.text}" ${more}>${escaped(content)}</text>`;
}

function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function escaped(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');
}
