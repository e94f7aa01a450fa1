import { buildIcmpEcho, parseAddress } from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clientPair,
  drops,
  engine,
  open,
  packets,
  seal,
  serverPair,
  serverPath,
  udp,
} from './engine-fixture.ts';

const pairs = [
  clientPair({ id: 1, local: ['10.0.0.5'], remote: ['10.1.2.3[udp/53]'] }),
  clientPair({ id: 2, local: ['10.0.0.0/24'], remote: ['10.1.2.3[icmp]', '10.1.2.4'] }),
  clientPair({ id: 3, local: ['10.0.0.6[udp/1]'], remote: ['10.1.2.3[udp]'] }),
  clientPair({
    id: 4,
    local: ['2001:db8:a::1'],
    remote: ['2001:db8:b::3', '2001:db8:b::4[udp/53]'],
  }),
];

function ping(from: string, to: string): Uint8Array {
  const [source, destination] = [parseAddress(from), parseAddress(to)];
  if (!source || !destination) throw new Error('not addresses');
  const data = new Uint8Array(8);
  return buildIcmpEcho({ kind: 'request', source, destination, identifier: 1, sequence: 1, data });
}

/** Packets that differ in as little as one port, one address or the protocol. */
const packet = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(5, 6),
      fc.constantFrom(1, 2),
      fc.constantFrom(3, 4),
      fc.constantFrom(53, 1),
    )
    .map(([from, port, to, toPort]) => udp(`10.0.0.${from}:${port}`, `10.1.2.${to}:${toPort}`)),
  fc
    .tuple(fc.constantFrom(1, 2), fc.constantFrom(3, 4), fc.constantFrom(53, 1))
    .map(([from, to, port]) => udp(`[2001:db8:a::${from}]:1`, `[2001:db8:b::${to}]:${port}`)),
  fc.constantFrom(ping('10.0.0.5', '10.1.2.3'), ping('10.0.0.6', '10.1.2.4')),
);

function withAllPairs() {
  const [client, server] = [engine(), engine()];
  for (const pair of pairs) {
    client.install(pair);
    server.install(serverPair(pair));
  }
  return { client, server };
}

describe('what was decided about the last packet', () => {
  it('decides about no packet that is of another flow', () => {
    fc.assert(
      fc.property(fc.array(packet, { minLength: 1, maxLength: 20 }), (sent) => {
        const { client } = withAllPairs();
        for (const one of sent) {
          const [esp] = packets(seal(client, [one]).esp);
          const [alone] = packets(seal(withAllPairs().client, [one]).esp);
          expect(esp?.subarray(0, 4)).toEqual(alone?.subarray(0, 4));
        }
      }),
    );
  });

  it('lets nothing out of another pair', () => {
    const { client, server } = withAllPairs();
    const wild = { local: ['0.0.0.0/0'], remote: ['0.0.0.0/0'] };
    const liar = engine();
    liar.install(clientPair({ id: 3, ...wild }));
    const good = udp('10.0.0.5:1', '10.1.2.3:53');
    expect(open(server, packets(seal(client, [good]).esp), serverPath)).toHaveLength(1);
    expect(open(server, packets(seal(liar, [good]).esp), serverPath)).toHaveLength(0);
    expect(drops(server)).toEqual({ 'selector-mismatch': 1 });
    expect(open(server, packets(seal(client, [good]).esp), serverPath)).toHaveLength(1);
  });
});
