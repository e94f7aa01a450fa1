import type { SourcePosition } from '../compile/config-problem.ts';

/** The value of a key. */
export interface SettingsValue {
  /** Without quotes and escapes; `undefined` after `key =` with nothing behind it: back to the default. */
  readonly text: string | undefined;
  readonly keyAt: SourcePosition;
  /** Where the value begins; where the key begins when it is empty. */
  readonly at: SourcePosition;
}

/** `section : a, b.c { }`: one of the sections to inherit from, by its absolute name. */
export interface SectionReference {
  readonly names: readonly string[];
  readonly at: SourcePosition;
}

/** A section as it was written: repeated ones merged, later values over earlier ones, nothing inherited yet. */
export interface SettingsSection {
  /** Where its name stands first. */
  readonly at: SourcePosition;
  readonly values: Map<string, SettingsValue>;
  readonly sections: Map<string, SettingsSection>;
  readonly references: SectionReference[];
}

/** An empty section. */
export function createSection(at: SourcePosition): SettingsSection {
  return { at, values: new Map(), sections: new Map(), references: [] };
}
