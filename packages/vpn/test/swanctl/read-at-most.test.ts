import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeFiles } from '../../src/swanctl/node-files.ts';
import { readAtMost } from '../../src/swanctl/read-at-most.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-read-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('reading files of a bounded size', () => {
  it('takes what is as long as the limit, over several chunks, and nothing longer', () => {
    const path = join(dir, 'file');
    const bytes = Uint8Array.from({ length: 150_000 }, (_, index) => index % 251);
    writeFileSync(path, bytes);
    expect(readAtMost(path, 150_000)).toEqual(bytes);
    expect(readAtMost(path, 149_999)).toBeUndefined();
    writeFileSync(path, '');
    expect(readAtMost(path, 0)).toEqual(new Uint8Array(0));
  });

  it('ends at a device that has no end, and whose size says nothing', () => {
    expect(readAtMost('/dev/zero', 1_000)).toBeUndefined();
    expect(nodeFiles.readBytes?.('/dev/zero')).toEqual({
      ok: false,
      reason: 'it is larger than 4194304 bytes',
    });
    expect(readAtMost('/dev/null', 1_000)).toEqual(new Uint8Array(0));
  });

  it('throws what the system says of a file that is not there, or is none', () => {
    expect(() => readAtMost(join(dir, 'nowhere'), 10)).toThrow(/ENOENT/);
    expect(() => readAtMost(dir, 1_000_000)).toThrow(/EISDIR/);
  });

  it('says of a configuration in UTF-16 what to do, before any of its lines', () => {
    const path = join(dir, 'x.conf');
    for (const text of ['a = 1\n', '']) {
      writeFileSync(path, `\uFEFF${text}`, 'utf16le');
      const reason = 'it is UTF-16: save it as UTF-8';
      expect(nodeFiles.read(path)).toEqual({ ok: false, reason });
      writeFileSync(path, `\uFEFF${text}`, 'utf8');
      expect(nodeFiles.read(path)).toEqual({ ok: true, text: `\uFEFF${text}` });
    }
  });
});
