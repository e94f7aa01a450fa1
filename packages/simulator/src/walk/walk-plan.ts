import { type LinkSettings, lan } from '../network/link.ts';
import { RandomStream } from '../network/random-stream.ts';
import { WALK_CONFIGURATIONS, type WalkConfiguration } from './walk-configurations.ts';

/** Which of the two peers. */
export type WalkSide = 'client' | 'server';

/** What happens in one step of a walk. Commands for SAs that are not there do nothing. */
export type WalkAct =
  | {
      readonly kind: 'rekey-ike' | 'reauthenticate' | 'check-liveness' | 'close' | 'open';
      readonly side: WalkSide;
    }
  /** @property pick - which one of several of the name, 0 to 1. */
  | {
      readonly kind: 'rekey-child' | 'close-child' | 'create-child';
      readonly side: WalkSide;
      readonly name: string;
      readonly pick: number;
    }
  | { readonly kind: 'sleep'; readonly side: WalkSide; readonly ms: number }
  | { readonly kind: 'cut'; readonly ms: number }
  /** Numbered packets in both directions. */
  | {
      readonly kind: 'traffic';
      readonly name: string;
      readonly packets: number;
      readonly gapMs: number;
    };

/** A step, so many milliseconds after the one before it; 0 is the same instant. */
export interface WalkStep {
  readonly afterMs: number;
  readonly act: WalkAct;
}

/** What the network does while the walk goes on. */
export interface WalkWeather {
  readonly link: LinkSettings;
  /** Probability that an IKE message is held back for up to a minute. */
  readonly longDelay: number;
}

/** One walk, drawn in full before it begins: its first steps alone are a walk, too. */
export interface WalkPlan {
  readonly seed: number;
  readonly configuration: WalkConfiguration;
  readonly weather: WalkWeather;
  readonly steps: readonly WalkStep[];
}

const FEWEST_STEPS = 4;
const MORE_STEPS = 12;
const HOUR_MS = 3_600_000;

/** Acts and how often each is drawn. */
const WEIGHTS: readonly (readonly [WalkAct['kind'], number])[] = [
  ['rekey-child', 24],
  ['rekey-ike', 14],
  ['create-child', 12],
  ['close-child', 10],
  ['reauthenticate', 8],
  ['traffic', 16],
  ['check-liveness', 4],
  ['close', 3],
  ['open', 5],
  ['sleep', 3],
  ['cut', 4],
];

/** What walks are drawn from. */
export interface WalkChoice {
  /** Acts that they have none of. */
  readonly without?: readonly WalkAct['kind'][];
  /** Whether one side of each walk reauthenticates, or both do; default both. */
  readonly reauthenticators?: 'one' | 'both';
  /** Default all of {@link WALK_CONFIGURATIONS}. */
  readonly configurations?: readonly WalkConfiguration[];
}

/** Draws the walk of a seed. */
export function planWalk(seed: number, choice: WalkChoice = {}): WalkPlan {
  const { without = [], configurations = WALK_CONFIGURATIONS } = choice;
  const draw = new RandomStream(`${seed}/plan`);
  const configuration = pick(draw, configurations);
  const count = FEWEST_STEPS + draw.below(MORE_STEPS);
  const steps: WalkStep[] = [];
  // Drawn in any case, so that a seed is the same walk but for this.
  const drawn: WalkSide = draw.below(2) === 0 ? 'client' : 'server';
  const reauthenticator = choice.reauthenticators === 'one' ? drawn : 'both';
  for (let index = 0; index < count; index += 1) {
    const act = drawAct(draw, configuration, reauthenticator, without);
    steps.push({ afterMs: drawPause(draw), act });
    // The other side does the same, or something else, at about the same time.
    if ('side' in act && act.kind !== 'sleep' && draw.fraction() < 0.25) {
      const side = act.side === 'client' ? 'server' : 'client';
      const afterMs = draw.below(2) * draw.between(0, 60);
      if (mayDo(act.kind, side, configuration, reauthenticator)) {
        steps.push({ afterMs, act: { ...act, side } });
      }
    }
  }
  return { seed, configuration, weather: drawWeather(draw), steps };
}

function drawAct(
  draw: RandomStream,
  configuration: WalkConfiguration,
  reauthenticator: WalkSide | 'both',
  without: readonly WalkAct['kind'][],
): WalkAct {
  const kind = drawKind(draw, without);
  const drawn: WalkSide = draw.below(2) === 0 ? 'client' : 'server';
  const isFree = mayDo(kind, drawn, configuration, reauthenticator);
  const side = isFree
    ? drawn
    : kind === 'open' || reauthenticator === 'both'
      ? 'client'
      : reauthenticator;
  const name = pick(draw, configuration.children);
  switch (kind) {
    case 'rekey-child':
    case 'close-child':
    case 'create-child':
      return { kind, side, name, pick: draw.fraction() };
    case 'sleep':
      // From a second to five hours, each length as likely as its double.
      return { kind, side, ms: Math.round(1_000 * (5 * 3_600) ** draw.fraction()) };
    case 'cut':
      return { kind, ms: Math.round(draw.between(1_000, 60_000)) };
    case 'traffic':
      return { kind, name, packets: 5 + draw.below(30), gapMs: draw.between(1, 40) };
    default:
      return { kind, side };
  }
}

function drawKind(draw: RandomStream, without: readonly WalkAct['kind'][]): WalkAct['kind'] {
  const weights = WEIGHTS.filter(([kind]) => !without.includes(kind));
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  let left = draw.below(total);
  for (const [kind, weight] of weights) {
    if (left < weight) return kind;
    left -= weight;
  }
  return 'traffic';
}

/** One side of a walk may be the only one that reauthenticates. A server that gives its client an address opens no session. */
function mayDo(
  kind: WalkAct['kind'],
  side: WalkSide,
  { isSymmetric }: WalkConfiguration,
  reauthenticator: WalkSide | 'both',
): boolean {
  if (kind === 'reauthenticate') return reauthenticator === 'both' || side === reauthenticator;
  return isSymmetric || side === 'client' || kind !== 'open';
}

function drawPause(draw: RandomStream): number {
  const chance = draw.fraction();
  if (chance < 0.3) return 0;
  if (chance < 0.55) return draw.between(0, 60);
  if (chance < 0.8) return draw.between(0, 3_000);
  if (chance < 0.97) return draw.between(0, 40_000);
  return draw.between(0, HOUR_MS / 4);
}

function drawWeather(draw: RandomStream): WalkWeather {
  const isFair = draw.fraction() < 0.25;
  return {
    link: lan({
      latencyMs: draw.between(1, 80),
      jitterMs: draw.between(0, 60),
      loss: isFair ? 0 : draw.between(0, 0.2),
      duplication: isFair ? 0 : draw.between(0, 0.2),
      reordering: draw.between(0, 0.2),
      reorderDelayMs: draw.between(10, 2_000),
    }),
    longDelay: draw.below(2) * draw.between(0, 0.08),
  };
}

function pick<T>(draw: RandomStream, values: readonly T[]): T {
  const value = values[draw.below(values.length)];
  if (value === undefined) throw new RangeError('"values" expected at least one');
  return value;
}

/** A walk as text: what `runWalk` says of one that fails. */
export function describeWalk({ configuration, steps }: WalkPlan): string {
  const lines = steps.map(({ afterMs, act }) => {
    const { kind, ...details } = act;
    const rest = Object.values(details).map((value) =>
      typeof value === 'number' ? String(Math.round(value * 100) / 100) : value,
    );
    return `  +${afterMs.toFixed(0)} ms ${kind} ${rest.join(' ')}`;
  });
  return [`"${configuration.name}"`, ...lines].join('\n');
}
