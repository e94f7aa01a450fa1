import type { SourcePosition } from './config-problem.ts';

/** Where an option came from: its path in the file's own spelling, and its place. */
export interface ConfigSource {
  readonly path: string;
  readonly position: SourcePosition;
}

/** Sources by the path in the options object: `connections.home.children.net.espProposals`; sections have one too. */
export type ConfigPositions = ReadonlyMap<string, ConfigSource>;

/** Finds the source of an option: its own, or that of the nearest thing around it, with the rest of the path
 * spelled as the file would spell it.
 * @param path - may end in an index: `connections.home.proposals[1]`.
 */
export function sourceOf(path: string, positions: ConfigPositions): Partial<ConfigSource> {
  let known = path.replace(/\[\d+\]$/, '');
  let rest = '';
  for (;;) {
    const source = positions.get(known);
    if (source) return { path: `${source.path}${rest}`, position: source.position };
    const dot = known.lastIndexOf('.');
    if (dot < 0) return {};
    rest = `${snakeCase(known.slice(dot))}${rest}`;
    known = known.slice(0, dot);
  }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
