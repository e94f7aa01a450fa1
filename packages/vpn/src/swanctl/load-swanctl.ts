import { compileOptions } from '../compile/compile-options.ts';
import type { ConfigPositions } from '../compile/config-positions.ts';
import { ConfigError, type ConfigProblem, ProblemList } from '../compile/config-problem.ts';
import type { VpnOptions } from '../options.ts';
import { buildOptions } from './build-options.ts';
import { checkSettings } from './check-settings.ts';
import { CredentialFiles } from './credential-files.ts';
import { loadSettings } from './load-settings.ts';
import { nodeFiles } from './node-files.ts';
import { resolveReferences } from './resolve-references.ts';
import type { SectionRule } from './schema.ts';
import type { SettingsFiles } from './settings-files.ts';
import type { SettingsSection } from './settings-tree.ts';
import { settingsRoot } from './tables/settings-sections.ts';
import { swanctlRoot } from './tables/swanctl-sections.ts';

/** Which files to read. */
export interface SwanctlFiles {
  /** A swanctl.conf. */
  readonly configFile: string;
  /** A strongswan.conf, of which `charon { ... }` counts. */
  readonly settingsFile?: string;
  /** Where the files are; default the disk of this machine. */
  readonly files?: SettingsFiles;
}

/** What the files say. */
export interface LoadedSwanctl {
  readonly options: VpnOptions;
  /** Where each option stands; hand it to `compileOptions` so that its errors name file, line and column. */
  readonly positions: ConfigPositions;
}

/** What the files say, or all that is wrong with them. */
export type SwanctlResult = (
  | { readonly ok: true; readonly value: LoadedSwanctl }
  | { readonly ok: false; readonly errors: readonly ConfigError[] }
) & {
  /** What is known, has no effect here, and is harmless; `describeProblem` prints one. */
  readonly warnings: readonly ConfigProblem[];
};

/** Reads swanctl.conf and strongswan.conf, in the language of strongSwan 5.9.8, as options.
 * All mistakes are found at once: of the syntax in all files, or else of all keys and values. Never throws.
 */
export function loadSwanctl({
  configFile,
  settingsFile,
  files = nodeFiles,
}: SwanctlFiles): SwanctlResult {
  const problems = new ProblemList();
  const warnings = new ProblemList();
  const root = loadSettings(configFile, files, problems, warnings);
  const settings =
    settingsFile === undefined ? undefined : loadSettings(settingsFile, files, problems, warnings);
  // What stands in a file that was not understood would be missed: no word about the rest.
  if (!problems.isEmpty) return failed(problems.problems, warnings);
  const config = resolveAndCheck(root, swanctlRoot, problems, warnings);
  const common = settings && resolveAndCheck(settings, settingsRoot, problems, warnings);
  const { options, positions } = buildOptions(
    config,
    common,
    problems,
    new CredentialFiles(files, configFile, problems),
  );
  const compiled = compileOptions(options, positions);
  const more = compiled.ok ? [] : compiled.errors;
  // What is missing may only be missing because of what is wrong.
  const kept = problems.isEmpty ? more : more.filter(({ code }) => code !== 'missing-value');
  for (const problem of kept) problems.add(problem);
  if (!problems.isEmpty) return failed(problems.problems, warnings);
  return { ok: true, value: { options, positions }, warnings: warnings.problems };
}

function resolveAndCheck(
  root: SettingsSection,
  rule: SectionRule,
  problems: ProblemList,
  warnings: ProblemList,
): SettingsSection {
  const resolved = resolveReferences(root, problems);
  checkSettings(resolved.root, rule, resolved.templates, problems, warnings);
  return resolved.root;
}

function failed(problems: readonly ConfigProblem[], warnings: ProblemList): SwanctlResult {
  const errors = problems.map((problem) =>
    problem instanceof ConfigError ? problem : new ConfigError(problem),
  );
  return { ok: false, errors, warnings: warnings.problems };
}
