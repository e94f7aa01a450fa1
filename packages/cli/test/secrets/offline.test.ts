import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSwanctl } from '@ipsec-kit/vpn/swanctl';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allCommands, captured } from './captured-command.ts';
import { LIVE_COMMANDS, offlineRows } from './offline-rows.ts';
import { secretsIn } from './secret-search.ts';
import { createSecretWorld, type SecretWorld, secretKeys } from './secret-world.ts';

/** Options that have to do with secrets; one that is new has to be in a row below. */
const ABOUT_SECRETS = /password|secret|encrypt|keylog|pin|ppk|passphrase/;

let world: SecretWorld;
let rows: ReturnType<typeof offlineRows>;
let given: ReadonlySet<string>;
beforeAll(() => {
  world = createSecretWorld(mkdtempSync(join(tmpdir(), 'ipsec-kit-secrets-')));
  rows = offlineRows(world);
  given = new Set(filesIn(world.dir));
});
afterAll(() => rmSync(world.dir, { recursive: true, force: true }));

function filesIn(dir: string): readonly string[] {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true });
  return entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
}

describe('no secret is in what the command prints or leaves behind', () => {
  it('whichever command there is: each has rows, and so has each option about secrets', async () => {
    const commands = await allCommands();
    const names = commands.map(({ name }) => name);
    expect(names.toSorted()).toEqual([...Object.keys(rows), ...LIVE_COMMANDS].toSorted());
    for (const { name, options } of commands) {
      const used = new Set(rows[name]?.flat());
      for (const option of options.filter((one) => ABOUT_SECRETS.test(one))) {
        if (rows[name]) expect([...used], `${name} ${option}`).toContain(option);
      }
    }
  });

  it('whatever secret a configuration can hold', () => {
    const sections = secretKeys().map(({ section, key }) => `${section}.${key}`);
    for (const one of ['ike', 'eap', 'ppk', 'pkcs12']) {
      expect(sections).toContain(`secrets.${one}<suffix>.secret`);
    }
    const kinds = new Set(world.secrets.map(({ kind }) => kind));
    for (const one of sections) expect(kinds).toContain(one);
  });

  it('when things go well, and at every mistake', async () => {
    const codes = new Map<string, number[]>();
    for (const [name, lines] of Object.entries(rows)) {
      for (const line of lines) {
        const { output, code } = await captured([...name.split(' '), ...line]);
        codes.set(name, [...(codes.get(name) ?? []), code]);
        expect(output, `${name} ${line.join(' ')}`).not.toBe('');
        expect(secretsIn(output, world.secrets), `${name} ${line.join(' ')}\n${output}`).toEqual(
          [],
        );
        expect(output).not.toMatch(/\n\s+at .*:\d+:\d+|\[object Object\]|undefined/);
      }
    }
    // The rows are about what they say: something of each command goes well, and something does not.
    for (const name of ['pki ca', 'pki client', 'pki crl', 'profile export', 'profile import']) {
      expect(codes.get(name), name).toContain(0);
      expect(
        codes.get(name)?.some((code) => code !== 0),
        name,
      ).toBe(true);
    }
    for (const path of filesIn(world.dir)) {
      if (given.has(path)) continue;
      const isHere = secretsIn(readFileSync(path, 'latin1'), world.secrets).length > 0;
      if (isHere) expect(statSync(path).mode & 0o077, path).toBe(0);
    }
  }, 60_000);

  it('in the messages about a configuration that is damaged anywhere', () => {
    const text = readFileSync(world.config, 'utf8');
    const from = text.indexOf('secrets {');
    const files = (content: string) => ({
      read: (path: string) =>
        path === 'x.conf'
          ? ({ ok: true, text: content } as const)
          : ({ ok: false, reason: 'there is no such file' } as const),
      match: () => [],
    });
    fc.assert(
      fc.property(
        fc.integer({ min: from, max: text.length - 1 }),
        fc.nat(12),
        fc.constantFrom('', '{', '}', '"', '=', '\n', ' ', '#', ':', ',', '\\', '\n}\n'),
        (at, cut, patch) => {
          const damaged = text.slice(0, at) + patch + text.slice(at + cut);
          const loaded = loadSwanctl({ configFile: 'x.conf', files: files(damaged) });
          const words = [
            ...loaded.warnings.map(({ sentence }) => sentence),
            ...(loaded.ok ? [] : loaded.errors.map(({ message }) => message)),
          ];
          expect(secretsIn(words.join('\n'), world.secrets), words.join('\n')).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);
});
