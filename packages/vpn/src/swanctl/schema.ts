import type { ValueKind } from './setting-values.ts';

/** What happens to a key.
 *
 * - `supported`: it does what strongSwan does.
 * - `no-effect`: known, not there yet, harmless: a warning says what happens instead.
 * - `refused`: known, not there yet, and ignoring it would change security or traffic: an error says so.
 */
export type KeyStatus = 'supported' | 'no-effect' | 'refused';

/** Values of a key that are judged differently from the rest. */
export interface ValueException {
  readonly values: readonly string[];
  readonly status: KeyStatus;
  readonly because?: string;
}

/** One key: its form, and what becomes of it. */
export interface KeyRule {
  readonly kind: ValueKind;
  /** The words of a `choice`. */
  readonly choices?: readonly string[];
  /** What holds when the key is absent, as the manual prints it; saying it is never a problem. */
  readonly default?: string;
  readonly status: KeyStatus;
  /** Why, or what happens instead; ends the sentence of the warning or error. With `supported`: said as a warning
   * whenever the value is not the default. */
  readonly because?: string;
  /** Values that are judged otherwise than `status` says; the default is always fine. */
  readonly except?: readonly ValueException[];
  /** What the key is for, for the manual. */
  readonly about: string;
}

/** The keys of one kind of section. */
export type KeyTable = Readonly<Record<string, KeyRule>>;

/** One kind of section. */
export interface SectionRule {
  /** What the manual calls it: `connections.<conn>`. */
  readonly path: string;
  readonly about: string;
  readonly keys: KeyTable;
  /** Keys that begin with a word and go on at will (`id<suffix>`), or consist of digits (`<number>`). */
  readonly keyPatterns?: readonly KeyPattern[];
  readonly sections?: readonly SubsectionRule[];
  /** Whether the section as a whole works. Its keys are checked anyway, but only for being known. */
  readonly status?: 'no-effect' | 'refused';
  readonly because?: string;
  /** What is inside is not looked at. */
  readonly opaque?: boolean;
}

/** Keys with a variable name. */
export interface KeyPattern {
  readonly matches: RegExp;
  /** For the manual: `id<suffix>`. */
  readonly label: string;
  readonly rule: KeyRule;
}

/** A section inside a section: of one name, of all names that begin with a word, or of any name. */
export interface SubsectionRule {
  readonly match: 'name' | 'prefix' | 'any';
  readonly name: string;
  readonly rule: SectionRule;
}

/** The rule of a key, or `undefined` when nobody knows it. */
export function keyRuleOf(section: SectionRule, key: string): KeyRule | undefined {
  if (Object.hasOwn(section.keys, key)) return section.keys[key];
  return section.keyPatterns?.find(({ matches }) => matches.test(key))?.rule;
}

/** The rule of a section inside another; exact names go before prefixes, longer prefixes before shorter ones. */
export function subsectionRuleOf(section: SectionRule, name: string): SectionRule | undefined {
  const fitting = (section.sections ?? []).filter(
    (one) =>
      one.match === 'any' || (one.match === 'name' ? name === one.name : name.startsWith(one.name)),
  );
  const rank = (one: SubsectionRule): number =>
    one.match === 'any' ? -1 : one.match === 'prefix' ? one.name.length : Number.POSITIVE_INFINITY;
  return fitting.toSorted((a, b) => rank(b) - rank(a))[0]?.rule;
}

/** Names that a section may have inside, keys and sections, for suggestions.
 * @param first - what goes first among names that are equally near.
 */
export function namesIn(section: SectionRule, first: 'keys' | 'sections'): readonly string[] {
  const fixed = (section.sections ?? []).filter((one) => one.match !== 'any');
  const sections = fixed.map((one) => one.name);
  const keys = Object.keys(section.keys);
  return first === 'keys' ? [...keys, ...sections] : [...sections, ...keys];
}
