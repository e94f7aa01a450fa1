import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { loadPosix } from '../src/index.ts';
import type { Koffi } from '../src/libc.ts';
import { load } from '../src/load-posix.ts';

const realKoffi = (): Koffi => createRequire(import.meta.url)('koffi');
const unused = (): Koffi => {
  throw new Error('koffi was loaded although it is of no use here');
};

describe('loadPosix', () => {
  it('gives the same answer twice', () => {
    expect(loadPosix()).toBe(loadPosix());
  });

  it('says that this is not Linux, without loading anything', () => {
    expect(load('darwin', 'arm64', unused)).toEqual({
      ok: false,
      reason: expect.stringContaining('this is darwin'),
    });
  });

  it('says that the processor is not known', () => {
    expect(load('linux', 's390x', unused)).toEqual({
      ok: false,
      reason: expect.stringContaining('s390x'),
    });
  });

  it('says in one line that koffi is missing', () => {
    const loaded = load('linux', 'x64', () => {
      throw new Error("Cannot find module 'koffi'\nRequire stack:\n- /somewhere");
    });
    expect(loaded).toEqual({
      ok: false,
      reason: expect.stringMatching(/^the package koffi.*Cannot find module 'koffi'\)$/),
    });
  });

  it('refuses a machine where a structure lies differently', () => {
    const odd = (): Koffi => ({ ...realKoffi(), sizeof: () => 12 });
    expect(load('linux', 'x64', odd)).toEqual({
      ok: false,
      reason: 'struct pollfd has 12 bytes on this machine, expected 8',
    });
  });
});
