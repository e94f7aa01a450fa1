import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { serverConfiguration, type Tunnel } from './lab/configuration.ts';
import { addresses } from './lab/lab.ts';
import { watchStalls } from './lab/machine-stalls.ts';
import { StrongSwan } from './lab/strongswan.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'dead peers and closed SAs with strongSwan in both roles',
);

/** A question after 1 s of silence, asked again after 0.3 s and 0.54 s, and given up after 0.97 s: 2.8 s. */
const impatient = 'retransmit_timeout = 0.3\nretransmit_base = 1.8\nretransmit_tries = 2';
const promisedMs = 1_000 + 300 + 540 + 972;
/** What starting, noticing and a busy machine may add. */
const slackMs = 1_500;

/** Settings of our side for dead peers or closed SAs. */
function ourExtra(ours: 'client' | 'server', connection: string, child: string): Tunnel {
  return ours === 'client'
    ? { clientExtra: connection, childExtra: child }
    : { serverExtra: connection, serverChildExtra: child };
}

describe.skipIf(gate.skip)('a strongSwan 5.9.8 that is killed (RFC 7296 §2.4)', () => {
  for (const ours of ['client', 'server'] as const) {
    it(`ours as ${ours}: is found dead within 2.8 s with dpd_delay = 1s, and dpd_action = none ends the session`, ({
      task,
    }) =>
      withTunnel(
        ours,
        ourExtra(ours, 'dpd_delay = 1s', ''),
        async ({ swan, client, server }) => {
          const machine = watchStalls();
          const from = Date.now();
          await swan?.kill();
          if (client) expect(await client.process.exited).toBe(8);
          else await server?.process.waitFor(/IKE SA rw closed/);
          const to = Date.now();
          machine.stop();
          const tookMs = to - from;
          const stalledMs = machine.within(from, to);
          task.meta.figures = `found after ${tookMs} ms (of which the machine stood still ${stalledMs} ms)`;
          expect(tookMs - stalledMs).toBeLessThan(promisedMs + slackMs);
          if (server) expect(await server.status()).toMatchObject({ sessions: [] });
        },
        { ourSettings: impatient },
      ));
  }

  it('ours as client: dpd_action = restart opens the session anew when the peer is back, under its virtual address', () =>
    withTunnel(
      'client',
      ourExtra('client', 'dpd_delay = 1s', 'dpd_action = restart'),
      async ({ lab, swan, client }) => {
        await swan?.kill();
        await client?.process.waitFor(/session interrupted, opening it again at once/);
        await StrongSwan.start(lab.right, serverConfiguration());
        await client?.process.waitForCount(/IKE SA home established/g, 2, 30_000);
        await lab.left.ping(addresses.right.inner4);
        expect(await lab.left.run('ip', 'address')).toContain('10.88.0.1');
      },
      { ourSettings: impatient },
    ));

  it('ours as client: dpd_action = trap leaves the child to its traffic, which opens it when the peer is back', () =>
    withTunnel(
      'client',
      { pool: false, ...ourExtra('client', 'dpd_delay = 1s', 'dpd_action = trap') },
      async ({ lab, swan, client }) => {
        await swan?.kill();
        await client?.process.waitFor(/Child SA net closed/);
        const again = await StrongSwan.start(lab.right, serverConfiguration({ pool: false }));
        expect(await again.listSas()).toBe('');
        await lab.left.ping(addresses.right.inner4, { source: addresses.left.inner4 });
        expect(client?.process.output).toMatch(/traffic for net/);
        expect(await again.listSas()).toMatch(/net: .*INSTALLED/);
      },
      { ourSettings: impatient },
    ));
});

describe.skipIf(gate.skip)('what strongSwan 5.9.8 terminates (RFC 7296 §1.4.1)', () => {
  it('ours as client: close_action = trap leaves the Child SA to its traffic, which opens it', () =>
    withTunnel(
      'client',
      { pool: false, childExtra: 'close_action = trap' },
      async ({ lab, swan, client }) => {
        await swan?.swanctl('--terminate', '--child', 'net');
        await client?.process.waitFor(/Child SA net closed/);
        await lab.left.ping(addresses.right.inner4, { source: addresses.left.inner4 });
        expect(client?.process.output).toMatch(/traffic for net/);
        expect(await swan?.listSas()).toMatch(/net: .*INSTALLED/);
      },
    ));

  for (const what of ['child', 'ike'] as const) {
    it(`ours as client: close_action = start opens the ${what === 'ike' ? 'IKE' : 'Child'} SA anew`, () =>
      withTunnel(
        'client',
        ourExtra('client', '', 'close_action = start'),
        async ({ lab, swan, client }) => {
          await swan?.swanctl('--terminate', `--${what}`, what === 'ike' ? 'rw' : 'net');
          await client?.process.waitForCount(/Child SA net open/g, 2, 20_000);
          await lab.left.ping(addresses.right.inner4);
          expect(await swan?.listSas()).toMatch(/net: .*INSTALLED/);
        },
      ));
  }
});
