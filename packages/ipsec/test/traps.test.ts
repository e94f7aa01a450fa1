import { formatSelector, parseSelector, type TrafficSelector, writeUint16 } from '@ipsec-kit/ip';
import { HELD_FOR_ALL_TRAPS, HELD_PER_TRAP, type PacketEngine } from '@ipsec-kit/ipsec';
import { describe, expect, it } from 'vitest';
import {
  clientPair,
  drops,
  engine,
  numbered,
  numberIn,
  numbersFrom,
  packets,
  seal,
  taken,
  udp,
} from './engine-fixture.ts';

const selectors = (texts: readonly string[]): TrafficSelector[] =>
  texts.map((text) => {
    const selector = parseSelector(text);
    if (!selector) throw new Error(`not a selector: ${text}`);
    return selector;
  });

function trap(
  on: PacketEngine,
  id = 1,
  remote: readonly string[] = ['10.1.0.0/16', '2001:db8:b::/48'],
  local: readonly string[] = ['10.0.0.0/24', '2001:db8:a::/48'],
): void {
  on.installTrap({ id, localSelectors: selectors(local), remoteSelectors: selectors(remote) });
}

function trapped(factCapacity?: number): PacketEngine {
  const client = engine(factCapacity);
  trap(client);
  return client;
}

/** Gives numbered packets to the engine. @returns how many were sealed. */
const give = (to: PacketEngine, first: number, last = first, address = '10.1.2.3'): number =>
  seal(
    to,
    numbersFrom(first, last).map((n) => numbered('10.0.0.5:1000', `${address}:80`, n)),
    last - first + 1,
  ).esp.count;

/** The acquires among the facts, as `trap local -> remote`. */
const acquires = (from: PacketEngine): string[] =>
  from.drainFacts().flatMap((fact) => {
    if (fact.kind !== 'acquire') return [];
    return [`${fact.trapId} ${formatSelector(fact.local)} -> ${formatSelector(fact.remote)}`];
  });

const outboundSpi = (from: PacketEngine, to: string): number | undefined =>
  packets(seal(from, [udp('10.0.0.5:1', to)]).esp)[0]?.[3];

describe('a trap (RFC 4301 §5.1)', () => {
  it('holds packets, asks once for an SA, and lets them go in order when one is active', () => {
    const client = trapped();
    expect(give(client, 1, 10)).toBe(0);
    expect(acquires(client)).toEqual(['1 10.0.0.5/32[udp/1000] -> 10.1.2.3/32[udp/80]']);
    expect(give(client, 11, 20)).toBe(0);
    expect(acquires(client)).toEqual([]);
    expect(taken(client)).toEqual([]);
    client.install(clientPair({ outboundActive: false }));
    expect(taken(client)).toEqual([]);
    client.activateOutbound(1);
    expect(taken(client, 6).map(numberIn)).toEqual(numbersFrom(1, 20));
    expect(give(client, 21)).toBe(1);
    expect(acquires(client)).toEqual([]);
    expect(drops(client)).toEqual({});
  });

  it('asks once for 10,000 packets, keeps the last of them, and no more memory than it may', () => {
    const client = trapped();
    for (let first = 1; first <= 10_000; first += 100) give(client, first, first + 99);
    expect(client.drainFacts()).toHaveLength(1);
    expect(client.counters()).toMatchObject({ heldPackets: HELD_PER_TRAP.packets });
    const dropped = 10_000 - HELD_PER_TRAP.packets;
    expect(drops(client)).toEqual({ 'trap-queue-full': dropped });
    client.install(clientPair());
    expect(taken(client).map(numberIn)).toEqual(numbersFrom(dropped + 1, 10_000));
    expect(client.counters()).toMatchObject({ heldPackets: 0, heldBytes: 0 });
    expect(client.drainFacts()).toEqual([]);
  });

  it('is bounded together with all others', () => {
    const client = engine();
    for (let id = 1; id <= 20; id += 1) {
      trap(client, id, [`10.1.${id}.0/24`]);
      give(client, 1, HELD_PER_TRAP.packets, `10.1.${id}.1`);
    }
    expect(client.counters().heldPackets).toBe(HELD_FOR_ALL_TRAPS.packets);
    expect(acquires(client)).toHaveLength(20);
    const dropped = 20 * HELD_PER_TRAP.packets - HELD_FOR_ALL_TRAPS.packets;
    expect(drops(client)).toEqual({ 'trap-queue-full': dropped });
    for (let id = 1; id <= 20; id += 1) client.removeTrap(id);
    expect(client.counters()).toMatchObject({ heldPackets: 0, heldBytes: 0 });
  });

  it('holds no more bytes than it may', () => {
    const client = trapped();
    const long = udp('10.0.0.5:1', '10.1.2.3:1', 1900);
    const most = Math.floor(HELD_PER_TRAP.bytes / long.length);
    for (let i = 0; i < 400; i += 1) seal(client, [long]);
    expect(client.counters().heldPackets).toBe(Math.min(most, HELD_PER_TRAP.packets));
    expect(client.counters().heldBytes).toBeLessThanOrEqual(HELD_PER_TRAP.bytes);
  });

  it('asks for the packet itself, with protocol and ports where they show (RFC 7296 §2.9)', () => {
    const asked = (packet: Uint8Array, remote?: string[], local?: string[]): string[] => {
      const client = engine();
      trap(client, 7, remote, local);
      seal(client, [packet]);
      return acquires(client);
    };
    const later = udp('10.0.0.5:1000', '10.1.2.3:80');
    writeUint16(later, 6, 10);
    expect(asked(udp('[2001:db8:a::5]:9', '[2001:db8:b::1]:8'))).toEqual([
      '7 2001:db8:a::5/128[udp/9] -> 2001:db8:b::1/128[udp/8]',
    ]);
    expect(asked(later)).toEqual(['7 10.0.0.5/32[udp] -> 10.1.2.3/32[udp]']);
    expect(asked(later, ['10.1.0.0/16[udp/opaque]'])).toEqual([
      '7 10.0.0.5/32[udp] -> 10.1.2.3/32[udp/opaque]',
    ]);
    expect(asked(later, ['10.1.0.0/16[udp/80]'])).toEqual([]);
  });

  it('gives way to an active pair that is as specific or more, and stands under it', () => {
    const client = trapped();
    client.install(clientPair({ id: 2, remote: ['10.1.2.0/24'] }));
    expect(outboundSpi(client, '10.1.2.3:80')).toBe(2);
    expect(outboundSpi(client, '10.1.3.3:80')).toBeUndefined();
    expect(acquires(client)).toEqual(['1 10.0.0.5/32[udp/1] -> 10.1.3.3/32[udp/80]']);
    client.install(clientPair({ id: 3 }));
    expect(outboundSpi(client, '10.1.3.3:80')).toBe(3);
    expect(outboundSpi(client, '10.1.2.3:80')).toBe(2);
  });

  it('comes before an active pair that is less specific', () => {
    const client = trapped();
    client.install(clientPair({ id: 2, remote: ['0.0.0.0/0'] }));
    expect(outboundSpi(client, '8.8.8.8:80')).toBe(2);
    expect(outboundSpi(client, '10.1.2.3:80')).toBeUndefined();
    expect(acquires(client)).toHaveLength(1);
    expect(taken(client)).toEqual([]);
  });

  it('is not satisfied by a wider pair, which does not get its packets', () => {
    const client = trapped();
    give(client, 1);
    client.install(clientPair({ id: 2, remote: ['0.0.0.0/0'] }));
    expect(taken(client)).toEqual([]);
    give(client, 2);
    expect(acquires(client)).toHaveLength(1);
    client.install(clientPair({ id: 3 }));
    expect(taken(client).map(numberIn)).toEqual([1, 2]);
  });

  it('asks again for what a narrowed SA leaves over, one at a time (RFC 7296 §2.9)', () => {
    const client = trapped();
    give(client, 1, 2, '10.1.1.1');
    give(client, 3, 4, '10.1.2.1');
    give(client, 5, 5, '10.1.3.1');
    give(client, 6, 6, '10.1.1.1');
    expect(acquires(client)).toHaveLength(1);
    client.install(clientPair({ id: 1, remote: ['10.1.1.0/24'] }));
    expect(taken(client).map(numberIn)).toEqual([1, 2, 6]);
    expect(acquires(client)).toEqual(['1 10.0.0.5/32[udp/1000] -> 10.1.2.1/32[udp/80]']);
    client.install(clientPair({ id: 2, remote: ['10.1.2.0-10.1.3.255'] }));
    expect(taken(client).map(numberIn)).toEqual([3, 4, 5]);
    expect(acquires(client)).toEqual([]);
    expect(client.counters().heldPackets).toBe(0);
  });

  it('does not ask again because of a pair that takes other packets than the one asked for', () => {
    const client = trapped();
    give(client, 1, 1, '10.1.1.1');
    give(client, 2, 2, '10.1.2.1');
    acquires(client);
    client.install(clientPair({ id: 2, remote: ['10.1.2.0/24'] }));
    expect(taken(client).map(numberIn)).toEqual([2]);
    give(client, 3, 3, '10.1.1.1');
    expect(acquires(client)).toEqual([]);
    client.install(clientPair({ id: 1, remote: ['10.1.1.0/24'] }));
    expect(taken(client).map(numberIn)).toEqual([1, 3]);
  });

  it('is satisfied also when the packet it asked for was dropped meanwhile', () => {
    const client = trapped();
    give(client, 1, 1, '10.1.1.1');
    give(client, 2, HELD_PER_TRAP.packets + 1, '10.1.2.1');
    expect(acquires(client)).toHaveLength(1);
    client.install(clientPair({ id: 1, remote: ['10.1.1.0/24'] }));
    expect(taken(client)).toEqual([]);
    expect(acquires(client)).toEqual(['1 10.0.0.5/32[udp/1000] -> 10.1.2.1/32[udp/80]']);
  });

  it('asks again with the next packet after a failure, and has dropped what it held', () => {
    const client = trapped();
    give(client, 1, 3);
    expect(acquires(client)).toHaveLength(1);
    client.rearmTrap(1);
    client.rearmTrap(1);
    expect(acquires(client)).toEqual([]);
    expect(drops(client)).toEqual({ 'held-discarded': 3 });
    give(client, 4, 5);
    expect(acquires(client)).toHaveLength(1);
    client.install(clientPair());
    expect(taken(client).map(numberIn)).toEqual([4, 5]);
    client.rearmTrap(99);
  });

  it('asks again when its SA is gone, or sends no more', () => {
    const client = trapped();
    give(client, 1);
    client.install(clientPair());
    taken(client);
    acquires(client);
    client.deactivateOutbound(1);
    give(client, 2);
    expect(acquires(client)).toHaveLength(1);
    client.activateOutbound(1);
    expect(taken(client).map(numberIn)).toEqual([2]);
    client.remove(1);
    give(client, 3);
    expect(acquires(client)).toHaveLength(1);
  });

  it('catches again what was let go when the pair went before it could be sent', () => {
    const client = trapped();
    give(client, 1, 2);
    client.install(clientPair());
    client.remove(1);
    acquires(client);
    expect(seal(client, taken(client)).esp.count).toBe(0);
    expect(acquires(client)).toHaveLength(1);
    client.install(clientPair());
    expect(taken(client).map(numberIn)).toEqual([1, 2]);
  });

  it('drops what it held when it is removed, and holds nothing more', () => {
    const client = trapped();
    give(client, 1, 3);
    client.removeTrap(1);
    client.removeTrap(1);
    expect(give(client, 4)).toBe(0);
    expect(drops(client)).toEqual({ 'held-discarded': 3, 'no-sa': 1 });
    client.install(clientPair());
    expect(taken(client)).toEqual([]);
    trap(client);
    expect(give(client, 5)).toBe(1);
  });

  it('does not catch what its local selectors exclude', () => {
    const client = trapped();
    seal(client, [udp('10.9.0.5:1', '10.1.2.3:1')]);
    expect(drops(client)).toEqual({ 'no-policy': 1 });
    expect(client.drainFacts()).toEqual([]);
  });

  it('asks by the next drain when there was no room for the fact', () => {
    const client = trapped(1);
    trap(client, 2, ['10.2.0.0/16']);
    give(client, 1);
    give(client, 2, 2, '10.2.0.1');
    expect(acquires(client)).toEqual(['1 10.0.0.5/32[udp/1000] -> 10.1.2.3/32[udp/80]']);
    expect(acquires(client)).toEqual(['2 10.0.0.5/32[udp/1000] -> 10.2.0.1/32[udp/80]']);
    expect(acquires(client)).toEqual([]);
  });

  it('is refused with an id that stands already, or without selectors', () => {
    const client = trapped();
    expect(() => trap(client)).toThrow(/"trap.id" expected one that is not installed, got 1/);
    expect(() => trap(client, 2, [])).toThrow(/"trap.remoteSelectors" expected at least one/);
    expect(() => trap(client, 2, ['10.0.0.0/8'], [])).toThrow(/"trap.localSelectors"/);
  });
});
