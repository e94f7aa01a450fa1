import { msBetween } from '@ipsec-kit/clock';
import { describe, expect, it } from 'vitest';
import { child, Pair } from '../pair.ts';

describe('the lifetimes of a session', () => {
  const pair = new Pair({
    client: {
      rekeyMs: 100_000,
      reauthMs: 400_000,
      overMs: 20_000,
      children: [child({ rekeyMs: 50_000, hardLifetimeMs: 60_000 })],
    },
  }).open();

  it('tell when what is replaced, and when it ends (RFC 7296 §2.8)', () => {
    const lifetimes = pair.client.machine.lifetimes(1);
    const [first] = lifetimes?.children.values() ?? [];
    const { rekeyAt, reauthenticateAt, endsAt } = lifetimes ?? {};
    if (!first?.rekeyAt || !first.endsAt || !rekeyAt || !reauthenticateAt || !endsAt) {
      throw new Error('a lifetime is missing');
    }
    expect(msBetween(first.rekeyAt, rekeyAt)).toBe(50_000);
    expect(msBetween(first.rekeyAt, first.endsAt)).toBe(10_000);
    expect(msBetween(rekeyAt, reauthenticateAt)).toBe(300_000);
    expect(msBetween(rekeyAt, endsAt)).toBe(20_000);
  });

  it('are nothing of a session that does not exist', () => {
    expect(pair.client.machine.lifetimes(99)).toBeUndefined();
  });

  it('are empty where nothing is limited by time', () => {
    const unlimited = new Pair().open().client.machine.lifetimes(1);
    expect(unlimited).toEqual({ children: new Map([[expect.any(Number), {}]]) });
  });
});
