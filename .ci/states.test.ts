import { readFileSync, writeFileSync } from 'node:fs';
import { SESSION_STATES } from '@ipsec-kit/ikev2';
import { expect, it } from 'vitest';

const target = 'docs/states.md';
const states = Object.entries(SESSION_STATES);

function diagram(role: 'initiator' | 'responder'): string[] {
  const shown = states.filter(([, state]) => state.role === role || state.role === 'both');
  const names = new Set(shown.map(([name]) => name));
  const first = shown.find(([, state]) => state.role === role)?.[0] ?? 'established';
  // Mermaid takes no hyphen in the id of a state.
  const id = (name: string): string => name.replaceAll('-', '_');
  return [
    '```mermaid',
    'stateDiagram-v2',
    ...shown.map(([name]) => `  state "${name}" as ${id(name)}`),
    `  [*] --> ${id(first)}`,
    ...shown.flatMap(([name, state]) =>
      state.next.filter((next) => names.has(next)).map((next) => `  ${id(name)} --> ${id(next)}`),
    ),
    '  closed --> [*]',
    '```',
  ];
}

function page(): string {
  return [
    '# States of an IKE session',
    '',
    'Generated from `SESSION_STATES` of `@ipsec-kit/ikev2` (`UPDATE_DOCS=1 npm test` writes it anew). The code takes the types of its',
    'transitions from the same table: one that is not here does not compile. A state is named for what is awaited.',
    '',
    '## Initiator',
    '',
    ...diagram('initiator'),
    '',
    '## Responder',
    '',
    ...diagram('responder'),
    '',
    '## What each state awaits',
    '',
    '| state | role | awaits | then |',
    '|---|---|---|---|',
    ...states.map(
      ([name, { role, awaits, next }]) => `| ${name} | ${role} | ${awaits} | ${next.join(', ')} |`,
    ),
    '',
  ].join('\n');
}

it('docs/states.md shows the states of the code', () => {
  const wanted = page();
  if (process.env.UPDATE_DOCS === '1') writeFileSync(target, wanted);
  expect(readFileSync(target, 'utf8'), `run UPDATE_DOCS=1 npm test to write ${target} anew`).toBe(
    wanted,
  );
});

it('every state but the last leads on, and every state is reached', () => {
  for (const [name, { next }] of states) expect(next.length > 0, name).toBe(name !== 'closed');
  const reached = new Set<string>(states.flatMap(([, state]) => [...state.next]));
  const unreached = states.map(([name]) => name).filter((name) => !reached.has(name));
  expect(unreached).toEqual(['generating-response-key']);
});
