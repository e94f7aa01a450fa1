import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const target = 'docs/rfc-coverage.md';

interface Row {
  readonly rfc: number;
  readonly section: string;
  readonly file: string;
  readonly title: string;
}

/** Every `(RFC n §x)` in a test's or a group's name is one row: section, test file, what the test shows. */
function rows(): Row[] {
  return readdirSync('packages', { recursive: true, encoding: 'utf8' })
    .filter((file) => /^[^/]+\/test\/.*\.test\.ts$/.test(file) && !file.includes('node_modules'))
    .flatMap((file) => fromTest(`packages/${file}`));
}

function fromTest(file: string): Row[] {
  const names = readFileSync(file, 'utf8').matchAll(
    /\b(?:it|test|describe)(?:\.\w+(?:\([^)]*\))?)*\(\s*(['"`])((?:(?!\1).)*)\1/gs,
  );
  return [...names].flatMap(([, , name = '']) => {
    const title = name
      .replace(/\s*\(RFC[^)]*\)/g, '')
      .replace(/\$\{[^}]*\}/g, '…')
      .trim();
    return [...name.matchAll(/RFC (\d+)((?:[ ,]*(?:and )?§[\d.A-Z]+)*)/g)].flatMap(
      ([, rfc, sections = '']) => {
        const list = [...sections.matchAll(/§([\d.A-Z]+)/g)].map(([, section = '']) =>
          section.replace(/\.$/, ''),
        );
        return (list.length > 0 ? list : ['']).map((section) => ({
          rfc: Number(rfc),
          section,
          file,
          title,
        }));
      },
    );
  });
}

function bySection(a: Row, b: Row): number {
  const numbers = (section: string): number[] =>
    section.split('.').map((part) => Number(part) || 0);
  const [left, right] = [numbers(a.section), numbers(b.section)];
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? -1) - (right[i] ?? -1);
    if (difference !== 0) return difference;
  }
  return a.file.localeCompare(b.file) || a.title.localeCompare(b.title);
}

function coverage(): string {
  const all = rows();
  const lines = [
    '# RFC coverage',
    '',
    'Generated from the names of the tests (`UPDATE_DOCS=1 npm test` writes it anew): a section stands here when a test',
    'says that it shows it. What no test shows is not claimed.',
  ];
  for (const rfc of [...new Set(all.map((row) => row.rfc))].sort((a, b) => a - b)) {
    lines.push('', `## RFC ${rfc}`, '', '| section | what is shown | test |', '|---|---|---|');
    const own = all.filter((row) => row.rfc === rfc).sort(bySection);
    for (const { section, title, file } of own) {
      const cell = title.replaceAll('|', '\\|');
      lines.push(
        `| ${section ? `§${section}` : ''} | ${cell} | [${file.split('/').slice(1).join('/')}](../${file}) |`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

it('docs/rfc-coverage.md says what the tests say', () => {
  const wanted = coverage();
  if (process.env.UPDATE_DOCS === '1') writeFileSync(target, wanted);
  expect(readFileSync(target, 'utf8'), `run UPDATE_DOCS=1 npm test to write ${target} anew`).toBe(
    wanted,
  );
});
