import { parseAddress, parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { LINGER_MS } from '../../src/index.ts';
import { child, endpoint, Pair, selector } from '../pair.ts';

describe('a server of many clients', () => {
  it('opens 200 at once, each with an address of its own, and ends them all cleanly', () => {
    const prefix = parsePrefix('10.88.0.0/24');
    const any = parseAddress('0.0.0.0');
    if (!prefix || !any) throw new Error('bad text');
    const network = [selector('10.77.0.0/16')];
    const limits = { cookieThreshold: 0, cookieThresholdPerAddress: 0, blockThreshold: 0 };
    const pair = new Pair({
      client: {
        virtualAddresses: [any],
        sendInitialContact: false,
        children: [child({ remoteSelectors: network })],
      },
      server: { pools: ['p'], children: [child({ localSelectors: network })] },
      serverSettings: limits,
      pools: [{ name: 'p', addresses: { kind: 'prefix', prefix }, dns: [] }],
    });
    for (let id = 1; id <= 200; id += 1) pair.initiate(id, endpoint(`192.0.2.1:${1000 + id}`));
    pair.drive(2_000);
    expect(pair.server.children.size).toBe(200);
    const given = pair.server
      .seen('session-opened')
      .map(({ peerAddresses }) => peerAddresses.map(({ bytes }) => bytes.join('.')).join());
    expect(new Set(given).size).toBe(200);
    for (let id = 1; id <= 200; id += 1) pair.client.command({ kind: 'close', sessionId: id });
    pair.drive(100_000 + LINGER_MS);
    expect(pair.server.seen('session-closed')).toHaveLength(200);
    expect(pair.server.pools.status()[0]).toMatchObject({ online: 0, offline: 200 });
    expect(pair.server.machine.nextDeadline()).toBeUndefined();
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });

  it('lets the id of a session that the peer has ended be used again at once', () => {
    const pair = new Pair().open();
    const sessionId = pair.server.seen('session-opened')[0]?.sessionId ?? 0;
    pair.server.command({ kind: 'close', sessionId });
    pair.drive(1_000);
    pair.initiate(1);
    pair.drive(1_000);
    expect(pair.client.children.size).toBe(1);
  });
});
