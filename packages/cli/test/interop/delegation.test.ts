import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { clientConfiguration, serverConfiguration } from './lab/configuration.ts';
import { fromSource } from './lab/ipsec-kit.ts';
import type { Lab } from './lab/lab.ts';
import { expectLossless, figuresOf } from './lab/lossless.ts';
import { startInside } from './lab/numbered-packets.ts';
import { createRoamingLab, mappedPorts } from './lab/roaming-lab.ts';
import type { Background } from './lab/shell.ts';
import { StrongSwan } from './lab/strongswan.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'conntrack', 'strongswan'],
  'a client whose session another process keeps alive',
);

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const owner = pathOf('./lab/delegating-client.ts');
const delegate = pathOf('../../../../examples/delegation/delegate.ts');

const mappingSeconds = 6;
const settings = 'charon {\nkeep_alive = 2s\n}\n';
/** Longer than a mapping lives, and than it takes strongSwan to ask three times. */
const awayMs = 10_000;
const perSecond = 200;
const carryMs = 1_000;

/** What the owner said last about something. */
async function said(client: Background, what: string): Promise<Record<string, unknown>> {
  const [, json = ''] = await client.waitFor(new RegExp(`^${what}: (.*)$`, 'm'));
  return JSON.parse(json);
}

async function carry(lab: Lab): Promise<string> {
  const packets = await startInside(lab, perSecond);
  await pause(carryMs);
  const result = await packets.stop();
  expectLossless(result, perSecond / 2);
  return figuresOf(result);
}

describe.skipIf(gate.skip)('a client on a TUN device, whose packets a worker carries', () => {
  it('strongSwan 5.9.8 as server: a small process answers it and keeps the NAT mapping while the client is stopped, and the client goes on with the same SAs (RFC 7296 §2.1, §2.4, RFC 3948 §4)', async ({
    task,
  }) => {
    const lab = await createRoamingLab({ mappingSeconds });
    try {
      const swan = await StrongSwan.start(
        lab.right,
        serverConfiguration({ serverExtra: 'dpd_delay = 3s' }),
      );
      const client = lab.left.start(
        process.execPath,
        fromSource(
          owner,
          delegate,
          lab.left.file('client.conf', clientConfiguration()),
          lab.left.file('strongswan.conf', settings),
        ),
      );
      const { spis } = await said(client, 'open');
      const before = await carry(lab);
      const ports = await mappedPorts(lab);

      client.child.kill('SIGUSR2');
      const { pid, port } = await said(client, 'delegated');
      // Not a socket of the client is open, and it gets no processor time either; the delegate opens its own when it has been told.
      const sockets = async (): Promise<readonly string[]> => {
        const options = ['--udp', '--all', '--numeric', '--processes', '-H'];
        return (await lab.left.run('ss', ...options)).trim().split('\n');
      };
      await expect
        .poll(sockets, { timeout: 20_000 })
        .toEqual([expect.stringMatching(new RegExp(`:${port} .*pid=${pid},`))]);
      client.child.kill('SIGSTOP');
      await pause(awayMs);
      client.child.kill('SIGCONT');

      client.child.kill('SIGHUP');
      const { answered, keepalives, ...back } = await said(client, 'taken back');
      expect(back).toEqual({ reason: 'asked', spis, warnings: [] });
      expect(answered).toBeGreaterThanOrEqual(2);
      expect(keepalives).toBeGreaterThanOrEqual(2);
      expect((await mappedPorts(lab)).filter((one) => ports.includes(one))).not.toEqual([]);
      const after = await carry(lab);
      expect(await swan.listSas()).toMatch(/rw: #1, ESTABLISHED[\s\S]*net: #1, .*INSTALLED/);
      task.meta.figures = `away for ${awayMs} ms: ${answered} questions of strongSwan answered, ${keepalives} keepalives sent; before: ${before}; after: ${after}`;
    } catch (error) {
      throw new Error(`${String(error)}\n${lab.outputs()}`, { cause: error });
    } finally {
      await lab.close();
    }
  });
});
