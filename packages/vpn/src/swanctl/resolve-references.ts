import { type ProblemList, quoted } from '../compile/config-problem.ts';
import { nearestName } from '../compile/nearest-name.ts';
import { createSection, type SectionReference, type SettingsSection } from './settings-tree.ts';

/** Sections that inherit from one another in a row. */
export const MAX_REFERENCE_DEPTH = 32;
/** Settings that inheritance may copy in all; sections that multiply one another would fill the memory. */
export const MAX_INHERITED = 100_000;

/** A tree in which every section has what it inherits, and the sections that others inherit from. */
export interface ResolvedSettings {
  readonly root: SettingsSection;
  /** Absolute names of the sections that serve as templates. */
  readonly templates: ReadonlySet<string>;
}

/** Applies `section : a, b.c { ... }`: own settings first, then those of `a`, then those of `b.c`, section by section.
 * An empty assignment (`key =`) hides what would be inherited.
 * @see strongswan.conf(5), "REFERENCING OTHER SECTIONS"
 */
export function resolveReferences(root: SettingsSection, problems: ProblemList): ResolvedSettings {
  const resolver = new Resolver(root, problems);
  return { root: resolver.resolve(root, [], 0), templates: resolver.templates };
}

class Resolver {
  readonly templates: Set<string> = new Set();
  readonly #root: SettingsSection;
  readonly #problems: ProblemList;
  readonly #resolved: Map<SettingsSection, SettingsSection> = new Map();
  readonly #inProgress: Set<SettingsSection> = new Set();
  #copied = 0;

  constructor(root: SettingsSection, problems: ProblemList) {
    this.#root = root;
    this.#problems = problems;
  }

  resolve(section: SettingsSection, path: readonly string[], depth: number): SettingsSection {
    const known = this.#resolved.get(section);
    if (known) return known;
    this.#inProgress.add(section);
    const result = createSection(section.at);
    for (const [key, value] of section.values) result.values.set(key, value);
    for (const [name, inner] of section.sections) {
      result.sections.set(name, this.resolve(inner, [...path, name], depth));
    }
    for (const reference of section.references) {
      const target = this.#target(reference, path, depth);
      if (target) this.#inherit(result, target, path, reference);
    }
    this.#inProgress.delete(section);
    this.#resolved.set(section, result);
    return result;
  }

  #target(
    reference: SectionReference,
    path: readonly string[],
    depth: number,
  ): SettingsSection | undefined {
    const name = reference.names.join('.');
    let found: SettingsSection | undefined = this.#root;
    let nearby: SettingsSection = this.#root;
    for (const part of reference.names) {
      nearby = found;
      found = found.sections.get(part);
      if (!found) {
        if (this.#problems.isFull) return undefined;
        const nearest = nearestName(part, nearby.sections.keys());
        const hint = nearest === undefined ? '' : `; did you mean ${quoted(nearest)}?`;
        this.#report(reference, path, `there is no section ${quoted(name)} to inherit from${hint}`);
        return undefined;
      }
    }
    this.templates.add(name);
    if (this.#inProgress.has(found)) {
      this.#report(reference, path, `${quoted(name)} inherits from itself in the end`);
      return undefined;
    }
    if (depth >= MAX_REFERENCE_DEPTH) {
      const sentence = `more than ${MAX_REFERENCE_DEPTH} sections inherit from one another in a row`;
      this.#report(reference, path, sentence);
      return undefined;
    }
    return this.resolve(found, reference.names, depth + 1);
  }

  /** Adds what `into` does not have yet; a section that only `from` has is shared, since nobody changes it any more. */
  #inherit(
    into: SettingsSection,
    from: SettingsSection,
    path: readonly string[],
    reference: SectionReference,
  ): void {
    this.#copied += from.values.size + from.sections.size;
    if (this.#copied > MAX_INHERITED) {
      // Said once: everything after it would say the same.
      if (this.#copied !== Number.POSITIVE_INFINITY) {
        this.#report(reference, path, `more than ${MAX_INHERITED} settings are inherited`);
      }
      this.#copied = Number.POSITIVE_INFINITY;
      return;
    }
    for (const [key, value] of from.values) {
      if (!into.values.has(key)) into.values.set(key, value);
    }
    for (const [name, theirs] of from.sections) {
      const own = into.sections.get(name);
      if (!own) {
        into.sections.set(name, theirs);
      } else if (own !== theirs) {
        const merged = copyOf(own);
        into.sections.set(name, merged);
        this.#inherit(merged, theirs, path, reference);
      }
    }
  }

  #report(reference: SectionReference, path: readonly string[], sentence: string): void {
    const position = reference.at;
    this.#problems.add({ code: 'unknown-reference', path: path.join('.'), position, sentence });
  }
}

function copyOf(section: SettingsSection): SettingsSection {
  return {
    at: section.at,
    values: new Map(section.values),
    sections: new Map(section.sections),
    references: [],
  };
}
