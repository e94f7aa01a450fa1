import { addMs, type Instant, instantFromMs, msBetween } from '@ipsec-kit/clock';
import type { Datagram } from './datagram.ts';
import type { Direction, Middlebox, Passage } from './middlebox.ts';
import { RandomStream } from './random-stream.ts';

/** What a link does to datagrams, the same in both directions. It has no bandwidth: nothing queues. */
export interface LinkSettings {
  /** Time that every datagram takes, in milliseconds. */
  readonly latencyMs: number;
  /** Up to this much is added to it, evenly distributed; order is kept all the same. */
  readonly jitterMs: number;
  /** Probability that a datagram is lost, 0 to 1. */
  readonly loss: number;
  /** Probability that a datagram arrives twice. */
  readonly duplication: number;
  /** Probability that a datagram is held back and overtaken. */
  readonly reordering: number;
  /** How long such a datagram is held back, at most. */
  readonly reorderDelayMs: number;
}

/** A cable: a fraction of a millisecond, and nothing goes wrong. Settings that are given replace those of the preset. */
export function lan(settings: Partial<LinkSettings> = {}): LinkSettings {
  return {
    latencyMs: 0.3,
    jitterMs: 0,
    loss: 0,
    duplication: 0,
    reordering: 0,
    reorderDelayMs: 0,
    ...settings,
  };
}

/** A radio network at home: quick, uneven, loses one datagram in two hundred. */
export function wifi(settings: Partial<LinkSettings> = {}): LinkSettings {
  return {
    latencyMs: 4,
    jitterMs: 12,
    loss: 0.005,
    duplication: 0.001,
    reordering: 0.002,
    reorderDelayMs: 10,
    ...settings,
  };
}

/** A mobile network with fair reception: slow, uneven, loses one datagram in fifty. */
export function cellular(settings: Partial<LinkSettings> = {}): LinkSettings {
  return {
    latencyMs: 45,
    jitterMs: 60,
    loss: 0.02,
    duplication: 0.001,
    reordering: 0.005,
    reorderDelayMs: 80,
    ...settings,
  };
}

/** A link as a middlebox. Every datagram draws the same number of random values, whatever becomes of it,
 * so that another loss rate loses more or less, but moves nothing else.
 * @throws RangeError on a probability outside of 0 to 1 or a negative time.
 */
export function createLink(settings: LinkSettings, seed: number | string): Middlebox {
  requireSettings(settings);
  return new Link(settings, seed);
}

class Link implements Middlebox {
  readonly name = 'link';
  readonly #settings: LinkSettings;
  readonly #random: RandomStream;
  /** When the last datagram in order arrives: the next one does not come before it. */
  readonly #lastArrival: Record<Direction, Instant> = {
    outward: instantFromMs(Number.NEGATIVE_INFINITY),
    inward: instantFromMs(Number.NEGATIVE_INFINITY),
  };

  constructor(settings: LinkSettings, seed: number | string) {
    this.#settings = settings;
    this.#random = new RandomStream(seed);
  }

  pass(datagram: Datagram, direction: Direction, now: Instant): readonly Passage[] {
    const { loss, duplication, reordering, jitterMs } = this.#settings;
    const random = this.#random;
    const isLost = random.fraction() < loss;
    const isDuplicated = random.fraction() < duplication;
    const isHeldBack = random.fraction() < reordering;
    const heldBack = random.fraction();
    const jitter = random.fraction() * jitterMs;
    const jitterOfCopy = random.fraction() * jitterMs;
    if (isLost) return [];
    const delayMs = isHeldBack
      ? this.#delayOutOfOrder(jitter, heldBack)
      : this.#delayInOrder(direction, now, jitter);
    const passages = [{ datagram, delayMs }];
    if (isDuplicated) {
      passages.push({ datagram, delayMs: this.#delayInOrder(direction, now, jitterOfCopy) });
    }
    return passages;
  }

  #delayInOrder(direction: Direction, now: Instant, jitterMs: number): number {
    const earliest = addMs(now, this.#settings.latencyMs + jitterMs);
    const last = this.#lastArrival[direction];
    const arrival = instantFromMs(Math.max(earliest, last));
    this.#lastArrival[direction] = arrival;
    return msBetween(now, arrival);
  }

  #delayOutOfOrder(jitterMs: number, heldBack: number): number {
    return this.#settings.latencyMs + jitterMs + heldBack * this.#settings.reorderDelayMs;
  }
}

function requireSettings(settings: LinkSettings): void {
  for (const name of ['loss', 'duplication', 'reordering'] as const) {
    if (!(settings[name] >= 0 && settings[name] <= 1)) {
      throw new RangeError(
        `link: "${name}" expected a probability from 0 to 1, got ${settings[name]}`,
      );
    }
  }
  for (const name of ['latencyMs', 'jitterMs', 'reorderDelayMs'] as const) {
    if (!(settings[name] >= 0 && settings[name] < Number.POSITIVE_INFINITY)) {
      throw new RangeError(
        `link: "${name}" expected milliseconds, 0 or more, got ${settings[name]}`,
      );
    }
  }
}
