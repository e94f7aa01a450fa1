import {
  alternatives,
  type ConfigProblemCode,
  type ProblemList,
  quoted,
  type SourcePosition,
} from '../compile/config-problem.ts';
import { nearestName } from '../compile/nearest-name.ts';
import {
  type KeyRule,
  type KeyStatus,
  keyRuleOf,
  namesIn,
  type SectionRule,
  subsectionRuleOf,
} from './schema.ts';
import { normalValue, VALUE_FORMS } from './setting-values.ts';
import type { SettingsSection, SettingsValue } from './settings-tree.ts';

/** Checks a tree against a schema: unknown names and values of the wrong form, what is refused, what has no effect.
 * @param templates - absolute names of sections that others inherit from; at the top they may have any name, and are
 * looked at where they are inherited.
 */
export function checkSettings(
  root: SettingsSection,
  rule: SectionRule,
  templates: ReadonlySet<string>,
  problems: ProblemList,
  warnings: ProblemList,
): void {
  new Checker(problems, warnings, templates).section(root, rule, []);
}

class Checker {
  readonly #problems: ProblemList;
  readonly #warnings: ProblemList;
  /** First names only. */
  readonly #templates: ReadonlySet<string>;

  constructor(problems: ProblemList, warnings: ProblemList, templates: ReadonlySet<string>) {
    this.#problems = problems;
    this.#warnings = warnings;
    this.#templates = new Set([...templates].map((name) => name.split('.', 1)[0] ?? name));
  }

  section(section: SettingsSection, rule: SectionRule, path: readonly string[]): void {
    const quiet = rule.status !== undefined;
    if (rule.status !== undefined && !isEmpty(section)) {
      const name = `the section ${quoted(path.at(-1) ?? '')}`;
      this.#verdict(rule.status, name, rule.because, path, section.at);
    }
    if (rule.opaque) return;
    for (const [key, value] of section.values) this.#value(key, value, rule, path, quiet);
    for (const [name, inner] of section.sections) {
      const innerRule = subsectionRuleOf(rule, name);
      const at = [...path, name];
      if (innerRule) this.section(inner, innerRule, at);
      else if (path.length > 0 || !this.#templates.has(name)) {
        this.#unknownSection(name, inner, rule, at);
      }
    }
  }

  #value(
    key: string,
    value: SettingsValue,
    section: SectionRule,
    path: readonly string[],
    quiet: boolean,
  ): void {
    const rule = keyRuleOf(section, key);
    const at = [...path, key];
    if (!rule) {
      this.#unknownKey(key, value, section, at);
      return;
    }
    if (value.text === undefined || quiet) return;
    const normal = normalValue(rule.kind, value.text, rule.choices);
    if (normal === undefined) {
      const sentence = `expected ${formOf(rule)}, got ${quoted(value.text)}`;
      this.#report(this.#problems, 'invalid-value', sentence, at, value.at);
      return;
    }
    const { status, because } = verdictOn(rule, normal);
    const shown = status === 'refused' ? `${key} = ${value.text}` : key;
    if (status !== 'supported') this.#verdict(status, shown, because, at, value.at);
    else if (because !== undefined) {
      this.#report(this.#warnings, 'no-effect', because, at, value.at);
    }
  }

  #verdict(
    status: Exclude<KeyStatus, 'supported'>,
    name: string,
    because: string | undefined,
    path: readonly string[],
    at: SourcePosition,
  ): void {
    const reason = because === undefined ? '' : `: ${because}`;
    if (status === 'refused') {
      this.#report(this.#problems, 'not-supported', `${name} is not supported${reason}`, path, at);
    } else {
      this.#report(this.#warnings, 'no-effect', `${name} has no effect${reason}`, path, at);
    }
  }

  #unknownKey(key: string, value: SettingsValue, rule: SectionRule, path: readonly string[]): void {
    if (this.#problems.isFull) return;
    // What stands where a key should be, next to a secret, may be a piece of it.
    const isSecret = path[0] === 'secrets';
    const name = isSecret ? 'of this name' : quoted(key);
    const hint = suggestion(key, rule, 'keys');
    // `local<suffix>` may be any name that begins so, a mistyped `local_adrs` too: the key that is near is meant.
    const sentence =
      subsectionRuleOf(rule, key) && (hint === '' || namesIn(rule, 'keys').includes(key))
        ? `${quoted(key)} is a section: write ${key} { ... }`
        : `there is no key ${name} here${hint}`;
    const at = isSecret ? path.slice(0, -1) : path;
    this.#report(this.#problems, 'unknown-key', sentence, at, value.keyAt);
  }

  #unknownSection(
    name: string,
    section: SettingsSection,
    rule: SectionRule,
    path: readonly string[],
  ): void {
    if (this.#problems.isFull) return;
    const sentence = keyRuleOf(rule, name)
      ? `${quoted(name)} is a key: write ${name} = ...`
      : `there is no section ${quoted(name)} here${suggestion(name, rule, 'sections')}`;
    this.#report(this.#problems, 'unknown-section', sentence, path, section.at);
  }

  #report(
    list: ProblemList,
    code: ConfigProblemCode,
    sentence: string,
    path: readonly string[],
    position: SourcePosition,
  ): void {
    list.add({ code, path: path.join('.'), position, sentence });
  }
}

/** What becomes of a value: the default is always fine, exceptions go before the rule. */
function verdictOn(rule: KeyRule, normal: string): { status: KeyStatus; because?: string } {
  const same = (text: string): boolean => normalValue(rule.kind, text, rule.choices) === normal;
  const exception = rule.except?.find(({ values }) => values.some(same));
  if (exception) return exception;
  if (rule.default !== undefined && same(rule.default)) return { status: 'supported' };
  return rule;
}

function formOf(rule: KeyRule): string {
  return rule.choices ? alternatives(rule.choices) : VALUE_FORMS[rule.kind];
}

function isEmpty(section: SettingsSection): boolean {
  return section.values.size === 0 && section.sections.size === 0;
}

function suggestion(name: string, rule: SectionRule, first: 'keys' | 'sections'): string {
  const nearest = nearestName(name, namesIn(rule, first));
  return nearest === undefined ? '' : `; did you mean ${quoted(nearest)}?`;
}
