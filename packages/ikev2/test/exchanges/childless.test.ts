import { parseAddress, parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import type { ConnectionConfig } from '../../src/index.ts';
import { Pair, type PairOptions } from '../pair.ts';

const ANY = parseAddress('0.0.0.0');
const PREFIX = parsePrefix('10.9.0.0/24');
if (!ANY || !PREFIX) throw new Error('test addresses');
const POOLED: PairOptions = {
  client: { childless: 'prefer', virtualAddresses: [ANY] },
  server: { pools: ['p'] },
  pools: [{ name: 'p', addresses: { kind: 'prefix', prefix: PREFIX }, dns: [] }],
};
const authRequest = (pair: Pair): string | undefined =>
  pair.client.story.find((line) => line.startsWith('sent IKE_AUTH'));
function opened(
  client: ConnectionConfig['childless'],
  server: ConnectionConfig['childless'],
): Pair {
  const policy = (childless: ConnectionConfig['childless']) => (childless ? { childless } : {});
  return new Pair({ client: policy(client), server: policy(server) }).open();
}

describe('childless initiation (RFC 6023 §3, §5)', () => {
  it('leaves SA and selectors out of IKE_AUTH and creates the child afterwards', () => {
    const pair = opened('prefer', undefined);
    expect(authRequest(pair)).toBe('sent IKE_AUTH request: IDi AUTH N(INITIAL_CONTACT)');
    expect(pair.client.story.at(-2)).toMatch(/^sent CREATE_CHILD_SA request: SA No/);
    for (const host of [pair.client, pair.server]) {
      expect(host.children.size).toBe(1);
      expect(host.seen('session-opened')).toHaveLength(1);
      expect(host.seen('child-opened')).toHaveLength(1);
    }
  });

  it('still gives a virtual address in IKE_AUTH', () => {
    const pair = new Pair(POOLED).open();
    expect(pair.client.seen('session-opened')[0]?.virtualAddresses).toHaveLength(1);
    expect([...pair.client.children.values()][0]?.virtualAddresses).toHaveLength(1);
    expect(pair.server.children.size).toBe(1);
  });

  for (const [client, server, hasChild] of [
    [undefined, undefined, true],
    ['allow', 'force', false],
    ['never', 'allow', true],
    ['prefer', 'never', true],
    ['force', 'allow', false],
  ] as const) {
    it(`${client ?? 'default'} against ${server ?? 'default'}: ${hasChild ? 'a child' : 'none'} in IKE_AUTH`, () => {
      const pair = opened(client, server);
      const inAuth = pair.server.story
        .find((line) => line.startsWith('sent IKE_AUTH'))
        ?.includes('TSi');
      expect(inAuth).toBe(hasChild);
      expect(pair.server.seen('session-opened')).toHaveLength(1);
    });
  }

  it('refuses a peer that cannot, where it is forced', () => {
    const pair = opened('force', 'never');
    expect(pair.client.closeCode).toBe('childless-refused');
    expect(authRequest(pair)).toBeUndefined();
  });

  it('reauthenticates without a child in IKE_AUTH and moves the children afterwards (RFC 7296 §2.8.3)', () => {
    const pair = new Pair({
      ...POOLED,
      client: { ...POOLED.client, makeBeforeBreak: true },
    }).open();
    const from = pair.now;
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(20_000);
    expect(pair.client.stepsSince(from).slice(4)).toEqual([
      'reserve',
      'sent CREATE_CHILD_SA request',
      'received CREATE_CHILD_SA response',
      'install 2 for 1',
      'sent INFORMATIONAL request',
      'received INFORMATIONAL response',
      'remove 1',
    ]);
    expect(pair.server.seen('child-rekeyed')).toHaveLength(1);
    expect(pair.server.seen('child-closed')).toHaveLength(0);
  });
});
