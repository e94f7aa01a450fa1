import { describe, expect, it } from 'vitest';
import { checkSettings, planSettings, tunPlace } from '../src/settings-plan.ts';
import { address, prefix, settings } from './settings-fixture.ts';

const place = tunPlace('ipsec0', 7);
const commands = (wanted: Parameters<typeof settings>[0]): string[] =>
  planSettings(settings(wanted), place).map(({ add }) => add.join(' '));

describe('planSettings', () => {
  it('puts routes into a table of their own, which counts before the main one', () => {
    expect(commands({ routes: [prefix('10.0.0.0/8')] })).toEqual([
      '-4 route replace 10.0.0.0/8 dev ipsec0 table 4500007 scope global',
      '-4 rule add priority 20007 lookup 4500007',
    ]);
  });

  it('sends what its sockets send past a full tunnel, wherever the peer is going to be', () => {
    const excluded = [address('192.0.2.1')];
    const all = commands({ routes: [prefix('0.0.0.0/0')], excluded, outsidePorts: [4500] });
    expect(all.slice(2, 4)).toEqual([
      '-4 rule add priority 10007 iif lo ipproto udp sport 4500 lookup main',
      '-4 rule add priority 15007 iif lo ipproto udp sport 4500 unreachable',
    ]);
    const split = commands({ routes: [prefix('10.0.0.0/8')], excluded, outsidePorts: [4500] });
    expect(split.join()).not.toContain('4500 lookup main');
  });

  it('sends what goes to the peer past a full tunnel, and nowhere when there is no network', () => {
    expect(
      commands({ routes: [prefix('0.0.0.0/0')], excluded: [address('192.0.2.1')] }).slice(0, 2),
    ).toEqual([
      '-4 rule add priority 10007 to 192.0.2.1/32 lookup main',
      '-4 rule add priority 15007 to 192.0.2.1/32 unreachable',
    ]);
  });

  it('makes no way past the tunnel for a peer that no route covers', () => {
    const excluded = [address('192.0.2.1'), address('2001:db8::1')];
    const all = commands({ routes: [prefix('10.0.0.0/8')], excluded });
    expect(all.some((command) => command.includes('192.0.2.1'))).toBe(false);
    expect(all.some((command) => command.startsWith('-6'))).toBe(false);
  });

  it('sends to a peer inside of the tunnel all but what carries the tunnel, with the address that it knows us by', () => {
    const peer = { address: address('192.0.2.1'), source: address('198.51.100.7') };
    expect(
      commands({
        routes: [prefix('192.0.2.1/32'), prefix('10.0.0.0/8')],
        excluded: [peer.address],
        preferredSources: [address('10.1.0.1')],
        insidePeers: [peer, { address: address('192.0.2.9') }],
        outsidePorts: [500, 4500],
      }),
    ).toEqual([
      '-4 rule add priority 10007 to 192.0.2.1/32 iif lo ipproto udp sport 500 lookup main',
      '-4 rule add priority 15007 to 192.0.2.1/32 iif lo ipproto udp sport 500 unreachable',
      '-4 rule add priority 10007 to 192.0.2.1/32 iif lo ipproto udp sport 4500 lookup main',
      '-4 rule add priority 15007 to 192.0.2.1/32 iif lo ipproto udp sport 4500 unreachable',
      '-4 route replace 192.0.2.1/32 dev ipsec0 table 4500007 src 198.51.100.7 scope global',
      '-4 route replace 10.0.0.0/8 dev ipsec0 table 4500007 src 10.1.0.1 scope global',
      '-4 rule add priority 20007 lookup 4500007',
    ]);
  });

  it('treats each family by itself', () => {
    const routes = [prefix('::/0')];
    const all = commands({ routes, excluded: [address('192.0.2.1'), address('2001:db8::1')] });
    expect(all).toEqual([
      '-6 rule add priority 10007 to 2001:db8::1/128 lookup main',
      '-6 rule add priority 15007 to 2001:db8::1/128 unreachable',
      '-6 route replace ::/0 dev ipsec0 table 4500007',
      '-6 rule add priority 20007 lookup 4500007',
    ]);
  });

  it('suggests the address of the device as source, or the one that is preferred', () => {
    const routes = [prefix('10.0.0.0/8')];
    expect(commands({ routes, addresses: [prefix('10.9.0.2/32')] })).toContain(
      '-4 route replace 10.0.0.0/8 dev ipsec0 table 4500007 src 10.9.0.2 scope global',
    );
    expect(commands({ routes, preferredSources: [address('10.1.0.1')] })).toContain(
      '-4 route replace 10.0.0.0/8 dev ipsec0 table 4500007 src 10.1.0.1 scope global',
    );
  });

  it('asks for no duplicate address detection', () => {
    expect(commands({ addresses: [prefix('fd00::2/128')] })).toEqual([
      '-6 address add fd00::2/128 dev ipsec0 nodad',
    ]);
  });

  it('clears the host bits of routes and asks for each thing once', () => {
    const routes = [prefix('10.1.2.3/8'), prefix('10.0.0.0/8')];
    expect(commands({ routes })).toHaveLength(2);
  });

  it('gives devices with other indices tables and priorities of their own', () => {
    const other = tunPlace('ipsec1', 8);
    expect(other.table).not.toBe(place.table);
    expect(other.excludedPriority).not.toBe(place.excludedPriority);
    expect(Math.max(other.excludedPriority, other.unreachablePriority)).toBeLessThan(
      place.tablePriority,
    );
    expect(tunPlace('ipsec2', 4_999_999).tablePriority).toBeLessThan(32766);
  });
});

describe('checkSettings', () => {
  it('refuses an MTU that carries no IPv6 (RFC 8200 §5)', () => {
    expect(() => checkSettings(settings({ mtu: 1279, routes: [prefix('::/0')] }))).toThrow(
      'at least 1280 bytes for IPv6',
    );
    checkSettings(settings({ mtu: 1279, routes: [prefix('0.0.0.0/0')] }));
  });

  it('refuses impossible numbers', () => {
    for (const mtu of [0, 575, 65536, 1400.5, Number.NaN]) {
      expect(() => checkSettings(settings({ mtu }))).toThrow('"mtu" expected 576 to 65535');
    }
    const routes = Array.from({ length: 4097 }, () => prefix('10.0.0.0/8'));
    expect(() => checkSettings(settings({ routes }))).toThrow('"routes" expected at most 4096');
  });
});
