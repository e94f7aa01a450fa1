import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../src/run-command.ts';

/** The process group in the text of /proc/PID/stat, after the name in parentheses. */
const groupOf = (stat: string): string | undefined => stat.split(') ')[1]?.split(' ')[2];

describe('running a program', () => {
  it('gives what it printed, and hands it its input', async () => {
    expect(await runCommand('cat', [], 'two\nlines')).toBe('two\nlines');
  });

  it('keeps it out of reach of Ctrl-C, which would kill the commands of the clean-up', async () => {
    const stat = await runCommand('cat', ['/proc/self/stat']);
    expect(groupOf(stat)).toBe(stat.split(' ')[0]);
    expect(groupOf(stat)).not.toBe(groupOf(readFileSync('/proc/self/stat', 'utf8')));
  });

  it('runs it again when Ctrl-C was faster, once', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'run-command-')), 'ran');
    const script = `test -e ${file} && echo done && exit; touch ${file}; kill -INT $$`;
    expect(await runCommand('sh', ['-c', script])).toBe('done\n');
    await expect(runCommand('sh', ['-c', 'kill -INT $$'])).rejects.toThrow('ended by SIGINT');
  });

  it('says why it failed: its own words, its exit code, or the signal that ended it', async () => {
    await expect(runCommand('sh', ['-c', 'echo no such luck >&2; exit 3'])).rejects.toThrow(
      'failed: no such luck',
    );
    await expect(runCommand('sh', ['-c', 'exit 3'])).rejects.toThrow('failed: exit code 3');
    await expect(runCommand('sh', ['-c', 'kill -TERM $$'])).rejects.toThrow('SIGTERM');
    await expect(runCommand('no-such-program', [])).rejects.toThrow('`no-such-program` is missing');
  });
});
