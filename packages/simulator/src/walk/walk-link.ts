import type { Instant } from '@ipsec-kit/clock';
import type { Datagram } from '../network/datagram.ts';
import { createLink } from '../network/link.ts';
import type { Direction, Middlebox, Passage } from '../network/middlebox.ts';
import { RandomStream } from '../network/random-stream.ts';
import type { WalkWeather } from './walk-plan.ts';

/** What a walk's link does now. */
export type WalkSky = 'bad' | 'cut' | 'fine';

const FINE_MS = 5;
const LONGEST_DELAY_MS = 60_000;
const NON_ESP_MARKER_BYTES = 4;

/** The link between the two peers of a walk: as bad as the weather, cut, or fine. */
export class WalkLink implements Middlebox {
  readonly name = 'weather';
  sky: WalkSky = 'fine';
  readonly #link: Middlebox;
  readonly #weather: WalkWeather;
  readonly #draw: RandomStream;

  constructor(weather: WalkWeather, seed: number) {
    this.#weather = weather;
    this.#link = createLink(weather.link, `${seed}/weather`);
    this.#draw = new RandomStream(`${seed}/long-delays`);
  }

  pass(datagram: Datagram, direction: Direction, now: Instant): readonly Passage[] {
    const isHeld = this.#draw.fraction() < this.#weather.longDelay;
    const heldMs = this.#draw.fraction() * LONGEST_DELAY_MS;
    const passages = this.#link.pass(datagram, direction, now);
    switch (this.sky) {
      case 'cut':
        return [];
      case 'fine':
        return [{ datagram, delayMs: FINE_MS }];
      case 'bad':
        // ESP is not held back for longer than what was replaced receives.
        if (!isHeld || !isIke(datagram)) return passages;
        return passages.map((passage) => ({ ...passage, delayMs: passage.delayMs + heldMs }));
    }
  }
}

function isIke({ to, from, data }: Datagram): boolean {
  if (to.port === 500 || from.port === 500) return true;
  return data.subarray(0, NON_ESP_MARKER_BYTES).every((byte) => byte === 0);
}
