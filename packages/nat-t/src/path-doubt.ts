import type { DpdReason } from './liveness-contract.ts';
import type { MappingVerdict } from './mapping-tracker.ts';

/** Why the peer is told where we are without being asked first. */
export type UpdateCause = 'mapping-changed' | 'mapping-unknown' | 'connectivity';

/** What has to be asked about a path, or told to the peer at once, as soon as no exchange runs. */
export class PathDoubt {
  #question: DpdReason | undefined;
  /** A mapping may have changed with nothing to compare: only an update helps. */
  #isUnknown = false;
  #owedUpdate: UpdateCause | undefined;

  /** Why the path has to be asked about. */
  get question(): DpdReason | undefined {
    return this.#question;
  }

  /** Why an update has to go out. */
  get owedUpdate(): UpdateCause | undefined {
    return this.#owedUpdate;
  }

  get isAny(): boolean {
    return this.#question !== undefined || this.#owedUpdate !== undefined;
  }

  /** Whether something has to go out before anything else does; a baseline may wait. */
  get isPressing(): boolean {
    return this.#owedUpdate !== undefined || this.#isDoubted();
  }

  /** The first reason stays. */
  raise(reason: DpdReason): void {
    this.#question ??= reason;
  }

  /** The first cause stays. */
  oweUpdate(cause: UpdateCause): void {
    this.#owedUpdate ??= cause;
  }

  /** A detection has to say where the peer sees us, for later ones to compare with. */
  wantBaseline(): void {
    // What was in doubt stays so, and the comparison that would have told is not to be had any more.
    if (this.#isDoubted()) this.#isUnknown = true;
    this.#question ??= 'baseline';
  }

  onAsked(): void {
    this.#question = undefined;
  }

  /** The path is new, or the peer is told of it anyway. */
  clear(): void {
    this.#question = undefined;
    this.#isUnknown = false;
    this.#owedUpdate = undefined;
  }

  onVerdict(verdict: MappingVerdict): void {
    if (verdict === 'changed') this.#owedUpdate = 'mapping-changed';
    else if (verdict === 'began' && this.#isUnknown) this.#owedUpdate = 'mapping-unknown';
    if (verdict !== 'unchanged' && this.#question === 'baseline') this.#question = undefined;
    this.#isUnknown = false;
    // Any other doubt arose while the exchange ran, and stays: a retransmission gets the response from before, with the
    // hash from before (RFC 7296 §2.1).
  }

  #isDoubted(): boolean {
    return this.#question !== undefined && this.#question !== 'baseline';
  }
}
