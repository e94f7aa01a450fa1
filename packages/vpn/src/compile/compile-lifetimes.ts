import type { ChildConfig, ConnectionConfig } from '@ipsec-kit/ikev2';
import type { ChildOptions, ConnectionOptions } from '../options.ts';
import { durationText } from './duration-text.ts';
import { join, type OptionChecks } from './option-checks.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
const DEFAULT_IKE_REKEY_MS = 4 * HOUR_MS;
const DEFAULT_CHILD_REKEY_MS = HOUR_MS;
/** Less than this between the last moment to replace something and its end, and one lost packet ends it. */
const MIN_MARGIN_MS = 1_000;
/** Less than this, and keys are replaced faster than a lossy path carries the exchanges for it. */
const MIN_SOFT_MS = 2_000;
/** Less than one full packet, and what asks for the replacement is dropped together with all that follows it. */
const MIN_BYTES = 1_500;
/** Less than this, and packets are dropped while the exchange for the replacement is under way. */
const MIN_PACKETS = 8;

type ChildLifetimes = Pick<
  ChildConfig,
  | 'rekeyMs'
  | 'rekeyJitterMs'
  | 'rekeyBytes'
  | 'rekeyJitterBytes'
  | 'rekeyPackets'
  | 'rekeyJitterPackets'
  | 'hardLifetimeMs'
  | 'hardBytes'
  | 'hardPackets'
>;
type IkeLifetimes = Pick<ConnectionConfig, 'rekeyMs' | 'rekeyJitterMs' | 'reauthMs' | 'overMs'>;

/** Compiles the soft and hard limits of a Child SA; what is absent follows from the rest as in strongSwan: the hard limit
 * is the soft one and a tenth, or the other way round, and the random part is what lies between them, at most half of the
 * soft one, so that a long way between them does not replace keys at once.
 * Refuses limits that leave no time, bytes or packets for the replacement.
 */
export function compileChildLifetimes(
  checks: OptionChecks,
  path: string,
  options: ChildOptions,
): ChildLifetimes {
  const time = compileLimits(checks, path, options, {
    soft: 'rekeyTimeMs',
    hard: 'lifeTimeMs',
    softFallback: DEFAULT_CHILD_REKEY_MS,
    read: (at, value, fallback) => checks.durationMs(at, value, { min: 0, max: YEAR_MS, fallback }),
    text: durationText,
  });
  const bytes = compileCount(checks, path, options, {
    soft: 'rekeyBytes',
    hard: 'lifeBytes',
    random: 'randBytes',
    unit: 'bytes',
    min: MIN_BYTES,
  });
  const packets = compileCount(checks, path, options, {
    soft: 'rekeyPackets',
    hard: 'lifePackets',
    random: 'randPackets',
    unit: 'packets',
    min: MIN_PACKETS,
  });
  const jitterMs = checks.durationMs(join(path, 'randTimeMs'), options.randTimeMs, {
    min: 0,
    max: YEAR_MS,
    fallback: defaultJitter(time),
  });
  const from = firstGiven(options, ['rekeyTimeMs', 'lifeTimeMs', 'randTimeMs']);
  checkEarliest(checks, join(path, from), time.soft, jitterMs);
  checkChildEnd(checks, path, options, time);
  return {
    ...(time.soft === 0 ? {} : { rekeyMs: time.soft, rekeyJitterMs: jitterMs }),
    ...(time.hard === 0 ? {} : { hardLifetimeMs: time.hard }),
    ...(bytes.soft === 0 ? {} : { rekeyBytes: bytes.soft, rekeyJitterBytes: bytes.jitter }),
    ...(bytes.hard === 0 ? {} : { hardBytes: bytes.hard }),
    ...(packets.soft === 0
      ? {}
      : { rekeyPackets: packets.soft, rekeyJitterPackets: packets.jitter }),
    ...(packets.hard === 0 ? {} : { hardPackets: packets.hard }),
  };
}

/** Compiles the lifetimes of an IKE SA: rekeyed after 4 h when nothing is said, only reauthenticated when only that is,
 * and ended a tenth of the longer time later. Refuses times that leave no room for the replacement.
 */
export function compileIkeLifetimes(
  checks: OptionChecks,
  path: string,
  options: ConnectionOptions,
): IkeLifetimes {
  const time = (key: IkeTimeKey, fallback: number): number =>
    checks.durationMs(join(path, key), options[key], { min: 0, max: YEAR_MS, fallback });
  const reauthMs = time('reauthTimeMs', 0);
  const rekeyMs = time(
    'rekeyTimeMs',
    options.reauthTimeMs === undefined ? DEFAULT_IKE_REKEY_MS : 0,
  );
  const times = [rekeyMs, reauthMs].filter((ms) => ms > 0);
  const overMs = time('overTimeMs', Math.floor(Math.max(0, ...times) / 10));
  const shorterMs = times.length === 0 ? 0 : Math.min(...times);
  const jitterMs = time('randTimeMs', Math.min(overMs, Math.floor(shorterMs / 2)));
  if (times.length === 0) return {};
  const from = firstGiven(options, ['rekeyTimeMs', 'randTimeMs']);
  checkEarliest(checks, join(path, from), rekeyMs, jitterMs);
  checkEarliest(checks, join(path, 'reauthTimeMs'), reauthMs, jitterMs);
  if (options.overTimeMs === 0) {
    const sentence =
      'expected more than 0: the IKE SA would end before its replacement is there; leave it out for a tenth of the lifetime';
    checks.problem('invalid-value', join(path, 'overTimeMs'), sentence);
  } else if (overMs < MIN_MARGIN_MS && options.overTimeMs !== undefined) {
    checks.problem('invalid-value', join(path, 'overTimeMs'), tooShort('IKE SA', overMs));
  }
  return {
    ...(rekeyMs === 0 ? {} : { rekeyMs }),
    ...(reauthMs === 0 ? {} : { reauthMs }),
    rekeyJitterMs: jitterMs,
    overMs,
  };
}

type IkeTimeKey = 'rekeyTimeMs' | 'reauthTimeMs' | 'overTimeMs' | 'randTimeMs';

interface LimitKeys {
  readonly soft: 'rekeyTimeMs' | 'rekeyBytes' | 'rekeyPackets';
  readonly hard: 'lifeTimeMs' | 'lifeBytes' | 'lifePackets';
  /** The soft limit when neither is given. */
  readonly softFallback: number;
  readonly read: (path: string, value: number | undefined, fallback: number) => number;
  /** A limit with its unit, for people. */
  readonly text: (limit: number) => string;
}

/** A soft and a hard limit; 0 is none. */
function compileLimits(
  checks: OptionChecks,
  path: string,
  options: ChildOptions,
  keys: LimitKeys,
): { readonly soft: number; readonly hard: number } {
  const read = (key: LimitKeys['soft' | 'hard'], fallback: number): number =>
    keys.read(join(path, key), options[key], fallback);
  const given = options[keys.hard];
  const hardGiven = given === undefined ? undefined : read(keys.hard, 0);
  const soft = read(
    keys.soft,
    hardGiven === undefined ? keys.softFallback : hardGiven - Math.ceil(hardGiven / 11),
  );
  const hard = hardGiven ?? Math.min(Number.MAX_SAFE_INTEGER, soft + Math.ceil(soft / 10));
  if (soft > 0 && hard > 0 && soft >= hard) {
    const at = options[keys.soft] === undefined ? keys.hard : keys.soft;
    const sentence = `the Child SA would end at ${keys.text(hard)}, before it is replaced at ${keys.text(soft)}: the limit for rekeying must be below the one for the end`;
    checks.problem('invalid-value', join(path, at), sentence);
  }
  return { soft, hard };
}

/** What lies between the limits, at most half of the soft one. */
function defaultJitter({ soft, hard }: { readonly soft: number; readonly hard: number }): number {
  return Math.min(Math.max(0, hard - soft), Math.floor(soft / 2));
}

interface CountKeys extends Pick<LimitKeys, 'soft' | 'hard'> {
  readonly random: 'randBytes' | 'randPackets';
  readonly unit: 'bytes' | 'packets';
  /** The least that a Child SA carries before it is replaced, and meanwhile. */
  readonly min: number;
}

/** A soft and a hard limit that traffic uses up; 0 is none, which is the default. */
function compileCount(
  checks: OptionChecks,
  path: string,
  options: ChildOptions,
  keys: CountKeys,
): { readonly soft: number; readonly hard: number; readonly jitter: number } {
  const { unit, min } = keys;
  const { soft, hard } = compileLimits(checks, path, options, {
    ...keys,
    softFallback: 0,
    read: (at, value, fallback) =>
      checks.integer(at, value, { min: 0, max: Number.MAX_SAFE_INTEGER, fallback }),
    text: (limit) => `${limit} ${unit}`,
  });
  const jitter = checks.integer(join(path, keys.random), options[keys.random], {
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    fallback: Math.max(0, Math.min(defaultJitter({ soft, hard }), soft - min)),
  });
  const refuse = (key: CountKeys['soft' | 'hard'], what: string): void =>
    checks.problem(
      'invalid-value',
      join(path, key),
      `${what}, and ${min} ${unit} is the least: raise it, or leave it out`,
    );
  if (soft > 0 && soft < min) {
    refuse(
      firstGiven(options, [keys.soft, keys.hard]),
      `keys would be replaced after ${soft} ${unit}`,
    );
  } else if (soft > 0 && soft - jitter < min) {
    const sentence = `keys would be replaced after ${Math.max(0, soft - jitter)} ${unit} at the earliest (${soft} less up to ${jitter} at random), and ${min} ${unit} is the least: lower the random part, or turn it off with 0`;
    checks.problem('invalid-value', join(path, keys.random), sentence);
  } else if (soft === 0 && hard > 0 && hard < min) {
    refuse(keys.hard, `the Child SA would end after ${hard} ${unit} and is not replaced`);
  } else if (options[keys.soft] && options[keys.hard] && hard > soft && hard - soft < min) {
    refuse(
      keys.hard,
      `the Child SA would end ${hard - soft} ${unit} after its replacement is begun`,
    );
  }
  return { soft, hard, jitter };
}

/** @returns the option that a complaint is about: the first that was written, or the first of all. */
function firstGiven<Options extends object, Key extends keyof Options>(
  options: Options,
  keys: readonly [Key, ...Key[]],
): Key {
  return keys.find((key) => options[key] !== undefined) ?? keys[0];
}

/** What follows from another time by a tenth is left alone: who asks for so short a life gets it. */
function checkChildEnd(
  checks: OptionChecks,
  path: string,
  options: ChildOptions,
  time: { readonly soft: number; readonly hard: number },
): void {
  const { soft, hard } = time;
  if (options.lifeTimeMs === undefined || hard === 0 || soft >= hard) return;
  if (soft === 0 && hard < MIN_SOFT_MS) {
    const sentence = `the Child SA would end after ${durationText(hard)} and is not replaced, and ${durationText(MIN_SOFT_MS)} is the least: raise it, or leave it out`;
    checks.problem('invalid-value', join(path, 'lifeTimeMs'), sentence);
  } else if (soft > 0 && hard - soft < MIN_MARGIN_MS && options.rekeyTimeMs !== undefined) {
    const sentence = tooShort('Child SA', hard - soft);
    checks.problem('invalid-value', join(path, 'lifeTimeMs'), sentence);
  }
}

function tooShort(what: string, marginMs: number): string {
  return `the ${what} would end ${durationText(marginMs)} after its replacement is begun, so that one lost packet ends it; ${durationText(MIN_MARGIN_MS)} is the least: raise it, or leave it out for a tenth of the lifetime`;
}

function checkEarliest(checks: OptionChecks, path: string, softMs: number, jitterMs: number): void {
  const earliestMs = Math.max(0, softMs - jitterMs);
  if (softMs === 0 || earliestMs >= MIN_SOFT_MS) return;
  const sentence = `keys would be replaced after ${durationText(earliestMs)} at the earliest (${durationText(softMs)} less up to ${durationText(jitterMs)} at random), and ${durationText(MIN_SOFT_MS)} is the least: raise it, lower the random part, or turn it off with 0`;
  checks.problem('invalid-value', path, sentence);
}
