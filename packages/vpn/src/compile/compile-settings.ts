import type { EndpointSettings } from '@ipsec-kit/ikev2';
import { parsePrefix } from '@ipsec-kit/ip';
import { isNat64Prefix, type Nat64Setting } from '../nat64.ts';
import type { SettingsOptions } from '../options.ts';
import { durationText } from './duration-text.ts';
import { join, type OptionChecks } from './option-checks.ts';

/** Ports of the own sockets; 0 lets the system choose. */
export interface SocketPorts {
  readonly port: number;
  readonly portNatT: number;
}

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const MAX_COUNT = 1_000_000;
/** Less than this, and no peer gets as far as IKE_AUTH. */
const MIN_HALF_OPEN_MS = 1_000;
/** Everything is bounded, also where nothing was said. */
const DEFAULT_MAX_SESSIONS = 10_000;

/** More than one for each two cores of the largest machine that it was thought through for bring nothing. */
const MAX_WORKERS = 16;

const KNOWN: readonly (keyof SettingsOptions)[] = [
  'port',
  'portNatT',
  'keepAliveMs',
  'keepAliveDpdMarginMs',
  'keepAliveForced',
  'networkMonitor',
  'nat64Prefix',
  'workers',
  'retransmitTimeoutMs',
  'retransmitBase',
  'retransmitTries',
  'retransmitLimitMs',
  'retransmitJitterPercent',
  'fragmentSize',
  'cookieThreshold',
  'cookieThresholdIp',
  'blockThreshold',
  'initLimitHalfOpen',
  'halfOpenTimeoutMs',
  'ikesaLimit',
  'makeBeforeBreak',
];

/** The settings of the whole endpoint, and those that are for its host or its connections. */
export interface CompiledSettings {
  readonly settings: EndpointSettings;
  readonly ports: SocketPorts;
  readonly makeBeforeBreak: boolean;
  readonly networkMonitor: boolean;
  readonly nat64: Nat64Setting;
  /** Threads that carry packets. */
  readonly workers: number;
}

/** Compiles the settings of the whole endpoint; absent ones get their defaults. */
export function compileSettings(checks: OptionChecks, options: SettingsOptions): CompiledSettings {
  checks.object('settings', options, KNOWN);
  const at = (key: keyof SettingsOptions): string => join('settings', key);
  const count = (key: CountKey, fallback: number, max: number = MAX_COUNT): number =>
    checks.integer(at(key), options[key], { min: 0, max, fallback });
  const duration = (key: CountKey, fallback: number): number =>
    checks.durationMs(at(key), options[key], { min: 0, max: DAY_MS, fallback });
  const fragmentBytes = count('fragmentSize', 1280, 65_535);
  // RFC 7383 §2.5.1 leaves the size to the sender; below this no payload fits behind the headers.
  if (fragmentBytes > 0 && fragmentBytes < 256) {
    checks.invalid(at('fragmentSize'), '0 or a whole number from 256 to 65535', fragmentBytes);
  }
  const maxSessions = count('ikesaLimit', DEFAULT_MAX_SESSIONS);
  const halfOpenTimeoutMs = duration('halfOpenTimeoutMs', 30_000);
  if (halfOpenTimeoutMs < MIN_HALF_OPEN_MS) {
    const sentence = `peers would have ${durationText(halfOpenTimeoutMs)} from IKE_SA_INIT to IKE_AUTH, and ${durationText(MIN_HALF_OPEN_MS)} is the least: raise it, or leave it out for 30 s`;
    checks.problem('invalid-value', at('halfOpenTimeoutMs'), sentence);
  }
  const ports = {
    port: count('port', 500, 65_535),
    portNatT: count('portNatT', 4500, 65_535),
  };
  if (ports.port !== 0 && ports.port === ports.portNatT) {
    checks.problem(
      'invalid-value',
      at('portNatT'),
      `expected another port than ${ports.port}, which is the one for IKE without NAT`,
    );
  }
  return {
    ports,
    workers: checks.integer(at('workers'), options.workers, {
      min: 1,
      max: MAX_WORKERS,
      fallback: 1,
    }),
    nat64: compileNat64(checks, at('nat64Prefix'), options.nat64Prefix),
    networkMonitor: checks.boolean(at('networkMonitor'), options.networkMonitor, true),
    makeBeforeBreak: checks.boolean(at('makeBeforeBreak'), options.makeBeforeBreak, false),
    settings: {
      retransmit: compileRetransmission(checks, options, at),
      keepaliveMs: duration('keepAliveMs', 20_000),
      keepaliveDpdMarginMs: duration('keepAliveDpdMarginMs', 20_000),
      keepAliveForced: checks.boolean(at('keepAliveForced'), options.keepAliveForced, false),
      fragmentBytes,
      cookieThreshold: count('cookieThreshold', 30),
      cookieThresholdPerAddress: count('cookieThresholdIp', 3),
      blockThreshold: count('blockThreshold', 5),
      initLimitHalfOpen: count('initLimitHalfOpen', 0),
      halfOpenTimeoutMs,
      maxSessions: maxSessions === 0 ? DEFAULT_MAX_SESSIONS : maxSessions,
    },
  };
}

type CountKey = Exclude<
  keyof SettingsOptions,
  | 'keepAliveForced'
  | 'networkMonitor'
  | 'nat64Prefix'
  | 'makeBeforeBreak'
  | 'retransmitBase'
  | 'retransmitJitterPercent'
>;

function compileNat64(checks: OptionChecks, at: string, text = 'discover'): Nat64Setting {
  if (text === 'discover' || text === 'none') return { kind: text };
  const prefix = typeof text === 'string' ? parsePrefix(text) : undefined;
  if (prefix && isNat64Prefix(prefix)) return { kind: 'prefix', prefix };
  const expected = 'discover, none, or an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits';
  checks.invalid(at, expected, text);
  return { kind: 'none' };
}

function compileRetransmission(
  checks: OptionChecks,
  options: SettingsOptions,
  at: (key: keyof SettingsOptions) => string,
): EndpointSettings['retransmit'] {
  const percent = checks.number(at('retransmitJitterPercent'), options.retransmitJitterPercent, {
    min: 0,
    max: 100,
    fallback: 0,
  });
  return {
    timeoutMs: checks.durationMs(at('retransmitTimeoutMs'), options.retransmitTimeoutMs, {
      min: 1,
      max: DAY_MS,
      fallback: 4000,
    }),
    base: checks.number(at('retransmitBase'), options.retransmitBase, {
      min: 1,
      max: 100,
      fallback: 1.8,
    }),
    tries: checks.integer(at('retransmitTries'), options.retransmitTries, {
      min: 0,
      max: MAX_COUNT,
      fallback: 5,
    }),
    limitMs: checks.durationMs(at('retransmitLimitMs'), options.retransmitLimitMs, {
      min: 0,
      max: YEAR_MS,
      fallback: 0,
    }),
    jitter: percent / 100,
  };
}
