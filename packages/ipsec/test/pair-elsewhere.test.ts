import { createSeededRandom } from '@ipsec-kit/crypto';
import { parseSelector, type TrafficSelector } from '@ipsec-kit/ip';
import { createPacketEngine, type PacketEngine } from '@ipsec-kit/ipsec';
import { describe, expect, it } from 'vitest';
import {
  batch,
  clientPair,
  drops,
  engine,
  numbered,
  numberIn,
  numbersFrom,
  provider,
  seal,
} from './engine-fixture.ts';

const selectors = (text: string): TrafficSelector[] => {
  const selector = parseSelector(text);
  if (!selector) throw new Error(`not a selector: ${text}`);
  return [selector];
};

/** An engine, and what it has handed to others: `owner number`. */
function sharing(): { readonly client: PacketEngine; readonly handed: string[] } {
  const handed: string[] = [];
  const client = createPacketEngine({
    crypto: provider,
    random: createSeededRandom('iv'),
    handOver(owner, batch, index) {
      const at = batch.offsets[index] ?? 0;
      const packet = batch.memory.slice(at, at + (batch.lengths[index] ?? 0));
      handed.push(`${owner} ${numberIn(packet)}`);
    },
  });
  return { client, handed };
}

function elsewhere(id: number, owner: number, remote = '10.1.0.0/16', outboundActive = true) {
  return {
    ...{ id, owner, outboundActive },
    localSelectors: selectors('10.0.0.0/24'),
    remoteSelectors: selectors(remote),
  };
}

/** @returns how many were sealed here. */
const give = (to: PacketEngine, first: number, last = first, address = '10.1.2.3'): number =>
  seal(
    to,
    numbersFrom(first, last).map((n) => numbered('10.0.0.5:1000', `${address}:80`, n)),
    last - first + 1,
  ).esp.count;

describe('a pair that stands in another engine', () => {
  it('is given its packets in their order, and no others', () => {
    const { client, handed } = sharing();
    client.installElsewhere(elsewhere(7, 3));
    client.install(clientPair({ id: 1, remote: ['10.2.0.0/16'] }));
    expect(give(client, 1, 3)).toBe(0);
    expect(give(client, 4, 5, '10.2.0.1')).toBe(2);
    expect(give(client, 6, 6, '10.9.0.1')).toBe(0);
    expect(handed).toEqual(['3 1', '3 2', '3 3']);
    expect(drops(client)).toEqual({ 'no-sa': 1 });
    expect(client.counters().outPackets).toBe(2);
  });

  it('is chosen as one that stands here would be: the longest prefix, then the last that was activated (RFC 4301 §4.4.1)', () => {
    const { client, handed } = sharing();
    client.install(clientPair({ id: 1, remote: ['10.1.0.0/16'] }));
    client.installElsewhere(elsewhere(2, 1, '10.1.2.0/24'));
    expect(give(client, 1)).toBe(0);
    expect(give(client, 2, 2, '10.1.3.3')).toBe(1);
    client.install(clientPair({ id: 3, remote: ['10.1.2.0/24'] }));
    expect(give(client, 3)).toBe(1);
    client.installElsewhere(elsewhere(4, 2, '10.1.2.0/24', false));
    expect(give(client, 4)).toBe(1);
    client.activateOutbound(4);
    client.activateOutbound(4);
    expect(give(client, 5)).toBe(0);
    client.deactivateOutbound(4);
    expect(give(client, 6)).toBe(1);
    client.activateOutbound(4);
    expect(give(client, 7)).toBe(0);
    client.remove(4);
    expect(give(client, 8)).toBe(1);
    client.remove(3);
    expect(give(client, 9)).toBe(0);
    client.remove(2);
    expect(give(client, 10)).toBe(1);
    expect(handed).toEqual(['1 1', '2 5', '2 7', '1 9']);
  });

  it('is given what a trap held for it, before anything newer', () => {
    const { client, handed } = sharing();
    const ends = { localSelectors: selectors('10.0.0.0/24') };
    client.installTrap({ id: 1, ...ends, remoteSelectors: selectors('10.1.0.0/16') });
    give(client, 1, 4);
    expect(handed).toEqual([]);
    client.installElsewhere(elsewhere(7, 2));
    const held = batch();
    for (let n = client.takeHeld(held); n > 0; n = client.takeHeld(held)) {
      client.outbound(held, batch(1));
    }
    give(client, 5);
    expect(handed).toEqual(['2 1', '2 2', '2 3', '2 4', '2 5']);
    expect(client.counters().heldPackets).toBe(0);
  });

  it('is refused where its id stands, where it has no selectors, and where nobody takes its packets', () => {
    const { client } = sharing();
    client.installElsewhere(elsewhere(7, 1));
    client.install(clientPair({ id: 1 }));
    for (const id of [1, 7]) {
      expect(() => client.installElsewhere(elsewhere(id, 1))).toThrow('"pair.id" expected');
    }
    expect(() => client.install(clientPair({ id: 7 }))).toThrow('"pair.id" expected');
    expect(() => client.installElsewhere({ ...elsewhere(8, 1), remoteSelectors: [] })).toThrow(
      '"remoteSelectors" expected',
    );
    expect(() => engine().installElsewhere(elsewhere(9, 1))).toThrow('"handOver" expected');
  });
});
