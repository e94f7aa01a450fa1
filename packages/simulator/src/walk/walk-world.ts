import type { Simulation } from '../simulation/simulation.ts';
import type { HostLedger } from './host-ledger.ts';
import type { NumberedPackets } from './numbered-packets.ts';
import type { WalkLink } from './walk-link.ts';
import type { WalkModel } from './walk-model.ts';
import type { WalkOccurrences } from './walk-occurrences.ts';
import type { WalkPlan, WalkSide } from './walk-plan.ts';

/** Two peers, and the account that is kept of them. */
export interface WalkWorld {
  readonly simulation: Simulation;
  readonly plan: WalkPlan;
  readonly ledgers: Readonly<Record<WalkSide, HostLedger>>;
  readonly flows: Readonly<Record<WalkSide, NumberedPackets>>;
  readonly model: WalkModel;
  readonly link: WalkLink;
  readonly occurrences: WalkOccurrences;
}
