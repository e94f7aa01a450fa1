import { ConfigError, ProblemList } from '../compile/config-problem.ts';
import { loadSettings } from './load-settings.ts';
import type { SwanctlFiles } from './load-swanctl.ts';
import { nodeFiles } from './node-files.ts';
import { resolveReferences } from './resolve-references.ts';
import type { SettingsSection } from './settings-tree.ts';

/** A section of a configuration file as it was written, with all that it inherits; nothing of it is checked. */
export interface ConfigSection {
  /** Values by key, without quotes. */
  readonly values: ReadonlyMap<string, string>;
  readonly sections: ReadonlyMap<string, ConfigSection>;
}

/** The root of a configuration, or why its text is none. */
export type SectionsResult =
  | { readonly ok: true; readonly root: ConfigSection }
  | { readonly ok: false; readonly errors: readonly ConfigError[] };

/** Reads swanctl.conf for what is written in it, including keys that a tunnel would not take yet: for tools that look at a
 * configuration, or turn it into another form. Never throws.
 */
export function readSections({
  configFile,
  files = nodeFiles,
}: Pick<SwanctlFiles, 'configFile' | 'files'>): SectionsResult {
  const problems = new ProblemList();
  const tree = loadSettings(configFile, files, problems, new ProblemList());
  const { root } = resolveReferences(tree, problems);
  if (problems.isEmpty) return { ok: true, root: sectionOf(root) };
  return { ok: false, errors: problems.problems.map((problem) => new ConfigError(problem)) };
}

function sectionOf(section: SettingsSection): ConfigSection {
  const values = [...section.values].flatMap(([key, { text }]): [string, string][] =>
    text === undefined ? [] : [[key, text]],
  );
  const sections = [...section.sections].map(([name, one]): [string, ConfigSection] => [
    name,
    sectionOf(one),
  ]);
  return { values: new Map(values), sections: new Map(sections) };
}
