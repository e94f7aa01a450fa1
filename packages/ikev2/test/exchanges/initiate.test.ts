import { formatSelector, parseAddress, parsePrefix, parseSelector } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import type { ConnectionConfig } from '../../src/index.ts';
import { CLIENT_500, child, Pair, SERVER_500, selector } from '../pair.ts';

const path = { local: CLIENT_500, remote: SERVER_500 };

function one(text: string) {
  const parsed = parseSelector(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

function nets(...texts: string[]): Pick<ConnectionConfig, 'children'> {
  const both = texts.map(selector);
  return { children: [child({ localSelectors: both, remoteSelectors: both })] };
}

describe('initiate', () => {
  for (const childless of ['allow', 'force'] as const) {
    it(`offers the packet that wants the child, in front of its selectors, childless ${childless} (RFC 7296 §2.9)`, () => {
      const pair = new Pair({
        client: { childless, ...nets('10.0.0.0/8') },
        server: nets('10.0.0.0/8', '172.16.0.0/12'),
      });
      const packet = { local: one('172.16.0.5/32'), remote: one('172.16.9.9/32[tcp/443]') };
      pair.client.command({
        kind: 'initiate',
        sessionId: 1,
        connection: 'home',
        path,
        marker: false,
        packet,
      });
      pair.drive(1_000);
      const [opened] = pair.client.seen('child-opened');
      expect(opened?.localSelectors.map(formatSelector)).toEqual(['172.16.0.5/32', '10.0.0.0/8']);
      expect(opened?.remoteSelectors.map(formatSelector)).toEqual([
        '172.16.9.9/32[tcp/443]',
        '10.0.0.0/8',
      ]);
    });
  }

  it('asks for the virtual addresses that it is given, in place of those of the connection (RFC 7296 §3.15.1)', () => {
    const any = parseAddress('0.0.0.0');
    const wanted = parseAddress('10.9.0.77');
    const prefix = parsePrefix('10.9.0.0/24');
    if (!any || !wanted || !prefix) throw new Error('test addresses');
    const pair = new Pair({
      client: { virtualAddresses: [any] },
      server: { pools: ['p'] },
      pools: [{ name: 'p', addresses: { kind: 'prefix', prefix }, dns: [] }],
    });
    pair.client.command({
      kind: 'initiate',
      sessionId: 1,
      connection: 'home',
      path,
      marker: false,
      virtualAddresses: [wanted],
    });
    pair.drive(1_000);
    expect(pair.client.seen('session-opened')[0]?.virtualAddresses).toEqual([wanted]);
  });
});
