export type { ConfigPositions, ConfigSource } from '../compile/config-positions.ts';
export {
  ConfigError,
  type ConfigProblem,
  type ConfigProblemCode,
  describeProblem,
  type SourcePosition,
} from '../compile/config-problem.ts';
export { configurationReference } from './configuration-reference.ts';
export {
  type LoadedSwanctl,
  loadSwanctl,
  type SwanctlFiles,
  type SwanctlResult,
} from './load-swanctl.ts';
export { nodeFiles } from './node-files.ts';
export { readAtMost } from './read-at-most.ts';
export { type ConfigSection, readSections, type SectionsResult } from './read-sections.ts';
export type { FileBytes, FileText, SettingsFiles } from './settings-files.ts';
