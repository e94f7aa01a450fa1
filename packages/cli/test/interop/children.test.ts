import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { runCommand } from './lab/ipsec-kit.ts';
import { addresses } from './lab/lab.ts';
import { siteConfiguration, withSites } from './lab/sites.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'several children with strongSwan in both roles',
);

const OTHER = '10.78.0.1';
const left = siteConfiguration('left', [
  { name: 'one', own: '10.66.0.0/16', peer: '10.77.0.0/16' },
  { name: 'two', own: '10.66.0.0/16', peer: '10.78.0.0/16' },
]);
const right = siteConfiguration('right', [
  { name: 'one', own: '10.77.0.0/16', peer: '10.66.0.0/16' },
  { name: 'two', own: '10.78.0.0/16', peer: '10.66.0.0/16' },
]);

describe.skipIf(gate.skip)('two children with strongSwan 5.9.8 (RFC 7296 §1.3.1)', () => {
  for (const role of ['client', 'server'] as const) {
    it(`ours as ${role}: both carry traffic; one is closed by either side and opened again`, () =>
      withSites(async ({ lab, ours, strongSwan }) => {
        await lab.right.run('ip', 'addr', 'add', `${OTHER}/32`, 'dev', 'lo');
        const swanSide = role === 'client' ? 'right' : 'left';
        const server = role === 'server' ? await ours('right', 'serve', right) : undefined;
        const swan = await strongSwan(swanSide, role === 'client' ? right : left);
        const kit = server ?? (await ours('left', 'connect', left));
        if (role === 'server') {
          await swan.initiate('one');
          await swan.initiate('two');
        }
        for (const name of ['one', 'two'])
          await kit.process.waitFor(new RegExp(`Child SA ${name} open`));
        expect(await kit.status()).toMatchObject({ sessions: [{ children: [{}, {}] }] });
        const bothCarry = async (): Promise<void> => {
          await lab.left.ping(addresses.right.inner4, { source: addresses.left.inner4 });
          await lab.left.ping(OTHER, { source: addresses.left.inner4 });
        };
        await bothCarry();

        expect(await kit.command('terminate', '--child', 'two')).toMatch(
          /^Child SA two with .*: closed\./,
        );
        expect(await swan.listSas()).not.toMatch(/two: #\d+.*INSTALLED/);
        await lab.left.ping(addresses.right.inner4, { source: addresses.left.inner4 });
        await expect(lab.left.ping(OTHER, { count: 1, waitSeconds: 2 })).rejects.toThrow();
        expect(await kit.command('initiate', '--child', 'two')).toBe('Child SA two is open.\n');
        await bothCarry();

        await swan.swanctl('--terminate', '--child', 'one');
        await kit.process.waitFor(/Child SA one closed/);
        await lab.left.ping(OTHER, { source: addresses.left.inner4 });
        await swan.initiate('one');
        await bothCarry();

        expect(await kit.command('rekey', '--child', 'one')).toMatch(
          /^Child SA one with .*: rekeyed, SPI in/,
        );
        expect(await kit.command('rekey', '--ike')).toMatch(/^IKE SA with .*: rekeyed\./);
        expect(await kit.command('status')).toMatch(/rekey in \d+/);
        if (role === 'client') {
          expect(await kit.command('reauth', '--ike', 'site')).toMatch(/: reauthenticated\./);
          await kit.process.waitFor(/(Child SA two open[\s\S]*){3}/);
        }
        await bothCarry();
        expect(await kit.stop()).toBe(0);
        expect(await swan.listSas()).not.toContain('ESTABLISHED');
      }));
  }
});

it.skipIf(gate.skip)('a command without a running process says so', async () => {
  const asked = runCommand('rekey', '--control', '/run/ipsec-kit/none.sock');
  await expect(asked).rejects.toThrow(/There is no control socket/);
});
