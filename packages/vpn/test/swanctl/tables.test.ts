import { describe, expect, it } from 'vitest';
import { loadSwanctl } from '../../src/swanctl/index.ts';
import type { SectionRule } from '../../src/swanctl/schema.ts';
import { normalValue } from '../../src/swanctl/setting-values.ts';
import {
  ownConnectionKeys,
  ownLocalKeys,
  ownRemoteKeys,
} from '../../src/swanctl/tables/own-keys.ts';
import { settingsRoot } from '../../src/swanctl/tables/settings-sections.ts';
import { swanctlRoot } from '../../src/swanctl/tables/swanctl-sections.ts';
import { memoryFiles } from './memory-files.ts';

function everySection(rule: SectionRule): SectionRule[] {
  return [rule, ...(rule.sections ?? []).flatMap((one) => everySection(one.rule))];
}

const sections = [...everySection(swanctlRoot), ...everySection(settingsRoot)];
const rules = sections.flatMap(({ path, keys, keyPatterns = [] }) => [
  ...Object.entries(keys).map(([key, rule]) => ({ name: `${path}.${key}`, rule })),
  ...keyPatterns.map(({ label, rule }) => ({ name: `${path}.${label}`, rule })),
]);

/** Every key of a section with its default, for the sections inside too. */
function withDefaults(rule: SectionRule, only: RegExp): string {
  const keys = Object.entries(rule.keys)
    .filter(([, one]) => one.default !== undefined)
    .map(([key, one]) => `${key} = ${one.default}\n`);
  const inner = (rule.sections ?? [])
    .filter(({ rule: one }) => only.test(one.path) && one.status === undefined && !one.opaque)
    .map(({ match, name, rule: one }) => {
      const extra = /\.(local|remote)<suffix>$/.test(one.path) ? 'auth = psk\n' : '';
      return `${match === 'any' ? 'x' : name} {\n${extra}${withDefaults(one, only)}}\n`;
    });
  return [...keys, ...inner].join('');
}

describe('the tables of keys', () => {
  it('give a reason for everything that does not work', () => {
    const silent = rules.filter(({ rule }) => rule.status !== 'supported' && !rule.because);
    expect(silent.map(({ name }) => name)).toEqual([]);
    const silentSections = sections.filter(({ status, because }) => status && !because);
    expect(silentSections.map(({ path }) => path)).toEqual([]);
  });

  it('have defaults and exceptions that their own keys accept', () => {
    const values = rules.flatMap(({ name, rule }) =>
      [rule.default, ...(rule.except ?? []).flatMap((one) => one.values)].flatMap((value) =>
        value !== undefined && normalValue(rule.kind, value, rule.choices) === undefined
          ? [`${name} = ${value}`]
          : [],
      ),
    );
    expect(values).toEqual([]);
  });

  it('know all keys of swanctl.conf 5.9.8', () => {
    const count = (path: string): number =>
      Object.keys(sections.find((one) => one.path === path)?.keys ?? {}).length;
    const own = Object.keys(ownConnectionKeys);
    expect(count('connections.<conn>')).toBe(32 + own.length);
    expect(count('connections.<conn>.local<suffix>')).toBe(8 + Object.keys(ownLocalKeys).length);
    expect(count('connections.<conn>.remote<suffix>')).toBe(11 + Object.keys(ownRemoteKeys).length);
    expect(count('connections.<conn>.children.<child>')).toBe(42);
    expect(count('authorities.<name>')).toBe(8);
    expect(count('pools.<name>')).toBe(9);
    expect(count('charon')).toBeGreaterThan(80);
  });

  it('never complain about a default', () => {
    // Certificates are not in memory.
    const connections = withDefaults(swanctlRoot, /^connections/).replaceAll('= pubkey', '= psk');
    const config = `${connections}secrets { ike { secret = x\n } }`;
    const settings = withDefaults(settingsRoot, /^charon$/);
    const files = memoryFiles({ '/c.conf': config, '/s.conf': settings });
    const result = loadSwanctl({ configFile: '/c.conf', settingsFile: '/s.conf', files });
    expect(config).toContain('start_action = none');
    expect(settings).toContain('dos_protection = yes');
    expect(result.ok ? [] : result.errors.map(({ message }) => message)).toEqual([]);
    expect(result.warnings).toEqual([]);
  });
});
