import { describe, expect, it } from 'vitest';
import {
  parseBoolean,
  parseBytes,
  parseInteger,
  parseNumber,
  parseTimeMs,
} from '../../src/swanctl/setting-values.ts';
import { matchesWildcard } from '../../src/swanctl/settings-files.ts';

describe('values', () => {
  it.each([
    ['yes', true],
    ['TRUE', true],
    ['enabled', true],
    ['1', true],
    ['no', false],
    ['False', false],
    ['disabled', false],
    ['0', false],
    ['00', undefined],
    ['on', undefined],
    ['', undefined],
  ])('reads %j as a boolean', (text, expected) => {
    expect(parseBoolean(text)).toBe(expected);
  });

  it.each([
    ['0', 0],
    ['30', 30_000],
    ['30s', 30_000],
    ['5m', 300_000],
    ['5 M', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1.5h', undefined],
    ['5x', undefined],
    ['-5', undefined],
    ['010', undefined],
    ['1m30s', undefined],
    ['999999999999999d', undefined],
    ['', undefined],
  ])('reads %j as a time', (text, expected) => {
    expect(parseTimeMs(text)).toBe(expected);
  });

  it('reads fractions where they are allowed', () => {
    expect(parseTimeMs('4.0', true)).toBe(4000);
    expect(parseTimeMs('0.25s', true)).toBe(250);
    expect(parseNumber('1.8')).toBe(1.8);
    expect(parseNumber('1e3')).toBeUndefined();
  });

  it.each([
    ['1024', 1024],
    ['1k', 1024],
    ['1 K', 1024],
    ['20m', 20_971_520],
    ['2G', 2_147_483_648],
    ['1t', undefined],
    ['1kb', undefined],
    ['1.5g', undefined],
    ['9999999999999999g', undefined],
  ])('reads %j as bytes', (text, expected) => {
    expect(parseBytes(text)).toBe(expected);
  });

  it.each([
    ['42', 42],
    ['0x10', 16],
    ['0', 0],
    ['010', undefined],
    ['1k', undefined],
    ['+1', undefined],
    ['99999999999999999999', undefined],
  ])('reads %j as a whole number', (text, expected) => {
    expect(parseInteger(text)).toBe(expected);
  });
});

describe('wildcards', () => {
  it.each<[string, string, boolean]>([
    ['a.conf', '*.conf', true],
    ['.a.conf', '*.conf', false],
    ['.a.conf', '.*.conf', true],
    ['a.conf.bak', '*.conf', false],
    ['ab', '?b', true],
    ['b', '?b', false],
    ['x5', 'x[0-9]', true],
    ['xa', 'x[!0-9]', true],
    ['x-', 'x[a-]', true],
    ['x]', 'x[]]', true],
    ['x[', 'x[', true],
    ['abcabd', '*ab?', true],
    ['', '*', true],
  ])('%j and %j', (name, pattern, expected) => {
    expect(matchesWildcard(name, pattern)).toBe(expected);
  });

  it('takes no exponential time', () => {
    expect(matchesWildcard('a'.repeat(5000), `${'a*'.repeat(500)}b`)).toBe(false);
  });
});
