import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, it } from 'vitest';

const target = 'docs/packages.svg';
const { layers, pure } = createRequire(import.meta.url)('./layers.cjs') as {
  layers: string[][];
  pure: string[];
};

const box = { width: 118, height: 34, gapX: 34, gapY: 44 };
const margin = 16;
const columns = Math.max(...layers.map((names) => names.length));
const width = margin * 2 + columns * (box.width + box.gapX) - box.gapX;

/** Direct dependencies inside the repository, without those that another dependency brings anyway. */
function arrows(): [string, string][] {
  const direct = new Map<string, string[]>();
  for (const name of readdirSync('packages')) {
    const manifest = JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    const inside = Object.keys(manifest.dependencies ?? {}).filter((key) =>
      key.startsWith('@ipsec-kit/'),
    );
    direct.set(
      name,
      inside.map((key) => key.slice('@ipsec-kit/'.length)),
    );
  }
  const reaches = (from: string, to: string): boolean =>
    (direct.get(from) ?? []).some((next) => next === to || reaches(next, to));
  return [...direct].flatMap(([from, list]) =>
    list
      .filter((to) => !list.some((other) => other !== to && reaches(other, to)))
      .map((to): [string, string] => [from, to]),
  );
}

function picture(): string {
  // The simulator stands beside what it takes the place of: the driver and the adapters.
  const rows = [...layers]
    .reverse()
    .map((names) => (names.includes('vpn') ? [...names, 'simulator'] : names));
  const place = new Map<string, { x: number; y: number }>();
  rows.forEach((names, row) => {
    const rowWidth = names.length * (box.width + box.gapX) - box.gapX;
    names.forEach((name, column) => {
      const x = (width - rowWidth) / 2 + column * (box.width + box.gapX);
      place.set(name, { x, y: margin + row * (box.height + box.gapY) });
    });
  });
  const height = margin * 2 + rows.length * (box.height + box.gapY) - box.gapY + 24;
  const lines = arrows().flatMap(([from, to]) => {
    const [a, b] = [place.get(from), place.get(to)];
    if (!a || !b) return [];
    const sideways = a.y === b.y;
    const [x1, y1] = sideways
      ? [a.x + (a.x < b.x ? box.width : 0), a.y + box.height / 2]
      : [a.x + box.width / 2, a.y + box.height];
    const [x2, y2] = sideways
      ? [b.x + (a.x < b.x ? -3 : box.width + 3), b.y + box.height / 2]
      : [b.x + box.width / 2, b.y - 3];
    const middle = (y1 + y2) / 2;
    return `  <path d="M${x1} ${y1} C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}" class="arrow" marker-end="url(#head)"/>`;
  });
  const boxes = [...place].map(([name, { x, y }]) => {
    const label = name === 'cli' ? 'ipsec-kit' : name;
    return `  <rect x="${x}" y="${y}" width="${box.width}" height="${box.height}" rx="6" class="${pure.includes(name) ? 'pure' : 'node'}"/>
  <text x="${x + box.width / 2}" y="${y + 22}">${label}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="The packages of ipsec-kit; every arrow points down">
  <style>
    rect.bg { fill: #ffffff } rect.pure { fill: #e3f1e7; stroke: #3c8050 } rect.node { fill: #e4ecf8; stroke: #44659c }
    text { font: 13px system-ui, sans-serif; text-anchor: middle; fill: #1c2530 } text.legend { text-anchor: start; font-size: 12px }
    .arrow { fill: none; stroke: #8a95a3; stroke-width: 1.1 }
  </style>
  <defs><marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#8a95a3"/></marker></defs>
  <rect class="bg" width="${width}" height="${height}"/>
${lines.join('\n')}
${boxes.join('\n')}
  <rect x="${margin}" y="${height - 26}" width="14" height="14" rx="3" class="pure"/>
  <text class="legend" x="${margin + 20}" y="${height - 15}">pure: no I/O, clock or randomness of its own</text>
  <rect x="${width - 130}" y="${height - 26}" width="14" height="14" rx="3" class="node"/>
  <text class="legend" x="${width - 110}" y="${height - 15}">needs Node</text>
</svg>
`;
}

it('docs/packages.svg shows the packages and arrows of the manifests', () => {
  const wanted = picture();
  if (process.env.UPDATE_DOCS === '1') writeFileSync(target, wanted);
  expect(readFileSync(target, 'utf8'), `run UPDATE_DOCS=1 npm test to draw ${target} anew`).toBe(
    wanted,
  );
});
