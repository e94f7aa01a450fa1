import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** The requirements that the page is about. */
const NUMBERS = [...range(1, 17), ...range(25, 40), ...range(44, 46)];

interface Claim {
  readonly requirement: string;
  readonly file: string;
  readonly title: string;
}

/** Every line `- [label](../packages/…/x.test.ts): title` below a `**R1**`. */
function claims(): Claim[] {
  const found: Claim[] = [];
  let requirement = '';
  for (const line of readFileSync('docs/requirements.md', 'utf8').split('\n')) {
    requirement = line.match(/^\*\*(R\d+)\*\*/)?.[1] ?? requirement;
    const [, file, title] = line.match(/^- \[[^\]]*\]\(\.\.\/(.*?)\): (.*)$/) ?? [];
    if (file !== undefined && title !== undefined) found.push({ requirement, file, title });
  }
  return found;
}

/** Whether a file has a test or a row of this name: without sections of RFCs, and with `…` for what is put in. */
function hasTitle({ file, title }: Claim): boolean {
  const text = readFileSync(file, 'utf8')
    .replace(/\s*\(RFC[^)]*\)/g, '')
    .replace(/\$\{[^}]*\}/g, '…');
  return ["'", '"', '`'].some((quote) => text.includes(quote + title + quote));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

describe('docs/requirements.md', () => {
  it('has a test for each requirement', () => {
    const shown = new Set(claims().map(({ requirement }) => requirement));
    expect([...shown]).toEqual(NUMBERS.map((number) => `R${number}`));
  });

  it('names tests that there are', () => {
    const missing = claims().filter((claim) => !hasTitle(claim));
    expect(missing).toEqual([]);
  });
});
