import { describe, expect, it } from 'vitest';
import { SESSION_STATES, type StateKind } from '../../src/index.ts';
import { moveTo } from '../../src/session/session-state.ts';

const kinds = Object.keys(SESSION_STATES) as StateKind[];

describe('the state graph', () => {
  it('names only states that exist', () => {
    for (const kind of kinds) {
      for (const next of SESSION_STATES[kind].next) expect(kinds).toContain(next);
    }
  });

  it('reaches every state from one of the two beginnings, and can close from everywhere', () => {
    const reached = new Set<StateKind>(['generating-key', 'generating-response-key']);
    for (const kind of reached) for (const next of SESSION_STATES[kind].next) reached.add(next);
    expect([...reached].sort()).toEqual([...kinds].sort());
    for (const kind of kinds.filter((name) => name !== 'closed')) {
      expect(SESSION_STATES[kind].next as readonly string[]).toContain('closed');
    }
  });

  it('keeps the roles apart until the IKE SA is established', () => {
    // Once established the roles meet; a session that is opened anew is the initiator's again.
    for (const kind of kinds.filter((name) => SESSION_STATES[name].role !== 'both')) {
      for (const next of SESSION_STATES[kind].next) {
        const [from, to] = [SESSION_STATES[kind].role, SESSION_STATES[next].role];
        expect(to === from || to === 'both').toBe(true);
      }
    }
  });

  it('refuses a transition from a state that the session is not in', () => {
    const session = { state: { kind: 'closed' } as const };
    expect(() => moveTo(session, 'established', { kind: 'closed' })).toThrow(/while in "closed"/);
  });
});
