import type { Clock, SleepEvent } from '@ipsec-kit/clock';
import { VirtualClock } from '@ipsec-kit/clock';
import type { SessionEvent } from '@ipsec-kit/ikev2';
import { type Endpoint, formatAddress, formatPrefix, type Prefix } from '@ipsec-kit/ip';
import { WELL_KNOWN_NAT64_PREFIX } from '@ipsec-kit/mobike';
import { describe, expect, it } from 'vitest';
import { followHost, type HostNews } from '../src/host-follower.ts';
import type { HostNetwork, NetworkWatchOptions } from '../src/platform.ts';
import { address } from './memory-world.ts';

/** A host whose addresses, network and sleep the test decides; `log` is what happened, in order. */
function bench(bound: readonly string[], clock: Clock = new VirtualClock(), nat64?: Prefix) {
  const log: string[] = [];
  const warnings: string[] = [];
  let endpoints: readonly Endpoint[] = endpointsOf(bound);
  let watch: NetworkWatchOptions | undefined;
  let refreshes = 0;
  let failure: Error | undefined;
  let next = endpoints;
  const follower = followHost({
    clock,
    watchNetwork(options) {
      watch = options;
      return {
        async refresh() {
          refreshes += 1;
        },
        stop: () => log.push('stopped'),
      };
    },
    udp: {
      get endpoints() {
        return endpoints;
      },
      async refresh() {
        if (failure) throw failure;
        const before = endpoints;
        endpoints = next;
        return {
          added: endpoints.filter((one) => !before.includes(one)),
          removed: before.filter((one) => !endpoints.includes(one)),
          failed: [],
        };
      },
    },
    device: 'ipsec7',
    nat64: async () => nat64,
    scheduler: { runDue: () => void log.push('run due') },
    tell: (news) => log.push(text(news)),
    onSocketsChange: () => log.push('sockets'),
    onWarning: (sentence) => warnings.push(sentence),
  });
  return {
    follower,
    log,
    warnings,
    get ignored() {
      return watch?.ignoredInterfaces;
    },
    get refreshes() {
      return refreshes;
    },
    fail(error: Error | undefined) {
      failure = error;
    },
    /** The network becomes this; the system has these addresses to bind to. */
    async network(
      preferred: readonly string[],
      networkKey?: string,
      system = preferred,
      routed?: readonly (4 | 6)[],
    ) {
      next = endpointsOf(system);
      const network: HostNetwork = {
        preferredAddresses: preferred.map(address),
        networkKey,
        ...(routed ? { defaultRoutes: routed.map((version) => ({ version })) } : {}),
      };
      watch?.onChange(network);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const known = new Map<string, Endpoint>();
function endpointsOf(addresses: readonly string[]): Endpoint[] {
  return addresses.map((one) => {
    const endpoint = known.get(one) ?? { address: address(one), port: 4500 };
    known.set(one, endpoint);
    return endpoint;
  });
}

function text(news: HostNews): string {
  switch (news.kind) {
    case 'local-addresses':
      return [
        `addresses ${news.addresses.map(formatAddress).join(' ')}`,
        ...(news.nat64Prefix ? [`NAT64 ${formatPrefix(news.nat64Prefix)}`] : []),
      ].join(', ');
    case 'network':
      return `network ${news.networkKey}`;
    case 'slept':
      return `slept ${news.sleptMs}`;
    default:
      return news.kind;
  }
}

const opened = (local: string): SessionEvent =>
  ({
    kind: 'session-opened',
    path: {
      local: { address: address(local), port: 4500 },
      remote: { address: address('192.0.2.1'), port: 4500 },
    },
  }) as SessionEvent;

describe('who follows the host', () => {
  it('opens sockets on a new address before the address is told', async () => {
    const { log, network } = bench(['192.0.2.7']);
    await network(['192.0.2.7'], 'wifi');
    await network(['198.51.100.7', '192.0.2.7'], 'lte');
    expect(log).toEqual([
      'network wifi',
      'addresses 192.0.2.7',
      'sockets',
      'network lte',
      'addresses 198.51.100.7 192.0.2.7',
    ]);
  });

  it('tells of a NAT64 where it has IPv6 alone, and of none where it has IPv4 (RFC 7050 §3)', async () => {
    const { log, network } = bench(['192.0.2.7'], undefined, WELL_KNOWN_NAT64_PREFIX);
    await network(['192.0.2.7', '2001:db8::7'], 'wifi');
    await network(['2001:db8::8'], 'lte');
    await network(['192.0.2.7'], 'wifi');
    expect(log.filter((line) => line.startsWith('addresses'))).toEqual([
      'addresses 192.0.2.7 2001:db8::7',
      'addresses 2001:db8::8',
      'addresses 2001:db8::8, NAT64 64:ff9b::/96',
      'addresses 192.0.2.7',
    ]);
  });

  it('tells of a NAT64 where IPv4 leads nowhere, as from a bridge to containers (RFC 7050 §3)', async () => {
    const { log, network } = bench(['192.0.2.7'], undefined, WELL_KNOWN_NAT64_PREFIX);
    const both = ['2001:db8::8', '172.17.0.1'];
    await network(both, 'lte', both, [6]);
    await network(both, 'lte', both, [6, 4]);
    expect(log.filter((line) => line.startsWith('addresses'))).toEqual([
      'addresses 2001:db8::8 172.17.0.1',
      'addresses 2001:db8::8 172.17.0.1, NAT64 64:ff9b::/96',
    ]);
    expect(log.at(-1)).toBe('connectivity');
  });

  it('tells no address from which it cannot send', async () => {
    const { log, network } = bench(['192.0.2.7']);
    await network(['203.0.113.1', '192.0.2.7'], 'wifi', ['192.0.2.7']);
    expect(log.at(-1)).toBe('addresses 192.0.2.7');
  });

  it('tells that something changed although the addresses did not, and not at the start', async () => {
    const { log, network } = bench(['192.0.2.7']);
    await network(['192.0.2.7'], 'wifi');
    expect(log).not.toContain('connectivity');
    await network(['192.0.2.7'], 'other');
    expect(log.slice(-2)).toEqual(['network other', 'connectivity']);
  });

  it('tells that there is no address any more, and goes on when there is one again', async () => {
    const { log, network } = bench(['192.0.2.7']);
    await network(['192.0.2.7'], 'wifi');
    await network([], undefined);
    await network(['192.0.2.7'], 'wifi');
    expect(log.slice(2)).toEqual([
      'sockets',
      'network undefined',
      'addresses ',
      'sockets',
      'network wifi',
      'addresses 192.0.2.7',
    ]);
  });

  it('keeps the address of a session that no monitor tells of', async () => {
    const { log, follower, network } = bench(['192.0.2.1', '127.0.0.1']);
    const all = ['192.0.2.1', '127.0.0.1'];
    await network(['192.0.2.1'], 'wifi', all);
    expect(log.at(-1)).toBe('addresses 192.0.2.1');
    follower.note(opened('192.0.2.1'));
    expect(log.at(-1)).toBe('addresses 192.0.2.1');
    follower.note(opened('127.0.0.1'));
    expect(log.at(-1)).toBe('addresses 192.0.2.1 127.0.0.1');
  });

  it('keeps the address of the loopback interface that a session is on, and no longer than the monitor or a socket knows it', async () => {
    const { log, follower, network } = bench(['192.0.2.1', '10.77.0.1']);
    follower.note(opened('10.77.0.1'));
    await network(['192.0.2.1'], 'wifi', ['192.0.2.1', '10.77.0.1']);
    expect(log.at(-1)).toBe('addresses 192.0.2.1 10.77.0.1');
    await network(['10.77.0.1', '192.0.2.1'], 'wifi');
    expect(log.at(-1)).toBe('addresses 10.77.0.1 192.0.2.1');
    await network(['192.0.2.1'], 'wifi', ['192.0.2.1', '10.77.0.1']);
    expect(log.at(-1)).toBe('addresses 192.0.2.1');
  });

  it('says in one sentence that the sockets do not follow, and tells what there is', async () => {
    const { log, warnings, network, fail } = bench(['192.0.2.7']);
    fail(new Error('too many files are open'));
    await network(['192.0.2.7', '198.51.100.7'], 'wifi');
    expect(warnings).toEqual([
      'The sockets do not follow the addresses of this host: too many files are open',
    ]);
    expect(log.at(-1)).toBe('addresses 192.0.2.7');
    fail(undefined);
  });

  it('leaves the device of the tunnel out, and looks again when it is asked to', async () => {
    const b = bench(['192.0.2.7']);
    expect(b.ignored).toEqual(['ipsec7']);
    await b.network(['192.0.2.7'], 'wifi');
    b.follower.look();
    expect(b.refreshes).toBe(1);
    b.follower.stop();
    expect(b.log.at(-1)).toBe('stopped');
    const before = b.log.length;
    await b.network(['198.51.100.7'], 'lte');
    expect(b.log).toHaveLength(before);
  });

  it('tells of a sleep before what came due in it runs, and looks at the network', () => {
    let wake: ((event: SleepEvent) => void) | undefined;
    const virtual = new VirtualClock();
    const clock = Object.assign(virtual, {
      sleptMs: 0,
      checkSleep: () => undefined,
      onSleep(listener: (event: SleepEvent) => void) {
        wake = listener;
        return () => {
          wake = undefined;
        };
      },
    });
    const b = bench(['192.0.2.7'], clock);
    wake?.({ kind: 'suspended', sleptMs: 60_000, at: virtual.now() });
    expect(b.log).toEqual(['slept 60000', 'run due']);
    expect(b.refreshes).toBe(1);
    b.follower.stop();
    expect(wake).toBeUndefined();
  });
});
