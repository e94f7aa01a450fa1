import { Encr, Ke, TransformType } from '@ipsec-kit/crypto';
import { type Prefix, parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  CLIENT_4500,
  child,
  connection,
  ESP_GCM,
  identity,
  ikeProposal,
  Pair,
  SERVER_4500,
  selector,
} from '../pair.ts';

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(text);
  return parsed;
};
const ANY_IPV4 = { version: 4 as const, bytes: new Uint8Array(4) };
const ANY_IPV6 = { version: 6 as const, bytes: new Uint8Array(16) };
const pool = (name: string, text: string, dns: string[] = []) => ({
  name,
  addresses: { kind: 'prefix' as const, prefix: prefix(text) },
  dns: dns.map((server) => prefix(server).address),
});

describe('authentication (RFC 7296 §2.15, §2.21.2)', () => {
  it('is refused by the responder when the secrets differ', () => {
    const pair = new Pair({ clientSecret: 'wrong' }).open();
    expect(pair.client.story.at(-1)).toBe('received IKE_AUTH response: N(AUTHENTICATION_FAILED)');
    expect(pair.client.closeCode).toBe('authentication-failed');
    expect(pair.server.closeCode).toBe('authentication-failed');
    expect(pair.server.seen('session-opened')).toHaveLength(0);
    for (const host of [pair.client, pair.server]) {
      expect(JSON.stringify(host.seen('session-closed'))).not.toMatch(/wrong|correct horse/);
    }
  });

  it('answers the retransmitted IKE_AUTH of a refused peer from the cache', () => {
    const pair = new Pair({ clientSecret: 'wrong' });
    let lost = 0;
    pair.wire = (flight) => {
      const isRefusal = flight.from === 'server' && flight.marker;
      if (isRefusal && lost === 0) {
        lost += 1;
        return [];
      }
      return [{ flight }];
    };
    pair.open().drive(10_000);
    expect(pair.client.closeCode).toBe('authentication-failed');
    expect(pair.server.seen('ike-sa-keyed')).toHaveLength(1);
  });

  it('is refused by the initiator, which reports it, when the peer is somebody else', () => {
    const remoteIdentity = { kind: 'identity', identity: identity('other') } as const;
    const server = { localIdentity: identity('server') };
    const pair = new Pair({ client: { remoteIdentity }, server }).open();
    expect(pair.client.closeCode).toBe('authentication-failed');
    const wildcard = { kind: 'wildcard', idType: 2, pattern: '*.example.org' } as const;
    const other = new Pair({ client: { remoteIdentity: wildcard } }).open();
    expect(other.client.story.slice(-2)).toEqual([
      'sent INFORMATIONAL request: N(AUTHENTICATION_FAILED)',
      'received INFORMATIONAL response: ',
    ]);
    expect(other.client.seen('session-closed')[0]?.failure.sentence).toContain('*.example.org');
    expect(other.server.closeCode).toBe('authentication-failed');
    expect(other.client.children.size + other.server.children.size).toBe(0);
  });

  it('ends in seconds when the peer does not answer the report of a failure', () => {
    const remoteIdentity = { kind: 'wildcard', idType: 2, pattern: '*.example.org' } as const;
    const pair = new Pair({ client: { remoteIdentity } });
    pair.wire = (flight) => (flight.index > 3 ? [] : [{ flight }]);
    pair.open().drive(10_000);
    expect(pair.client.closeCode).toBe('authentication-failed');
  });

  it('fails with one clear sentence when no secret is known', () => {
    const pair = new Pair({
      server: { remoteIdentity: { kind: 'identity', identity: identity('alice') } },
    }).open();
    expect(pair.server.closeCode).toBe('authentication-failed');
    const [closed] = pair.server.seen('session-closed');
    expect(closed?.failure.sentence).toMatch(/No connection .* client/);
  });

  it('chooses the connection by the identities, the closest match first', () => {
    const serverConnections = [
      connection({ name: 'anyone', localIdentity: identity('server') }),
      connection({
        name: 'staff',
        localIdentity: identity('server'),
        remoteIdentity: { kind: 'wildcard', idType: 2, pattern: '*.example.org' },
      }),
      connection({
        name: 'alice',
        localIdentity: identity('server'),
        remoteIdentity: { kind: 'identity', identity: identity('alice.example.org') },
      }),
    ];
    const chosen = (name: string): string | undefined =>
      new Pair({ serverConnections, client: { localIdentity: identity(name) } })
        .open()
        .server.seen('session-opened')[0]?.connection;
    expect(chosen('alice.example.org')).toBe('alice');
    expect(chosen('bob.example.org')).toBe('staff');
    expect(chosen('carol')).toBe('anyone');
  });

  it('chooses the connection by the identity that the peer asks for, and by what IKE_SA_INIT negotiated', () => {
    const serverConnections = [
      connection({ name: 'red', localIdentity: identity('red') }),
      connection({
        name: 'blue',
        localIdentity: identity('blue'),
        proposals: [ikeProposal(Ke.ECP_256)],
      }),
    ];
    const open = (name: string, method: number): Pair =>
      new Pair({
        serverConnections,
        client: {
          remoteIdentity: { kind: 'identity', identity: identity(name) },
          proposals: [ikeProposal(method)],
        },
      }).open();
    const blue = open('blue', Ke.ECP_256);
    expect(blue.server.seen('session-opened')[0]?.connection).toBe('blue');
    expect(open('blue', Ke.CURVE25519).client.closeCode).toBe('authentication-failed');
  });

  it('chooses the connection by addresses, the narrowest first', () => {
    const localIdentity = identity('server');
    const serverConnections = [
      connection({ name: 'everywhere', localIdentity }),
      connection({ name: 'here', localIdentity, remoteAddresses: [prefix('192.0.2.0/24')] }),
      connection({ name: 'away', localIdentity, remoteAddresses: [prefix('10.0.0.0/8')] }),
    ];
    const pair = new Pair({ serverConnections }).open();
    expect(pair.server.seen('session-opened')[0]?.connection).toBe('here');
    const nowhere = new Pair({
      serverConnections: [connection({ localIdentity, remoteAddresses: [prefix('10.0.0.0/8')] })],
    });
    nowhere.open().drive(2_000);
    expect(nowhere.client.closeCode).toBe('no-proposal-chosen');
    expect(nowhere.server.seen('message-rejected')[0]?.reason).toContain('No connection');
  });
});

describe('the first Child SA', () => {
  it('keeps the IKE SA when its selectors are refused; the initiator then closes (RFC 7296 §2.9, §2.21.2)', () => {
    const pair = new Pair({
      client: { children: [child({ remoteSelectors: [selector('10.9.0.0/16')] })] },
    }).open();
    expect(pair.client.story).toContain('received IKE_AUTH response: IDr AUTH N(TS_UNACCEPTABLE)');
    expect(pair.server.seen('session-opened')).toHaveLength(1);
    expect(pair.client.seen('child-failed')[0]?.failure.sentence).toContain('10.9.0.0/16');
    expect(pair.client.closeCode).toBe('ts-unacceptable');
    expect(pair.server.closeCode).toBe('peer-deleted');
  });

  it('keeps the IKE SA when its proposals are refused (RFC 7296 §3.3)', () => {
    const transforms = [
      { type: TransformType.ENCR, id: Encr.ENCR_CHACHA20_POLY1305 },
      { type: TransformType.ESN, id: 0 },
    ];
    const pair = new Pair({
      client: { children: [child({ proposals: [{ transforms }] })] },
    }).open();
    expect(pair.client.closeCode).toBe('no-proposal-chosen');
    expect(pair.server.seen('child-failed')[0]?.failure.sentence).toContain('CHACHA20');
  });

  it('narrows selectors to what both allow (RFC 7296 §2.9)', () => {
    const pair = new Pair({
      client: {
        children: [
          child({
            localSelectors: [selector('10.1.0.0/16')],
            remoteSelectors: [selector('0.0.0.0/0')],
          }),
        ],
      },
      server: {
        children: [
          child({
            localSelectors: [selector('10.2.0.0/16'), selector('10.3.0.0/16')],
            remoteSelectors: [selector('10.1.5.0/24')],
          }),
        ],
      },
    }).open();
    const [opened] = pair.client.seen('child-opened');
    expect(opened?.localSelectors).toEqual([
      (selector('10.1.5.0/24') as { selector: unknown }).selector,
    ]);
    expect(opened?.remoteSelectors).toHaveLength(2);
  });

  it('leaves a key exchange out of proposals that IKE_AUTH sends (RFC 7296 §1.2)', () => {
    const withKe = {
      transforms: [...ESP_GCM.transforms, { type: TransformType.KE, id: Ke.ECP_256 }],
    };
    const children = [child({ proposals: [withKe] })];
    const pair = new Pair({ client: { children } }).open();
    expect(pair.client.children.size).toBe(1);
  });

  it('opens the child that the command names, and says when there is none', () => {
    const children = [child({ name: 'a' }), child({ name: 'b' })];
    const pair = new Pair({ client: { children } });
    const path = { local: CLIENT_4500, remote: SERVER_4500 };
    const command = {
      kind: 'initiate',
      sessionId: 4,
      connection: 'home',
      path,
      marker: true,
    } as const;
    pair.client.command({ ...command, child: 'b' });
    pair.client.command({ ...command, sessionId: 5, child: 'nope' });
    pair.drive(1_000);
    expect(pair.client.seen('child-opened').map(({ name }) => name)).toEqual(['b']);
    expect(pair.client.seen('session-closed')[0]?.failure.sentence).toContain('"nope"');
  });

  it('that the packet path refuses is refused to the peer, and the initiator closes', () => {
    const responder = new Pair();
    responder.server.installRefusal = 'no memory';
    responder.open();
    expect(responder.server.seen('child-failed')[0]?.failure.code).toBe('install-failed');
    expect(responder.client.children.size).toBe(0);
    expect(responder.client.seen('session-closed')).toHaveLength(1);
    const initiator = new Pair();
    initiator.client.installRefusal = 'no memory';
    initiator.open();
    expect(initiator.client.closeCode).toBe('install-failed');
    expect(initiator.server.closeCode).toBe('peer-deleted');
  });
});

describe('virtual addresses (RFC 7296 §2.19, §3.15)', () => {
  const server = { pools: ['v4', 'v6'] };
  const pools = [
    pool('v4', '10.88.0.0/30', ['10.88.0.53']),
    pool('v6', 'fd00:88::/126', ['fd00:88::53']),
  ];
  const client = {
    virtualAddresses: [ANY_IPV4, ANY_IPV6],
    children: [child({ remoteSelectors: [selector('0.0.0.0/0'), selector('::/0')] })],
  };
  const children = [child({ localSelectors: [selector('0.0.0.0/0'), selector('::/0')] })];

  it('are leased for both families, and are what the selectors become', () => {
    const pair = new Pair({ client, server: { ...server, children }, pools }).open();
    const [opened] = pair.client.seen('session-opened');
    expect(opened?.virtualAddresses.map(({ bytes }) => bytes.at(-1))).toEqual([1, 1]);
    expect(pair.server.seen('session-opened')[0]?.peerAddresses).toEqual(opened?.virtualAddresses);
    const [installed] = pair.client.children.values();
    expect(installed?.dns).toHaveLength(2);
    expect(installed?.localSelectors.map(({ start }) => start)).toEqual(opened?.virtualAddresses);
  });

  it('go back when the session ends, and come again to the same identity', () => {
    const pair = new Pair({ client, server: { ...server, children }, pools }).open();
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.drive(1_000);
    expect(pair.server.pools.status().map(({ online }) => online)).toEqual([0, 0]);
    pair.initiate(2);
    pair.drive(1_000);
    const [first, second] = pair.client.seen('session-opened');
    expect(second?.virtualAddresses).toEqual(first?.virtualAddresses);
  });

  it('that are exhausted are answered with INTERNAL_ADDRESS_FAILURE, and the IKE SA stands (RFC 7296 §3.15.4)', () => {
    const full = [{ ...pool('v4', '10.88.0.1/32') }];
    const sendInitialContact = false;
    const only = { ...client, virtualAddresses: [ANY_IPV4], sendInitialContact };
    const pair = new Pair({
      client: only,
      server: { pools: ['v4'], children },
      pools: full,
    }).open();
    pair.initiate(2);
    pair.drive(1_000);
    expect(pair.client.closeCode).toBe('internal-address-failure');
    expect(pair.server.seen('session-opened')).toHaveLength(2);
    expect(pair.server.seen('child-failed')[0]?.failure.sentence).toContain('v4');
  });

  it('may be others than the client wished for: its selectors leave room for them (RFC 7296 §3.15.1)', () => {
    const wished = { version: 4 as const, bytes: Uint8Array.of(10, 99, 0, 7) };
    const pair = new Pair({
      client: { ...client, virtualAddresses: [wished] },
      server: { ...server, children },
      pools,
    }).open();
    const [opened] = pair.client.seen('session-opened');
    expect(opened?.virtualAddresses.map(({ bytes }) => [...bytes])).toEqual([[10, 88, 0, 1]]);
    const [installed] = pair.client.children.values();
    expect(installed?.localSelectors.map(({ start }) => start)).toEqual(opened?.virtualAddresses);
  });

  it('that the peer does not give end the attempt with a sentence', () => {
    const pair = new Pair({ client }).open();
    expect(pair.client.closeCode).toBe('internal-address-failure');
    expect(pair.client.seen('child-failed')[0]?.failure.sentence).toContain('no virtual address');
  });
});

describe('INITIAL_CONTACT (RFC 7296 §2.4)', () => {
  it('is not announced while another session to the same peer stands', () => {
    const pair = new Pair().open();
    pair.initiate(2);
    pair.drive(1_000);
    const requests = pair.client.story.filter((line) => line.startsWith('sent IKE_AUTH'));
    expect(requests[0]).toContain('N(INITIAL_CONTACT)');
    expect(requests[1]).not.toContain('N(INITIAL_CONTACT)');
    expect(pair.server.seen('session-closed')).toHaveLength(0);
  });

  it('is honoured from a client that has restarted', () => {
    const pair = new Pair().open();
    const restarted = new Pair({ seed: 'restarted' });
    restarted.wire = (flight) => {
      if (flight.from === 'client') {
        for (const output of pair.deliver(flight)) {
          if (output.kind !== 'send') continue;
          const { path, data, marker } = output;
          restarted.schedule(1, () =>
            restarted.deliver({ from: 'server', index: 0, path, data, marker }),
          );
        }
      }
      return [];
    };
    pair.wire = (flight) => {
      restarted.schedule(1, () => restarted.deliver(flight));
      return [];
    };
    restarted.open();
    expect(restarted.client.children.size).toBe(1);
    expect(pair.server.seen('session-closed')[0]?.failure.code).toBe('replaced');
    expect(pair.server.children.size).toBe(1);
    expect(pair.server.story.filter((line) => line.startsWith('sent INFORMATIONAL'))).toEqual([]);
  });
});
