import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import type { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses } from './lab/lab.ts';
import { expectLossless, figuresOf } from './lab/lossless.ts';
import { startInside, startNumberedPackets } from './lab/numbered-packets.ts';
import type { StrongSwan } from './lab/strongswan.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'reauthentications with strongSwan in both roles',
);

const leastPerSecond = 2_000;
const reauthentications = 20;
const overlapping = 'make_before_break = yes';
const settings = {
  ourSettings: overlapping,
  // An answer that comes before it has filed the IKE SA it asked for is lost on strongSwan, and asked for again.
  // What an initiator began and gave up, it shows for as long as it waits for IKE_AUTH.
  swanSettings: `${overlapping}\n  retransmit_timeout = 0.3\n  half_open_timeout = 5`,
};

/** Has strongSwan, the client, reauthenticate over and over: the next one begins when the last one is over. */
async function reauthenticateOften(swan: StrongSwan | undefined): Promise<void> {
  for (let round = 0; round < reauthentications; round += 1) {
    const id = await swan?.settled();
    await swan?.swanctl('--rekey', '--ike-id', `${id}`, '--reauth');
    await pause(200);
  }
  await swan?.settled();
}

/** Has our client do so. */
async function askOften(client: IpsecKit | undefined, swan?: StrongSwan): Promise<void> {
  for (let round = 0; round < reauthentications; round += 1) {
    await client?.ask({ action: 'reauth' });
    await swan?.settled();
    await pause(200);
  }
}

describe.skipIf(gate.skip)(
  '20 reauthentications, make before break, 2,000 numbered packets a second each way',
  () => {
    it('ours as client, with strongSwan 5.9.8: begun by us, lose, double and reorder none (RFC 7296 §2.8.3)', ({
      task,
    }) =>
      withTunnel(
        'client',
        {},
        async ({ lab, swan, client }) => {
          const packets = await startInside(lab, 1.25 * leastPerSecond);
          await askOften(client, swan);
          const result = await packets.stop();
          task.meta.figures = figuresOf(result);
          // Each is a whole IKE SA to the peer.
          expect(await swan?.counter('ike-auth-in-req')).toBe(1 + reauthentications);
          expect(await lab.left.run('ip', 'address')).toContain('10.88.0.1');
          expectLossless(result, leastPerSecond);
        },
        settings,
      ));

    it('ours as server, with strongSwan 5.9.8: begun by the peer, lose, double and reorder none (RFC 7296 §2.8.3)', ({
      task,
    }) =>
      withTunnel(
        'server',
        {},
        async ({ lab, swan, server }) => {
          const packets = await startInside(lab, 1.25 * leastPerSecond);
          await reauthenticateOften(swan);
          const result = await packets.stop();
          task.meta.figures = figuresOf(result);
          expect(await swan?.counter('ike-auth-in-resp')).toBe(1 + reauthentications);
          expect(server?.process.output).not.toMatch(/Child SA net.* closed/);
          expectLossless(result, leastPerSecond);
        },
        settings,
      ));

    it('ours as both: lose, double and reorder none (RFC 7296 §2.8.3)', ({ task }) =>
      withTunnel(
        'both',
        {},
        async ({ lab, client, server }) => {
          const packets = await startInside(lab, 1.25 * leastPerSecond);
          await askOften(client);
          const result = await packets.stop();
          task.meta.figures = figuresOf(result);
          const told = server?.process.output.match(/session reauthenticated by the peer/g);
          expect(told).toHaveLength(reauthentications);
          expectLossless(result, leastPerSecond);
        },
        settings,
      ));

    it('ours as client, with strongSwan 5.9.8: begun by both at once, lose none, and leave one IKE SA (RFC 7296 §2.8.1, §2.8.3)', ({
      task,
    }) =>
      withTunnel(
        'client',
        { pool: false },
        async ({ lab, swan, client }) => {
          const left = { host: lab.left, address: addresses.left.inner4 };
          const right = { host: lab.right, address: addresses.right.inner4 };
          for (const { host } of [left, right])
            await host.run('ip', 'link', 'set', 'ipsec0', 'txqueuelen', '10000');
          const packets = await startNumberedPackets(left, right, 1.25 * leastPerSecond);
          for (let round = 0; round < reauthentications / 2; round += 1) {
            const id = await swan?.settled();
            const theirs = swan?.swanctl('--rekey', '--ike-id', `${id}`, '--reauth');
            await pause(round * 3);
            // Ours may have been so quick that theirs has nothing left to do it with.
            await Promise.all([client?.ask({ action: 'reauth' }), theirs?.catch(() => undefined)]);
            await pause(200);
          }
          const result = await packets.stop();
          task.meta.figures = figuresOf(result);
          await expect.poll(() => swan?.listSas(), { timeout: 20_000 }).not.toMatch(/CONNECTING/);
          await swan?.settled();
          expectLossless(result, leastPerSecond);
        },
        settings,
      ));

    it('strongSwan 5.9.8 with strongSwan 5.9.8, for comparison: every packet is accounted for', ({
      task,
    }) =>
      withTunnel(
        'none',
        {},
        async ({ lab, swan }) => {
          const packets = await startInside(lab, 1.25 * leastPerSecond);
          await reauthenticateOften(swan);
          const result = await packets.stop();
          task.meta.figures = figuresOf(result);
          for (const { sent, received, missing, receiverDrops } of [result.up, result.down]) {
            const never = missing.reduce((sum, { first, last }) => sum + last - first + 1, 0);
            expect(received + never).toBe(sent);
            expect(receiverDrops).toBe(0);
          }
        },
        settings,
      ));
  },
);
