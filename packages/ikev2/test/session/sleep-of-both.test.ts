import { addMs } from '@ipsec-kit/clock';
import { describe, expect, it } from 'vitest';
import { child, type Host, Pair, type PairOptions } from '../pair.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A site that wants its session for ever, with a peer that leaves that to it. */
const SITE = {
  makeBeforeBreak: true,
  dpdAction: 'start',
  closeAction: 'start',
  dpdDelayMs: 30_000,
  dpdTimeoutMs: 20_000,
  rekeyMs: 3 * HOUR_MS,
  reauthMs: 4 * HOUR_MS,
  overMs: HOUR_MS / 4,
  keyingTries: 0,
  children: [child({ rekeyMs: HOUR_MS, hardLifetimeMs: HOUR_MS * 1.1 })],
} as const;
const OPTIONS: PairOptions = {
  client: SITE,
  server: { ...SITE, unique: 'no' },
  clientSettings: { keepAliveForced: true, keepaliveDpdMarginMs: 20_000 },
};

const SLEEPS = [
  ['of minutes', 5 * MINUTE_MS],
  ['past the soft lifetime of the child', 1.05 * HOUR_MS],
  ['past its hard lifetime', 2 * HOUR_MS],
  ['past the soft lifetime of the IKE SA', 3.05 * HOUR_MS],
  ['past its end, and past its reauthentication', 4.6 * HOUR_MS],
  ['of three days', 72 * HOUR_MS],
] as const;

/** In the middle of what the two fall asleep: drives a pair there. */
const MOMENTS: readonly (readonly [string, (pair: Pair) => void])[] = [
  ['IKE_SA_INIT', (pair) => pair.initiate()],
  [
    'IKE_AUTH',
    (pair) => {
      pair.initiate();
      pair.drive(25);
    },
  ],
  ['peace', (pair) => pair.open().drive(20 * MINUTE_MS)],
  ['a liveness check', asking({ kind: 'check-liveness', sessionId: 1 })],
  ['a rekey of the child', asking({ kind: 'rekey-child', sessionId: 1, childId: 1 })],
  ['a rekey of the IKE SA', asking({ kind: 'rekey-ike', sessionId: 1 })],
  [
    'a rekey of the IKE SA that is half done',
    (pair) => {
      asking({ kind: 'rekey-ike', sessionId: 1 })(pair);
      pair.drive(25);
    },
  ],
  ['the IKE_SA_INIT of a reauthentication', asking({ kind: 'reauthenticate', sessionId: 1 })],
  [
    'the IKE_AUTH of a reauthentication',
    (pair) => {
      asking({ kind: 'reauthenticate', sessionId: 1 })(pair);
      pair.drive(25);
    },
  ],
  [
    'the pause after a reauthentication that failed',
    (pair) => {
      const { wire } = pair;
      pair.open().drive(MINUTE_MS);
      pair.wire = (flight) =>
        flight.data.subarray(8, 16).every((byte) => byte === 0) ? [] : [{ flight }];
      pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
      while (pair.client.seen('reauthentication-failed').length === 0) pair.drive(1_000);
      pair.wire = wire;
    },
  ],
  [
    'the pause before it is opened anew',
    (pair) => {
      const { wire } = pair;
      pair.open().drive(MINUTE_MS);
      pair.wire = () => [];
      while (pair.client.seen('session-interrupted').length < 1) pair.drive(1_000);
      pair.wire = wire;
    },
  ],
];

function asking(command: Parameters<Host['command']>[0]): (pair: Pair) => void {
  return (pair) => {
    pair.open().drive(10 * MINUTE_MS);
    pair.client.command(command);
  };
}

/** Runs what is due on a host at once, as its driver does on waking, and counts the calls that it takes. */
function wake(pair: Pair, host: Host): number {
  let calls = 0;
  while (calls < 50) {
    const next = host.machine.nextDeadline();
    if (!next || next.at > pair.now) return calls;
    host.handle({ kind: 'timeout', now: pair.now });
    calls += 1;
  }
  return calls;
}

function expectOneSession(pair: Pair, what: unknown): void {
  const sizes = [pair.client.children.size, pair.server.children.size];
  expect([what, sizes]).toEqual([what, [1, 1]]);
  const [client] = pair.client.children.values();
  const [server] = pair.server.children.values();
  expect(client?.inboundSpi).toBe(server?.outboundSpi);
  expect(client?.outboundSpi).toBe(server?.inboundSpi);
}

for (const [who, sleepers] of [
  ['both ends', ['client', 'server']],
  ['the client', ['client']],
  ['the server', ['server']],
] as const) {
  describe(`a sleep of ${who}`, () => {
    for (const [doing, begin] of MOMENTS) {
      it(`during ${doing}: each deadline runs once, few messages leave, and the session is back without help`, () => {
        for (const [name, ms] of SLEEPS) {
          const pair = new Pair({ ...OPTIONS, seed: `${who}/${doing}/${name}` });
          begin(pair);
          if (sleepers.length === 2) pair.sleep(ms);
          else pair.sleepOf(sleepers[0], ms);
          const before = pair.flights.length;
          for (const sleeper of sleepers) expect(wake(pair, pair[sleeper])).toBeLessThan(3);
          expect(pair.flights.length - before).toBeLessThan(8);
          const calls = countingCalls(pair, () => pair.drive(20 * MINUTE_MS));
          expect(calls).toBeLessThan(400);
          expectOneSession(pair, name);
          const closed = [pair.client, pair.server].flatMap((host) => host.seen('session-closed'));
          expect(closed.filter(({ failure }) => failure.code === 'internal')).toEqual([]);
        }
      });
    }
  });
}

describe('a clock that jumps backwards', () => {
  it('lets every deadline wait for its time, and none runs in a circle', () => {
    const pair = new Pair(OPTIONS).open();
    pair.drive(10 * MINUTE_MS);
    for (const backMs of [1, 1_000, 9 * MINUTE_MS]) {
      const now = addMs(pair.now, -backMs);
      for (const host of [pair.client, pair.server]) {
        expect(host.handle({ kind: 'timeout', now })).toEqual([]);
        const next = host.machine.nextDeadline();
        expect(next && next.at > now).toBe(true);
      }
    }
    pair.now = addMs(pair.now, -9 * MINUTE_MS);
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    expect(countingCalls(pair, () => pair.drive(20 * MINUTE_MS))).toBeLessThan(400);
    expectOneSession(pair, 'backwards');
  });
});

/** Timeouts of both machines that `run` brings. */
function countingCalls(pair: Pair, run: () => void): number {
  let calls = 0;
  for (const host of [pair.client, pair.server]) {
    const { handle } = host;
    host.handle = (input) => {
      if (input.kind === 'timeout') calls += 1;
      return handle.call(host, input);
    };
  }
  run();
  return calls;
}
