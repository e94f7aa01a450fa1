import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import type { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, type Lab } from './lab/lab.ts';
import { expectLossless, figuresOf } from './lab/lossless.ts';
import { type NumberedPackets, startInside, startNumberedPackets } from './lab/numbered-packets.ts';
import { standingSessions } from './lab/standing-sessions.ts';
import type { StrongSwan } from './lab/strongswan.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'reauthentications, break before make, with strongSwan in both roles',
);

const rounds = 4;
/** An IKE SA is deleted and another opened; the rest is what a busy machine may add. */
const mostOutageMs = 2_500;
const halfOpen = 'half_open_timeout = 5\n  retransmit_timeout = 0.3';

function numbered(lab: Lab): Promise<NumberedPackets> {
  const left = { host: lab.left, address: addresses.left.inner4 };
  const right = { host: lab.right, address: addresses.right.inner4 };
  return startNumberedPackets(left, right, 500);
}

async function reauthenticate(swan: StrongSwan | undefined): Promise<void> {
  const id = await swan?.settled();
  // Ours may have been so quick that theirs has nothing left to do it with.
  await swan?.swanctl('--rekey', '--ike-id', `${id}`, '--reauth').catch(() => undefined);
}

/** One IKE SA with one Child SA at both ends, that carries packets both ways. */
async function expectOne(lab: Lab, swan: StrongSwan | undefined, own: IpsecKit): Promise<void> {
  await swan?.settled();
  await expect
    .poll(() => standingSessions(own), { timeout: 20_000 })
    .toMatchObject([{ state: 'open', children: [{ name: 'net' }] }]);
  await lab.left.ping(addresses.right.inner4, { source: addresses.left.inner4 });
  await lab.right.ping(addresses.left.inner4, { source: addresses.right.inner4 });
}

describe.skipIf(gate.skip)(
  'reauthentications of a strongSwan 5.9.8 that breaks before it makes, which is its default (RFC 7296 §2.8.3)',
  () => {
    for (const ours of ['client', 'server'] as const) {
      for (const makeBeforeBreak of ['no', 'yes'] as const) {
        for (const begunBy of ['the peer', 'both at once'] as const) {
          it(`ours as ${ours}, make_before_break = ${makeBeforeBreak}: begun by ${begunBy}, the session comes back, and is one`, ({
            task,
          }) =>
            withTunnel(
              ours,
              { pool: false },
              async ({ lab, swan, client, server }) => {
                const own = client ?? server;
                if (!own) throw new Error('none is ours');
                const packets = await numbered(lab);
                for (let round = 0; round < rounds; round += 1) {
                  await swan?.settled();
                  const asked =
                    begunBy === 'the peer'
                      ? undefined
                      : pause(round * 4).then(() =>
                          own.ask({ action: 'reauth' }).catch(() => undefined),
                        );
                  await Promise.all([reauthenticate(swan), asked]);
                  await pause(300);
                }
                await expectOne(lab, swan, own);
                const result = await packets.stop();
                task.meta.figures = `${figuresOf(result)}; longest outage up ${Math.round(result.up.longestOutageMs)} ms, down ${Math.round(result.down.longestOutageMs)} ms`;
                expect(own.process.exitCode).toBeUndefined();
                expect(result.up.longestOutageMs).toBeLessThan(mostOutageMs);
                expect(result.down.longestOutageMs).toBeLessThan(mostOutageMs);
              },
              {
                ourSettings: `make_before_break = ${makeBeforeBreak}`,
                swanSettings: `make_before_break = no\n  ${halfOpen}`,
              },
            ));
        }
      }
    }

    it('ours as client: ends with exit code 7 when the peer has deleted the IKE SA and opens none within 10 s', () =>
      withTunnel('client', { pool: false }, async ({ swan, client }) => {
        const from = performance.now();
        await swan?.swanctl('--terminate', '--ike', 'rw');
        await client?.process.waitFor(/session interrupted, the peer has 10 s to open it again/);
        expect(await client?.process.exited).toBe(7);
        expect(performance.now() - from).toBeGreaterThan(9_900);
      }));
  },
);

describe.skipIf(gate.skip)('AUTH_LIFETIME with strongSwan 5.9.8 (RFC 4478 §2)', () => {
  const limited = 'reauth_time = 14s\n    rand_time = 0s\n    over_time = 20s';
  const settings = {
    ourSettings: 'make_before_break = yes',
    swanSettings: 'make_before_break = yes\n  retransmit_timeout = 0.3',
  };

  it('ours as client: reauthenticates in the time that the peer gives, and loses nothing', ({
    task,
  }) =>
    withTunnel(
      'client',
      { serverExtra: limited },
      async ({ lab, client }) => {
        const packets = await startInside(lab, 500);
        await client?.process.waitForCount(/session reauthenticated by us/g, 2, 40_000);
        await pause(500);
        const result = await packets.stop();
        task.meta.figures = figuresOf(result);
        expect(client?.process.output).not.toMatch(/Child SA net.* closed/);
        expectLossless(result, 400);
      },
      settings,
    ));

  it('ours as server: says how long it lets the authentication count, and the peer comes in time', ({
    task,
  }) =>
    withTunnel(
      'server',
      { serverExtra: limited },
      async ({ lab, swan, server }) => {
        const packets = await startInside(lab, 500);
        await server?.process.waitForCount(/session reauthenticated by the peer/g, 2, 60_000);
        await pause(500);
        const result = await packets.stop();
        task.meta.figures = figuresOf(result);
        expect(await swan?.log()).toMatch(/received AUTH_LIFETIME of 14s/);
        expect(server?.process.output).not.toMatch(/Child SA net.* closed/);
        expectLossless(result, 400);
      },
      settings,
    ));
});
