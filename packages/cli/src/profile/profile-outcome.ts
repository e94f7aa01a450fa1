/** What a command has to say: the thing itself, and remarks about it. */
export interface ProfileOutcome {
  /** For stdout. */
  readonly text: string;
  /** For stderr. */
  readonly notes: readonly string[];
}
