import { describe, expect, it } from 'vitest';
import { child, selector } from '../pair.ts';
import { LTE, RoamingPair, SECOND, SERVER, WIFI } from './roaming-pair.ts';

const LAN = '10.77.0.1';
const THIRD = '10.77.0.9';

/** A server with an address in the network behind it, which its Child SA is for. */
function gateway(network = '10.77.0.0/16'): RoamingPair {
  const localSelectors = [selector(network)];
  return new RoamingPair({
    client: { children: [child({ remoteSelectors: localSelectors })] },
    server: { children: [child({ localSelectors })] },
  });
}

describe('an address in the network that a Child SA is for (RFC 4555 §3.4, §3.6)', () => {
  it('is not announced in IKE_AUTH, since the peer would send what goes there into the tunnel', () => {
    const pair = gateway().start([WIFI], [SERVER, LAN]);
    expect(pair.client.story.at(-1)).not.toContain('ADDITIONAL_IP4_ADDRESS');
    const other = gateway().start([WIFI], [SERVER, LAN, SECOND]);
    expect(other.client.story.at(-1)?.match(/ADDITIONAL_IP4_ADDRESS/g)).toHaveLength(1);
  });

  it('is not announced when it comes, and another one is', () => {
    const pair = gateway().start([WIFI], [SERVER, LAN]);
    pair.change(pair.server, [], [SERVER, LAN, THIRD]).drive(50);
    expect(pair.requestsOf(pair.server, 0)).toEqual([]);
    pair.change(pair.server, [], [SERVER, LAN, THIRD, SECOND]).drive(50);
    expect(pair.requestsOf(pair.server, 0)).toEqual([
      `${SERVER} -> ${WIFI}: N(ADDITIONAL_IP4_ADDRESS)`,
    ]);
  });

  it('is not where a server goes whose address has gone', () => {
    const pair = gateway().start([WIFI], [SERVER, LAN, SECOND]);
    pair.change(pair.server, [SERVER], [LAN, SECOND]).drive(50);
    expect(pair.espPaths(pair.client)).toEqual([`${WIFI} -> ${SECOND}`]);
  });

  it('is announced where the Child SA is for everything, which says nothing about it', () => {
    const pair = gateway('0.0.0.0/0').start([WIFI], [SERVER, SECOND]);
    expect(pair.client.story.at(-1)).toContain('ADDITIONAL_IP4_ADDRESS');
  });

  it('is not announced by an initiator, which may go there all the same', () => {
    const localSelectors = [selector('203.0.113.0/24')];
    const pair = new RoamingPair({
      client: { children: [child({ localSelectors })] },
      server: { children: [child({ remoteSelectors: localSelectors })] },
    }).start([WIFI, LTE]);
    expect(pair.client.story.at(-2)).not.toContain('ADDITIONAL_IP4_ADDRESS');
    pair.change(pair.client, [WIFI], [LTE]).drive(50);
    expect(pair.espPaths(pair.server)).toEqual([`${SERVER} -> ${LTE}`]);
  });
});
