import type { Instant } from '@ipsec-kit/clock';
import type { Datagram } from '../network/datagram.ts';
import { createLink } from '../network/link.ts';
import type { Direction, Middlebox, Passage } from '../network/middlebox.ts';
import { RandomStream } from '../network/random-stream.ts';
import { countOccurrence, type WalkOccurrences } from './walk-occurrences.ts';
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

  readonly #occurrences: WalkOccurrences;

  constructor(weather: WalkWeather, seed: number, occurrences: WalkOccurrences) {
    this.#occurrences = occurrences;
    this.#weather = weather;
    this.#link = createLink(weather.link, `${seed}/weather`);
    this.#draw = new RandomStream(`${seed}/long-delays`);
  }

  pass(datagram: Datagram, direction: Direction, now: Instant): readonly Passage[] {
    const isHeld = this.#draw.fraction() < this.#weather.longDelay;
    const heldMs = this.#draw.fraction() * LONGEST_DELAY_MS;
    const passages = this.#link.pass(datagram, direction, now);
    const isOfIke = isIke(datagram);
    const kind = isOfIke ? 'IKE' : 'ESP';
    switch (this.sky) {
      case 'cut':
        countOccurrence(this.#occurrences, `${kind} cut off`);
        return [];
      case 'fine':
        return [{ datagram, delayMs: FINE_MS }];
      case 'bad':
        if (passages.length === 0) countOccurrence(this.#occurrences, `${kind} lost`);
        if (passages.length > 1) countOccurrence(this.#occurrences, `${kind} repeated`);
        // ESP is not held back for longer than what was replaced receives.
        if (!isHeld || !isOfIke) return passages;
        if (passages.length > 0) countOccurrence(this.#occurrences, `${kind} held back`);
        return passages.map((passage) => ({ ...passage, delayMs: passage.delayMs + heldMs }));
    }
  }
}

function isIke({ to, from, data }: Datagram): boolean {
  if (to.port === 500 || from.port === 500) return true;
  return data.subarray(0, NON_ESP_MARKER_BYTES).every((byte) => byte === 0);
}
