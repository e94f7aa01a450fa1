import { formatIdentity } from '@ipsec-kit/auth';
import { formatAddress, formatPrefix, formatSelector } from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CompiledVpn, compileOptions } from '../../src/compile/index.ts';
import type {
  ChildOptions,
  ConnectionOptions,
  PoolOptions,
  SettingsOptions,
  VpnOptions,
} from '../../src/options.ts';

function options(
  parts: {
    connection?: Partial<ConnectionOptions>;
    child?: ChildOptions;
    pools?: Record<string, PoolOptions>;
    settings?: SettingsOptions;
  } = {},
): VpnOptions {
  return {
    connections: {
      home: {
        local: { auth: 'psk', id: 'client' },
        remote: { auth: 'psk', id: 'server' },
        children: { net: parts.child ?? {} },
        ...parts.connection,
      },
    },
    secrets: [{ secret: 'x' }],
    ...(parts.pools ? { pools: parts.pools } : {}),
    ...(parts.settings ? { settings: parts.settings } : {}),
  };
}

function compiled(given: VpnOptions): CompiledVpn {
  const result = compileOptions(given);
  expect(result.ok ? [] : result.errors.map(({ message }) => message)).toEqual([]);
  if (!result.ok) throw new Error('expected no errors');
  return result.value;
}

function messages(given: VpnOptions): string[] {
  const result = compileOptions(given);
  return result.ok ? [] : result.errors.map(({ message }) => message);
}

/** As JavaScript or JSON would hand it over. */
function untyped(value: unknown): VpnOptions {
  return value as VpnOptions;
}

describe('a connection', () => {
  it('has defaults', () => {
    const { connections, transports, settings, ports } = compiled(options());
    expect(connections[0]).toMatchObject({
      name: 'home',
      localAddresses: [],
      remoteAddresses: [],
      virtualAddresses: [],
      pools: [],
      fragmentation: 'yes',
      mobike: true,
      dpdDelayMs: 0,
      keyingTries: 1,
      sendInitialContact: true,
      unique: 'no',
      childless: 'allow',
      rekeyMs: 14_400_000,
      rekeyJitterMs: 1_440_000,
      overMs: 1_440_000,
      makeBeforeBreak: false,
      dpdAction: 'none',
      closeAction: 'none',
    });
    expect(connections[0]).not.toHaveProperty('reauthMs');
    expect(connections[0]).not.toHaveProperty('dpdTimeoutMs');
    expect(connections[0]?.children[0]).toMatchObject({
      name: 'net',
      localSelectors: [{ kind: 'dynamic', protocol: 0, startPort: 0, endPort: 65_535 }],
      remoteSelectors: [{ kind: 'dynamic', protocol: 0, startPort: 0, endPort: 65_535 }],
      replayWindowPackets: 32,
      rekeyMs: 3_600_000,
      rekeyJitterMs: 360_000,
      hardLifetimeMs: 3_960_000,
    });
    for (const key of ['rekeyBytes', 'hardBytes', 'rekeyPackets', 'hardPackets']) {
      expect(connections[0]?.children[0]).not.toHaveProperty(key);
    }
    expect(transports.get('home')).toEqual({
      localTargets: [],
      remoteTargets: [],
      remotePort: 500,
      encap: false,
      startChildren: [],
      trapChildren: [],
    });
    expect(ports).toEqual({ port: 500, portNatT: 4500 });
    expect(settings).toEqual({
      retransmit: { timeoutMs: 4000, base: 1.8, tries: 5, limitMs: 0, jitter: 0 },
      keepaliveMs: 20_000,
      keepaliveDpdMarginMs: 20_000,
      keepAliveForced: false,
      fragmentBytes: 1280,
      cookieThreshold: 30,
      cookieThresholdPerAddress: 3,
      blockThreshold: 5,
      initLimitHalfOpen: 0,
      halfOpenTimeoutMs: 30_000,
      maxSessions: 10_000,
    });
  });

  it('reads identities', () => {
    const { connections } = compiled(options({ connection: { remote: { id: '*@example.org' } } }));
    const identity = connections[0]?.localIdentity;
    expect(identity && formatIdentity(identity)).toBe('client');
    expect(connections[0]?.remoteIdentity).toMatchObject({ kind: 'wildcard' });
    const any = compiled(options({ connection: { local: { id: '%any' }, remote: {} } }));
    expect(any.connections[0]).not.toHaveProperty('localIdentity');
    expect(any.connections[0]?.remoteIdentity).toEqual({ kind: 'any' });
  });

  it('tells prefixes from what an initiator can speak to', () => {
    const remoteAddrs = [
      'vpn.example.org',
      '10.0.0.1',
      '10.1.2.3/16',
      '10.2.0.1-10.2.0.2',
      '2001:db8::1',
    ];
    const { connections, transports } = compiled(options({ connection: { remoteAddrs } }));
    expect(connections[0]?.remoteAddresses.map(formatPrefix)).toEqual([
      '10.0.0.1/32',
      '10.1.0.0/16',
      '10.2.0.1/32',
      '10.2.0.2/32',
      '2001:db8::1/128',
    ]);
    const targets = transports.get('home')?.remoteTargets ?? [];
    expect(
      targets.map((one) => (one.kind === 'name' ? one.name : formatAddress(one.address))),
    ).toEqual(['vpn.example.org', '10.0.0.1', '2001:db8::1']);
  });

  it.each([[['%any']], [['10.0.0.1', '%any']], [['0.0.0.0']], [['::']], [[]]])(
    'takes any address for %j',
    (localAddrs) => {
      expect(
        compiled(options({ connection: { localAddrs } })).connections[0]?.localAddresses,
      ).toEqual([]);
    },
  );

  it('takes any address of a family', () => {
    const { connections } = compiled(options({ connection: { localAddrs: ['%any6'] } }));
    expect(connections[0]?.localAddresses.map(formatPrefix)).toEqual(['::/0']);
  });

  it('reads virtual addresses, ports, limits and start actions', () => {
    const { connections, transports } = compiled(
      options({
        connection: { vips: ['0.0.0.0', '::'], localPort: 4501, remotePort: 4502, unique: 'never' },
        child: {
          lifeTimeMs: 11_000,
          lifeBytes: 2200,
          lifePackets: 33,
          startAction: 'start',
          replayWindow: 0,
        },
      }),
    );
    expect(connections[0]?.virtualAddresses.map(formatAddress)).toEqual(['0.0.0.0', '::']);
    expect(connections[0]).toMatchObject({ sendInitialContact: false, unique: 'never' });
    expect(connections[0]?.children[0]).toMatchObject({
      hardLifetimeMs: 11_000,
      hardBytes: 2200,
      hardPackets: 33,
      replayWindowPackets: 0,
    });
    expect(transports.get('home')).toMatchObject({
      localPort: 4501,
      remotePort: 4502,
      startChildren: ['net'],
    });
  });
});

describe('what the outside sees of packets', () => {
  it.each([
    [{}, {}],
    [{ tfcPadding: 0, copyDscp: true }, {}],
    [{ tfcPadding: 1000 }, { tfcPaddingBytes: 1000 }],
    [{ tfcPadding: 'mtu', copyDscp: false } as const, { tfcPaddingBytes: 65_535, copyDscp: false }],
  ])('%j', (child, expected) => {
    const [config] = compiled(options({ child })).connections[0]?.children ?? [];
    const { tfcPaddingBytes, copyDscp } = config ?? {};
    expect(JSON.parse(JSON.stringify({ tfcPaddingBytes, copyDscp }))).toEqual(expected);
  });
});

describe('traffic selectors', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.0.0.1/24', '10.0.0.0/24'],
    ['10.0.0.1', '10.0.0.1/32'],
    ['10.1.0.1-10.1.0.20', '10.1.0.1..10.1.0.20'],
    ['10.0.0.0/8[tcp/80]', '10.0.0.0/8[tcp/80]'],
    ['10.0.0.0/8 [TCP/http]', '10.0.0.0/8[tcp/80]'],
    ['10.0.0.0/8[udp/1000-2000]', '10.0.0.0/8[udp/1000-2000]'],
    ['10.0.0.0/8[17/53]', '10.0.0.0/8[udp/53]'],
    ['10.0.0.0/8[icmp]', '10.0.0.0/8[icmp]'],
    ['10.0.0.0/8[tcp/opaque]', '10.0.0.0/8[tcp/opaque]'],
    ['10.0.0.0/8[]', '10.0.0.0/8'],
    ['::/0[ipv6-icmp]', '::/0[ipv6-icmp]'],
    ['2001:db8::1-2001:db8::f', '2001:db8::1..2001:db8::f'],
  ])('reads %s', (text, expected) => {
    const { connections } = compiled(options({ child: { remoteTs: [text] } }));
    const [selector] = connections[0]?.children[0]?.remoteSelectors ?? [];
    expect(selector?.kind === 'fixed' && formatSelector(selector.selector)).toBe(expected);
  });

  it('hands the mode on where it is not the default', () => {
    const modeOf = (mode?: 'tunnel' | 'transport') =>
      compiled(options({ child: mode ? { mode } : {} })).connections[0]?.children[0]?.mode;
    expect([modeOf(), modeOf('tunnel'), modeOf('transport')]).toEqual([
      undefined,
      undefined,
      'transport',
    ]);
  });

  it('counts ICMP types in the upper byte (RFC 7296 §3.13.1)', () => {
    const { connections } = compiled(options({ child: { localTs: ['dynamic[icmp/8]'] } }));
    expect(connections[0]?.children[0]?.localSelectors).toEqual([
      { kind: 'dynamic', protocol: 1, startPort: 0x0800, endPort: 0x08ff },
    ]);
  });

  it.each([
    '10.0.0.0/33',
    '10.1.0.20-10.1.0.1',
    '%dynamic',
    'example.org',
    '10.0.0.0/8[foo]',
    '10.0.0.0/8[tcp/foo]',
    '10.0.0.0/8[256]',
    '10.0.0.0/8[tcp/70000]',
    '10.0.0.0/8[6/80',
    '[tcp/80]',
    'dynamic/24',
    '0.0.0.0/0 ::/0',
    '10.0.0.0/8[tcp/90-80]',
    '10.0.0.0/8[constructor]',
    'dynamic[toString]',
    '',
  ])('refuses %j', (text) => {
    expect(messages(options({ child: { remoteTs: ['10.0.0.0/8', text] } }))).toEqual([
      `connections.home.children.net.remoteTs[1]: expected dynamic, an address, a prefix or a range, with an optional [protocol/port], such as "10.0.0.0/8", "10.1.0.1-10.1.0.20", "10.0.0.0/8[tcp/80]" or "dynamic[icmp]", got ${JSON.stringify(text)}`,
    ]);
  });

  it('refuses ports without a protocol that has them (RFC 4301 §4.4.1.1)', () => {
    expect(
      messages(options({ child: { remoteTs: ['10.0.0.0/8[/80]', 'dynamic[esp/1]'] } })),
    ).toEqual([
      'connections.home.children.net.remoteTs[0]: expected a protocol that has ports, such as tcp or udp, got "10.0.0.0/8[/80]"',
      'connections.home.children.net.remoteTs[1]: expected a protocol that has ports, such as tcp or udp, got "dynamic[esp/1]"',
    ]);
  });
});

describe('pools', () => {
  it.each([
    ['10.0.0.0/24', '10.0.0.1', '10.0.0.254'],
    ['10.0.0.5/24', '10.0.0.5', '10.0.0.254'],
    ['10.0.0.0/31', '10.0.0.0', '10.0.0.1'],
    ['10.0.0.7/32', '10.0.0.7', '10.0.0.7'],
    ['10.0.0.7', '10.0.0.7', '10.0.0.7'],
    ['10.0.0.1-10.0.0.9', '10.0.0.1', '10.0.0.9'],
    ['2001:db8::/64', '2001:db8::1', '2001:db8::ffff:ffff:ffff:ffff'],
  ])('give out of %s the addresses from %s to %s', (addrs, start, end) => {
    const [pool] = compiled(options({ pools: { p: { addrs } } })).pools;
    expect([pool && formatAddress(pool.start), pool && formatAddress(pool.end)]).toEqual([
      start,
      end,
    ]);
  });

  it('send attributes as RFC 7296 §3.15.1 has them', () => {
    const pool: PoolOptions = {
      addrs: '10.0.0.0/24',
      dns: ['10.0.0.1', '::1'],
      nbns: ['10.0.0.2'],
      dhcp: ['10.0.0.3', '::3'],
      netmask: ['255.255.255.0'],
      subnet: ['10.1.2.3/20', '2001:db8::1/33'],
      attributes: [{ type: 25, value: 'é' }],
    };
    const [result] = compiled(options({ pools: { p: pool } })).pools;
    expect(result?.dns.map(formatAddress)).toEqual(['10.0.0.1', '::1']);
    expect(result?.attributes.map(({ type, value }) => [type, ...value])).toEqual([
      [4, 10, 0, 0, 2],
      [6, 10, 0, 0, 3],
      [12, ...Array(15).fill(0), 3],
      [2, 255, 255, 255, 0],
      [13, 10, 1, 0, 0, 255, 255, 240, 0],
      [15, 0x20, 0x01, 0x0d, 0xb8, ...Array(12).fill(0), 33],
      [25, 0xc3, 0xa9],
    ]);
  });

  it('do not share addresses', () => {
    const pools = {
      a: { addrs: '10.0.0.0/24' },
      b: { addrs: '10.0.0.200-10.0.1.9' },
      c: { addrs: '10.0.2.0/24' },
    };
    expect(messages(options({ pools }))).toEqual([
      'pools.b.addrs: shares addresses with the pool "a": an address can only be in one pool',
    ]);
  });

  it.each<[string, string]>([
    [
      'foo',
      'pools.p.addrs: expected one prefix such as "10.88.0.0/24" or one range such as "10.88.0.10-10.88.0.20", got "foo"',
    ],
    [
      '10.0.0.9-10.0.0.1',
      'pools.p.addrs: expected one prefix such as "10.88.0.0/24" or one range such as "10.88.0.10-10.88.0.20", got "10.0.0.9-10.0.0.1"',
    ],
    [' ', 'pools.p.addrs: a pool needs addresses: a prefix such as "10.88.0.0/24" or a range'],
  ])('refuse %j', (addrs, expected) => {
    expect(messages(options({ pools: { p: { addrs } } }))).toEqual([expected]);
  });

  it('are known by name', () => {
    expect(messages(options({ connection: { pools: ['p'] } }))).toEqual([
      'connections.home.pools[0]: there is no pool "p"; there are none',
    ]);
  });
});

describe('mistakes name the option', () => {
  it.each<[unknown, string[]]>([
    [undefined, ['expected an object, got undefined']],
    [{ connections: {} }, ['connections: there is no connection']],
    [
      { ...options(), connectoins: {} },
      ['connectoins: there is no such option; did you mean "connections"?'],
    ],
    [
      options({ connection: { encap: 'yes' } as never }),
      ['connections.home.encap: expected true or false, got "yes"'],
    ],
    [
      options({ connection: { proposals: 'aes256' } as never }),
      ['connections.home.proposals: expected a list of strings, got "aes256"'],
    ],
    [
      options({ connection: { dpdDelayMs: -1000 } }),
      ['connections.home.dpdDelayMs: expected 0 s to 86400 s, got -1 s'],
    ],
    [
      options({ connection: { dpdDelayMs: 1.5 } }),
      ['connections.home.dpdDelayMs: expected a whole number of milliseconds, got 1.5'],
    ],
    [
      options({ settings: { halfOpenTimeoutMs: 200 } }),
      [
        'settings.halfOpenTimeoutMs: peers would have 0.2 s from IKE_SA_INIT to IKE_AUTH, and 1 s is the least: raise it, or leave it out for 30 s',
      ],
    ],
    [
      options({ connection: { unique: 'maybe' } as never }),
      ['connections.home.unique: expected never, no, keep or replace, got "maybe"'],
    ],
    [
      options({ connection: { local: undefined } as never }),
      ["connections.home.local: expected how this side proves who it is: { auth: 'psk' }"],
    ],
    [
      options({ connection: { local: { auth: 'xauth' } } as never }),
      [
        'connections.home.local.auth: expected psk, pubkey, rsa, ecdsa, ed25519, ed448, one with sizes and hashes as ecdsa-256-sha256, eap-tls, eap-ttls, eap-mschapv2, eap-gtc, eap-md5, eap, or of a peer eap-radius, got "xauth"',
      ],
    ],
    [
      options({ connection: { remote: { id: 5 } } as never }),
      ['connections.home.remote.id: expected an identity as text, got 5'],
    ],
    [
      options({ connection: { children: {} } }),
      [
        'connections.home.children: a connection needs at least one child: it says which traffic is protected',
      ],
    ],
    [
      options({ child: { mode: 'beet' } as never }),
      ['connections.home.children.net.mode: expected tunnel or transport, got "beet"'],
    ],
    [
      options({ child: { replayWindow: 1.5 } }),
      [
        'connections.home.children.net.replayWindow: expected a whole number from 0 to 65536, got 1.5',
      ],
    ],
    [
      options({ child: { replayWindow: 0, espProposals: ['aes256gcm16-esn-noesn'] } }),
      [
        'connections.home.children.net.replayWindow: extended sequence numbers need a replay window: leave out "esn" in the ESP proposals, or write 32 or more',
      ],
    ],
    [
      options({ child: { tfcPadding: 70_000 } }),
      [
        'connections.home.children.net.tfcPadding: expected a size from 0 to 65535 bytes, or mtu, got 70000',
      ],
    ],
    [
      options({ child: { tfcPadding: 'mtu', mode: 'transport' } }),
      [
        'connections.home.children.net.tfcPadding: packets in transport mode cannot be padded: leave it out, or use tunnel mode',
      ],
    ],
    [
      options({ settings: { retransmitBase: Number.NaN } }),
      ['settings.retransmitBase: expected a number from 1 to 100, got NaN'],
    ],
    [
      options({ settings: { keepAlive: 5 } as never }),
      ['settings.keepAlive: there is no such option; did you mean "keepAliveMs"?'],
    ],
    [
      { ...options(), secrets: [] },
      [
        'secrets: there is no pre-shared key: connections with auth = psk use one, so at least one secret is needed',
      ],
    ],
    [
      { ...options(), secrets: [{ secret: '' }] },
      ['secrets[0].secret: expected 1 to 4096 bytes, got 0'],
    ],
    [{ ...options(), secrets: [{ secret: 5 }] }, ['secrets[0].secret: expected text or bytes']],
    [{ ...options(), secrets: ['topsecret'] }, ['secrets[0]: expected { secret, ids }']],
    [{ ...options(), pools: { p: 'x' } }, ['pools.p: expected an object, got "x"']],
    [{ ...options(), secrets: 'topsecret' }, ['secrets: expected a list of secrets']],
  ])('%#', (given, expected) => {
    expect(messages(untyped(given))).toEqual(expected);
  });

  it('is an error with a code and a path', () => {
    const result = compileOptions(options({ connection: { encap: 1 } as never }));
    expect(result.ok ? undefined : result.errors[0]).toMatchObject({
      name: 'ConfigError',
      code: 'invalid-value',
      path: 'connections.home.encap',
      sentence: 'expected true or false, got 1',
    });
  });
});

describe('secrets', () => {
  it('are copied, and print as redacted', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const { secrets } = compiled({
      ...options(),
      secrets: [{ secret: bytes, ids: ['a', '%any'] }, { secret: 'é' }],
    });
    bytes.fill(0);
    expect([...(secrets[0]?.secret.reveal() ?? [])]).toEqual([1, 2, 3]);
    expect([...(secrets[1]?.secret.reveal() ?? [])]).toEqual([0xc3, 0xa9]);
    expect(secrets[0]?.ids.map(({ kind }) => kind)).toEqual(['identity', 'any']);
    expect(JSON.stringify(secrets[0]?.secret)).toBe('"[redacted]"');
  });
});

describe('any options', () => {
  it('never throw', () => {
    const leaf = fc.oneof(
      fc.constantFrom(null, undefined, true, 0, -1, 1.5, 'x', '', '10.0.0.1'),
      fc.constant(Uint8Array.of(1)),
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(
          fc.constantFrom(
            'connections',
            'home',
            'local',
            'remote',
            'id',
            'children',
            'net',
            'localTs',
            'espProposals',
            'secrets',
            'secret',
            'ids',
            'pools',
            'addrs',
            'attributes',
            'settings',
            'port',
            '__proto__',
          ),
          tie('any'),
          { maxKeys: 5 },
        ),
      ),
    })).any;
    fc.assert(
      fc.property(value, (given) => {
        const result = compileOptions(untyped(given));
        if (!result.ok) expect(result.errors.length).toBeGreaterThan(0);
      }),
      { numRuns: 500 },
    );
    for (const key of ['connections', 'secrets', 'pools', 'settings'] as const) {
      fc.assert(
        fc.property(value, (given) => void compileOptions(untyped({ ...options(), [key]: given }))),
        { numRuns: 200 },
      );
    }
    for (const key of ['local', 'remote', 'children', 'vips', 'remoteAddrs', 'pools'] as const) {
      fc.assert(
        fc.property(
          value,
          (given) =>
            void compileOptions(untyped(options({ connection: { [key]: given } as never }))),
        ),
        { numRuns: 100 },
      );
    }
  });
});
