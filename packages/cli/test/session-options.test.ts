import type { SessionAction } from '@ipsec-kit/vpn';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../src/command-line.ts';
import { ExitCode } from '../src/exit-codes.ts';
import type { SessionArguments } from '../src/session-options.ts';

interface Run {
  readonly code: number;
  readonly asked: readonly [SessionAction, SessionArguments][];
}

async function run(...argv: string[]): Promise<Run> {
  const asked: [SessionAction, SessionArguments][] = [];
  const refused = (): Promise<number> => Promise.reject(new Error('another command ran'));
  const code = await runCommandLine(
    argv,
    {
      connect: refused,
      serve: refused,
      status: refused,
      monitor: refused,
      disconnect: refused,
      doctor: refused,
      pki: refused,
      profile: refused,
      revalidate: refused,
      async session(action, args) {
        asked.push([action, args]);
        return ExitCode.ok;
      },
    },
    '0.0.0',
  );
  return { code, asked };
}

let complaint = '';
beforeEach(() => {
  complaint = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    complaint += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

const CONTROL = ['--control', '/run/x.sock'];

describe('--help', () => {
  it.each([
    'connect',
    'serve',
    'status',
    'monitor',
    'disconnect',
    'rekey',
    'reauth',
    'initiate',
    'terminate',
    'move',
  ])('of %s names its options and every exit code', async (command) => {
    let text = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((part) => {
      text += String(part);
      return true;
    });
    const { code, asked } = await run(command, '--help');
    expect([code, asked]).toEqual([ExitCode.ok, []]);
    expect(text).toMatch(/--control <path>/);
    for (const known of Object.values(ExitCode))
      expect(text).toMatch(new RegExp(`\\b${known} [a-z]`));
  });
});

describe('the commands that act on sessions', () => {
  it.each([
    [['rekey', ...CONTROL], {}],
    [['rekey', ...CONTROL, '--ike'], { ike: true }],
    [['rekey', ...CONTROL, '--ike', 'home'], { ike: 'home' }],
    [['rekey', ...CONTROL, '--child', 'net'], { child: 'net' }],
    [['rekey', ...CONTROL, '--ike', 'home', '--child', 'net'], { ike: 'home', child: 'net' }],
    [['reauth', ...CONTROL, '--peer', 'anna', '--timeout', '5'], { peer: 'anna', timeout: 5 }],
    [['initiate', ...CONTROL, '--child', 'net'], { child: 'net' }],
    [['terminate', ...CONTROL, '--session', '1000001'], { session: 1_000_001 }],
  ])('%j', async (argv, expected) => {
    const { code, asked } = await run(...argv);
    expect(code).toBe(ExitCode.ok);
    expect(asked).toEqual([[argv[0], { control: '/run/x.sock', ...expected }]]);
  });

  it.each([
    [['initiate', ...CONTROL], /--child/],
    [['terminate', ...CONTROL], /say what to close: --child NAME, --ike, --session ID or --peer/],
    [['rekey', ...CONTROL, '--ike', '--child', 'net'], /exclude each other/],
    [['reauth', ...CONTROL, '--child', 'net'], /--child/],
    [['rekey', ...CONTROL, '--session', 'one'], /Expected a whole number/],
    [['rekey', ...CONTROL, '--timeout', '0'], /Expected 1 to 600 seconds/],
    [['rekey', ...CONTROL, '--child', 'web', 'extra'], /too many arguments for 'rekey'/],
    [['reauth', ...CONTROL, 'extra'], /too many arguments for 'reauth'/],
    [['initiate', ...CONTROL, '--child', 'net', 'x'], /too many arguments for 'initiate'/],
    [['terminate', ...CONTROL, '--ike', 'home', 'x'], /too many arguments for 'terminate'/],
    [['status', ...CONTROL, 'extra'], /too many arguments for 'status'/],
    [['disconnect', ...CONTROL, 'extra'], /too many arguments for 'disconnect'/],
    [['connect', '--config', 'x', 'extra'], /too many arguments for 'connect'/],
    [['serve', '--config', 'x', 'extra'], /too many arguments for 'serve'/],
  ])('%j is refused with the reason', async (argv, reason) => {
    const { code, asked } = await run(...argv);
    expect(code).toBe(ExitCode.usage);
    expect(asked).toEqual([]);
    expect(complaint).toMatch(reason);
  });
});

describe('move', () => {
  it('takes a connection and an address of this host', async () => {
    const { asked } = await run('move', ...CONTROL, '--connection', 'home', '--local', '10.0.0.9');
    expect(asked).toMatchObject([['move', { connection: 'home', local: '10.0.0.9' }]]);
  });
});
