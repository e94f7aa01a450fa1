/** One group of bars: a load, and what each tunnel made of it, in the order of the legend. */
export interface Group {
  readonly name: string;
  /** In Mbit/s; NaN is left out. */
  readonly values: readonly number[];
}

/** What stands around the bars. */
export interface Legend {
  readonly title: string;
  readonly footnote: string;
  /** The first is the one that all are compared with. */
  readonly names: readonly string[];
}

const WIDTH = 760;
const LABEL_WIDTH = 150;
const VALUE_WIDTH = 150;
const BAR = 14;
const GROUP_GAP = 12;
const TOP = 74;
/** Readable on white and on black. */
const COLOURS: readonly string[] = ['#2f81f7', '#8b949e', '#bf8700', '#a371f7', '#57ab5a'];
const TEXT = '#7d8590';

/** Draws horizontal bars, each group on a scale of its own, with the number and the ratio to the first bar of its group.
 * @returns an SVG document that needs nothing else.
 */
export function picture(groups: readonly Group[], { title, footnote, names }: Legend): string {
  const groupHeight = names.length * BAR + GROUP_GAP;
  const height = TOP + groups.length * groupHeight + 30;
  const bars = groups.flatMap((group, index) => groupOf(group, TOP + index * groupHeight));
  const legend = names.map((name, i) => {
    const x = 10 + i * Math.floor((WIDTH - 20) / names.length);
    const square = `<rect x="${x}" y="42" width="12" height="12" fill="${colour(i)}"/>`;
    return `${square}${text(x + 18, 52, name)}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="${escaped(title)}">`,
    text(10, 24, title, 'font-size="16" font-weight="600"'),
    ...legend,
    ...bars,
    text(10, height - 10, footnote, 'font-size="11"'),
    '</svg>',
    '',
  ].join('\n');
}

function groupOf({ name, values }: Group, y: number): string[] {
  const most = Math.max(...values.filter(Number.isFinite), 1);
  const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  const own = values[0] ?? Number.NaN;
  const drawn = values.flatMap((value, i) => {
    if (!Number.isFinite(value)) return [];
    const width = Math.max(1, Math.round((value / most) * room));
    const at = y + i * BAR;
    const ratio = i === 0 ? '' : ` (${(own / value).toFixed(1)}x less)`;
    const label = `${Math.round(value)} Mbit/s${own >= value ? ratio : ''}`;
    return [
      `<rect x="${LABEL_WIDTH}" y="${at}" width="${width}" height="${BAR - 3}" fill="${colour(i)}"/>`,
      text(LABEL_WIDTH + width + 6, at + BAR - 4, label, 'font-size="11"'),
    ];
  });
  return [text(10, y + (values.length * BAR) / 2 + 3, name), ...drawn];
}

function text(x: number, y: number, content: string, more = ''): string {
  return `<text x="${x}" y="${y}" fill="${TEXT}" ${more}>${escaped(content)}</text>`;
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? TEXT;
}

function escaped(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');
}
