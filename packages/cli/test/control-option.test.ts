import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addControlOption } from '../src/control-option.ts';

let directory = '';
let servers: Server[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipsec-kit-control-'));
});
afterEach(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  servers = [];
  rmSync(directory, { recursive: true, force: true });
});

async function listenOn(name: string): Promise<string> {
  const path = join(directory, name);
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

/** @returns the control socket that is asked, or what is said instead. */
async function controlOf(...argv: readonly string[]): Promise<string> {
  let asked = '';
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addControlOption(program.command('status'), directory).action(
    (options: { readonly control: string }) => {
      asked = options.control;
    },
  );
  try {
    await program.parseAsync(['status', ...argv], { from: 'user' });
    return asked;
  } catch (error) {
    if (error instanceof CommanderError) return error.message;
    throw error;
  }
}

describe('--control', () => {
  it('may be left out where one process runs', async () => {
    const path = await listenOn('home.sock');
    writeFileSync(join(directory, 'notes.txt'), 'no socket');
    expect(await controlOf()).toBe(path);
  });

  it('is taken as it is', async () => {
    await listenOn('home.sock');
    expect(await controlOf('--control', '/elsewhere.sock')).toBe('/elsewhere.sock');
  });

  it('has to be said where several run, or none', async () => {
    expect(await controlOf()).toMatch(/no control socket can be seen in .*: say --control PATH/);
    const paths = [await listenOn('home.sock'), await listenOn('office.sock')];
    const said = await controlOf();
    expect(said).toMatch(/several run, say which with --control PATH: /);
    for (const path of paths) expect(said).toContain(path);
  });

  it('is missing where its directory is', async () => {
    rmSync(directory, { recursive: true });
    expect(await controlOf()).toMatch(/no control socket can be seen/);
  });
});
