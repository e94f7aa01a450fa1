import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { configurationReference } from '../../src/swanctl/index.ts';

const file = fileURLToPath(new URL('../../../../docs/configuration.md', import.meta.url));

it('docs/configuration.md says what the tables say; regenerate it with UPDATE_DOCS=1 npm test', () => {
  const text = configurationReference();
  if (process.env.UPDATE_DOCS === '1') writeFileSync(file, text);
  expect(readFileSync(file, 'utf8')).toBe(text);
});

it('has every status and every section', () => {
  const text = configurationReference();
  for (const part of ['| supported |', '| warning |', '| error |', '### `charon`', 'id<suffix>']) {
    expect(text).toContain(part);
  }
  expect(text.endsWith('\n')).toBe(true);
});
