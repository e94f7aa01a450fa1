import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { serverConfiguration } from './lab/configuration.ts';
import { addresses } from './lab/lab.ts';
import { expectLossless, figuresOf } from './lab/lossless.ts';
import { startInside } from './lab/numbered-packets.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'failed reauthentications, childless IKE SAs and endings with strongSwan',
);

describe.skipIf(gate.skip)(
  'a reauthentication that strongSwan 5.9.8 refuses (RFC 7296 §2.8.3)',
  () => {
    it('ours as client: leaves the old SAs in place, says so, and tries again later', ({ task }) =>
      withTunnel(
        'client',
        { clientExtra: 'reauth_time = 2s\n    rand_time = 0s\n    over_time = 60s' },
        async ({ lab, swan, client }) => {
          const packets = await startInside(lab, 500);
          await swan?.loadSecrets(serverConfiguration({ serverSecret: 'another one' }));
          const failed =
            /reauthentication failed, next attempt in (\d+) s: .*AUTHENTICATION_FAILED/;
          const [, seconds] = (await client?.process.waitFor(failed)) ?? [];
          expect(Number(seconds)).toBeGreaterThan(1);
          await pause(1_000);
          const result = await packets.stop();
          task.meta.figures = figuresOf(result);
          expectLossless(result, 400);
          expect(await swan?.settled()).toBe('1');
          // The old secret works again, and so does the next attempt.
          await swan?.loadSecrets(serverConfiguration());
          await client?.process.waitFor(/session reauthenticated by us/);
          await lab.left.ping(addresses.right.inner4);
        },
        { ourSettings: 'make_before_break = yes' },
      ));
  },
);

describe.skipIf(gate.skip)('childless IKE SAs with strongSwan 5.9.8 (RFC 6023)', () => {
  for (const ours of ['client', 'server'] as const) {
    it(`ours as ${ours}: the client's childless = force opens the Child SA in an exchange of its own`, () =>
      withTunnel(ours, { clientExtra: 'childless = force' }, async ({ lab, swan }) => {
        await lab.left.ping(addresses.right.inner4);
        const log = (await swan?.log()) ?? '';
        expect(log).toMatch(/IKE_AUTH request 1 \[ IDi (?!.* SA ).*\]/);
        expect(log).toMatch(/CREATE_CHILD_SA request 2 \[ .*SA No/);
      }));
  }
});

describe.skipIf(gate.skip)('an end amid rekeys with strongSwan 5.9.8 (RFC 7296 §1.4.1)', () => {
  for (const ours of ['client', 'server'] as const) {
    it(`ours as ${ours}: SIGTERM leaves no SA at the peer`, () =>
      withTunnel(ours, {}, async ({ swan, client, server }) => {
        for (const what of ['--child', '--ike', '--child', '--ike']) {
          const name = what === '--child' ? 'net' : ours === 'client' ? 'rw' : 'home';
          await swan?.swanctl('--rekey', what, name);
        }
        const rekey = swan?.swanctl('--rekey', '--child', 'net').catch(String);
        expect(await (client ?? server)?.stop('SIGTERM')).toBe(0);
        await rekey;
        expect(await swan?.listSas()).toBe('');
      }));
  }
});
