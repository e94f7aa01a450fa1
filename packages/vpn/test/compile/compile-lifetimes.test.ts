import type { ChildConfig, ConnectionConfig } from '@ipsec-kit/ikev2';
import { describe, expect, it } from 'vitest';
import { compileOptions } from '../../src/compile/index.ts';
import type { ChildOptions, ConnectionOptions, VpnOptions } from '../../src/options.ts';

function options(
  connection: Partial<ConnectionOptions>,
  children: Record<string, ChildOptions>,
): VpnOptions {
  return {
    connections: {
      home: { local: { auth: 'psk' }, remote: { auth: 'psk' }, children, ...connection },
    },
    secrets: [{ secret: 'x' }],
  };
}

function messages(given: VpnOptions): string[] {
  const result = compileOptions(given);
  return result.ok ? [] : result.errors.map(({ message }) => message);
}

function connectionOf(given: VpnOptions): ConnectionConfig {
  const result = compileOptions(given);
  const connection = result.ok ? result.value.connections[0] : undefined;
  if (!connection) throw new Error(`expected no errors, got ${messages(given)}`);
  return connection;
}

function childLimits(child: ChildOptions): Partial<ChildConfig> {
  const [config] = connectionOf(options({}, { net: child })).children;
  const { rekeyMs, rekeyJitterMs, hardLifetimeMs } = config ?? {};
  const { rekeyBytes, rekeyJitterBytes, hardBytes } = config ?? {};
  const { rekeyPackets, rekeyJitterPackets, hardPackets } = config ?? {};
  const times = { rekeyMs, rekeyJitterMs, hardLifetimeMs };
  const bytes = { rekeyBytes, rekeyJitterBytes, hardBytes };
  const entries = Object.entries({
    ...times,
    ...bytes,
    rekeyPackets,
    rekeyJitterPackets,
    hardPackets,
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function ikeTimes(connection: Partial<ConnectionOptions>): Partial<ConnectionConfig> {
  const config = connectionOf(options(connection, { net: {} }));
  const { rekeyMs, rekeyJitterMs, reauthMs, overMs } = config;
  const entries = Object.entries({ rekeyMs, rekeyJitterMs, reauthMs, overMs });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

const HOUR_MS = 3_600_000;
const HOURLY = { rekeyMs: HOUR_MS, rekeyJitterMs: 360_000, hardLifetimeMs: 3_960_000 };

describe('the limits of a Child SA', () => {
  it.each<[ChildOptions, Partial<ChildConfig>]>([
    [{}, HOURLY],
    [{ rekeyTimeMs: 0 }, {}],
    [{ rekeyTimeMs: 0, lifeTimeMs: 10_000 }, { hardLifetimeMs: 10_000 }],
    [
      { rekeyTimeMs: 60_000, lifeTimeMs: 200_000 },
      { rekeyMs: 60_000, rekeyJitterMs: 30_000, hardLifetimeMs: 200_000 },
    ],
    [{ rekeyTimeMs: 10_000 }, { rekeyMs: 10_000, rekeyJitterMs: 1000, hardLifetimeMs: 11_000 }],
    [{ lifeTimeMs: 22_000 }, { rekeyMs: 20_000, rekeyJitterMs: 2000, hardLifetimeMs: 22_000 }],
    [
      { rekeyTimeMs: 10_000, lifeTimeMs: 30_000, randTimeMs: 500 },
      { rekeyMs: 10_000, rekeyJitterMs: 500, hardLifetimeMs: 30_000 },
    ],
    [
      { rekeyTimeMs: 10_000, lifeTimeMs: 0 },
      { rekeyMs: 10_000, rekeyJitterMs: 0 },
    ],
    [{ rekeyBytes: 2000 }, { ...HOURLY, rekeyBytes: 2000, rekeyJitterBytes: 200, hardBytes: 2200 }],
    [{ lifePackets: 33 }, { ...HOURLY, rekeyPackets: 30, rekeyJitterPackets: 3, hardPackets: 33 }],
    [
      { rekeyPackets: 8, lifePackets: 16 },
      { ...HOURLY, rekeyPackets: 8, rekeyJitterPackets: 0, hardPackets: 16 },
    ],
    [
      { rekeyBytes: 2000, randBytes: 5, rekeyPackets: 100, randPackets: 0 },
      {
        ...HOURLY,
        ...{ rekeyBytes: 2000, rekeyJitterBytes: 5, hardBytes: 2200 },
        ...{ rekeyPackets: 100, rekeyJitterPackets: 0, hardPackets: 110 },
      },
    ],
    [
      { rekeyBytes: 0, lifeBytes: 5000 },
      { ...HOURLY, hardBytes: 5000 },
    ],
    [
      { rekeyBytes: Number.MAX_SAFE_INTEGER - 1 },
      {
        ...HOURLY,
        rekeyBytes: Number.MAX_SAFE_INTEGER - 1,
        rekeyJitterBytes: 1,
        hardBytes: Number.MAX_SAFE_INTEGER,
      },
    ],
  ])('of %j', (child, expected) => {
    expect(childLimits(child)).toEqual(expected);
  });

  it.each<[ChildOptions, string]>([
    [
      { rekeyTimeMs: 60_000, lifeTimeMs: 60_000 },
      'rekeyTimeMs: the Child SA would end at 60 s, before it is replaced at 60 s: the limit for rekeying must be below the one for the end',
    ],
    [
      { rekeyBytes: 2000, lifeBytes: 1000 },
      'rekeyBytes: the Child SA would end at 1000 bytes, before it is replaced at 2000 bytes: the limit for rekeying must be below the one for the end',
    ],
    [
      { rekeyTimeMs: 1000 },
      'rekeyTimeMs: keys would be replaced after 0.9 s at the earliest (1 s less up to 0.1 s at random), and 2 s is the least: raise it, lower the random part, or turn it off with 0',
    ],
    [
      { rekeyTimeMs: 60_000, randTimeMs: 140_000 },
      'rekeyTimeMs: keys would be replaced after 0 s at the earliest (60 s less up to 140 s at random), and 2 s is the least: raise it, lower the random part, or turn it off with 0',
    ],
    [
      { rekeyTimeMs: 60_000, lifeTimeMs: 60_200 },
      'lifeTimeMs: the Child SA would end 0.2 s after its replacement is begun, so that one lost packet ends it; 1 s is the least: raise it, or leave it out for a tenth of the lifetime',
    ],
    [
      { rekeyTimeMs: 0, lifeTimeMs: 1000 },
      'lifeTimeMs: the Child SA would end after 1 s and is not replaced, and 2 s is the least: raise it, or leave it out',
    ],
    [
      { rekeyBytes: 10 },
      'rekeyBytes: keys would be replaced after 10 bytes, and 1500 bytes is the least: raise it, or leave it out',
    ],
    [
      { lifeBytes: 1024 },
      'lifeBytes: keys would be replaced after 930 bytes, and 1500 bytes is the least: raise it, or leave it out',
    ],
    [
      { rekeyPackets: 1 },
      'rekeyPackets: keys would be replaced after 1 packets, and 8 packets is the least: raise it, or leave it out',
    ],
    [
      { rekeyPackets: 100, randPackets: 95 },
      'randPackets: keys would be replaced after 5 packets at the earliest (100 less up to 95 at random), and 8 packets is the least: lower the random part, or turn it off with 0',
    ],
    [
      { rekeyPackets: 0, lifePackets: 5 },
      'lifePackets: the Child SA would end after 5 packets and is not replaced, and 8 packets is the least: raise it, or leave it out',
    ],
    [
      { rekeyPackets: 100, lifePackets: 101 },
      'lifePackets: the Child SA would end 1 packets after its replacement is begun, and 8 packets is the least: raise it, or leave it out',
    ],
    [
      { randTimeMs: 2 * HOUR_MS },
      'randTimeMs: keys would be replaced after 0 s at the earliest (3600 s less up to 7200 s at random), and 2 s is the least: raise it, lower the random part, or turn it off with 0',
    ],
    [
      { lifeTimeMs: 1100 },
      'lifeTimeMs: keys would be replaced after 0.9 s at the earliest (1 s less up to 0.1 s at random), and 2 s is the least: raise it, lower the random part, or turn it off with 0',
    ],
  ])('are refused for %j', (child, expected) => {
    expect(messages(options({}, { net: child }))).toEqual([
      `connections.home.children.net.${expected}`,
    ]);
  });
});

describe('the lifetimes of an IKE SA', () => {
  it.each<[Partial<ConnectionOptions>, Partial<ConnectionConfig>]>([
    [{}, { rekeyMs: 4 * HOUR_MS, rekeyJitterMs: 1_440_000, overMs: 1_440_000 }],
    [{ rekeyTimeMs: 0 }, {}],
    [{ reauthTimeMs: 0 }, {}],
    [{ reauthTimeMs: HOUR_MS }, { reauthMs: HOUR_MS, rekeyJitterMs: 360_000, overMs: 360_000 }],
    [
      { rekeyTimeMs: 10_000, reauthTimeMs: 1_000_000 },
      { rekeyMs: 10_000, reauthMs: 1_000_000, rekeyJitterMs: 5000, overMs: 100_000 },
    ],
    [
      { rekeyTimeMs: 10_000, overTimeMs: 3000, randTimeMs: 0 },
      { rekeyMs: 10_000, rekeyJitterMs: 0, overMs: 3000 },
    ],
  ])('of %j', (connection, expected) => {
    expect(ikeTimes(connection)).toEqual(expected);
  });

  it.each<[Partial<ConnectionOptions>, string]>([
    [
      { rekeyTimeMs: 10_000, randTimeMs: 9000 },
      'rekeyTimeMs: keys would be replaced after 1 s at the earliest (10 s less up to 9 s at random), and 2 s is the least: raise it, lower the random part, or turn it off with 0',
    ],
    [
      { reauthTimeMs: 1000 },
      'reauthTimeMs: keys would be replaced after 0.9 s at the earliest (1 s less up to 0.1 s at random), and 2 s is the least: raise it, lower the random part, or turn it off with 0',
    ],
    [
      { overTimeMs: 300 },
      'overTimeMs: the IKE SA would end 0.3 s after its replacement is begun, so that one lost packet ends it; 1 s is the least: raise it, or leave it out for a tenth of the lifetime',
    ],
    [
      { dpdTimeoutMs: 200 },
      'dpdTimeoutMs: a peer would be dead that takes 0.2 s to answer, and 1 s is the least: raise it, or leave it out for the retransmissions to decide',
    ],
    [
      { overTimeMs: 0 },
      'overTimeMs: expected more than 0: the IKE SA would end before its replacement is there; leave it out for a tenth of the lifetime',
    ],
  ])('are refused for %j', (connection, expected) => {
    expect(messages(options(connection, { net: {} }))).toEqual([`connections.home.${expected}`]);
  });
});

describe('what a connection does about losses', () => {
  it('comes from its children', () => {
    const child = { dpdAction: 'start', closeAction: 'start' } as const;
    const given = options({ dpdTimeoutMs: 5000, childless: 'force' }, { a: child, b: child });
    expect(connectionOf(given)).toMatchObject({
      dpdAction: 'start',
      closeAction: 'start',
      dpdTimeoutMs: 5000,
      childless: 'force',
    });
  });

  it('is refused when the children differ', () => {
    expect(messages(options({}, { a: { dpdAction: 'start' }, b: {} }))).toEqual([
      'connections.home.children.b.dpdAction: expected the same as in the child "a", got "none" where that has "start": it holds for the connection as a whole',
    ]);
  });

  it('keeps the order of a reauthentication as the settings say', () => {
    const given = { ...options({}, { net: {} }), settings: { makeBeforeBreak: true } };
    expect(connectionOf(given).makeBeforeBreak).toBe(true);
  });
});
