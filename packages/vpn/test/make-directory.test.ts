import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectory } from '../src/make-directory.ts';

describe('a directory that is made', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-directory-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is for its owner alone, with all above it, and may be there already', () => {
    for (const _ of [1, 2]) makeDirectory(join(dir, 'a/b'));
    for (const one of ['a', 'a/b']) expect(statSync(join(dir, one)).mode & 0o777).toBe(0o700);
  });

  it.runIf(process.platform === 'linux')('ends where nothing can be made', () => {
    expect(() => makeDirectory('/proc/ipsec-kit/keys')).toThrow('ENOENT');
  });

  it('is no file, not below one, and no link that leads nowhere', () => {
    writeFileSync(join(dir, 'file'), '');
    symlinkSync(join(dir, 'nowhere'), join(dir, 'link'));
    expect(() => makeDirectory(join(dir, 'file'))).toThrow('EEXIST');
    expect(() => makeDirectory(join(dir, 'file/x'))).toThrow('ENOTDIR');
    expect(() => makeDirectory(join(dir, 'link'))).toThrow('ENOENT');
  });
});
