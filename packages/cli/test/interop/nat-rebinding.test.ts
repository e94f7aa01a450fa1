import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { ikeSpis } from './lab/ike-spis.ts';
import { addresses } from './lab/lab.ts';
import { type NumberedResult, prepareInside } from './lab/numbered-packets.ts';
import { outageMs, outageText } from './lab/outages.ts';
import { replayFromElsewhere } from './lab/replay.ts';
import { createRoamingLab, forgetMappings, mappedPorts } from './lab/roaming-lab.ts';
import { type Established, type Ours, withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'conntrack', 'tcpdump', 'strongswan'],
  'NAT mappings that change, with strongSwan in both roles',
);

const perSecond = 250;
/** Two-way traffic before the mapping goes, and what the ends have to find each other again. */
const beforeMs = 1_500;
const afterMs = 5_000;

interface Rebinding {
  readonly result: NumberedResult;
  readonly ports: readonly (readonly number[])[];
}

/** Has the NAT forget the mapping of a tunnel that carries numbered packets both ways. */
async function rebind({ lab }: Established): Promise<Rebinding> {
  const packets = (await prepareInside(lab, { up: perSecond, down: perSecond })).begin();
  await pause(beforeMs);
  const before = await mappedPorts(lab);
  await forgetMappings(lab);
  await pause(afterMs);
  const after = await mappedPorts(lab);
  return { result: await packets.stop(), ports: [before, after] };
}

const figures = ({ result, ports }: Rebinding): string =>
  `port ${ports.join(' to ')}; ${outageText('up', result.up)}; ${outageText('down', result.down)}`;

describe.skipIf(gate.skip)('the NAT forgets the mapping while traffic flows both ways', () => {
  for (const [ours, title, limitMs] of [
    ['both', 'ours as both: the server follows ESP within 1 s (RFC 7296 §2.23)', 1_000],
    [
      'server',
      'ours as server, strongSwan 5.9.8 behind the NAT: follows ESP within 1 s (RFC 7296 §2.23)',
      1_000,
    ],
    [
      'client',
      'ours as client, strongSwan 5.9.8 outside: notices one-way silence, and updates the path within 3 s (RFC 4555 §3.8)',
      3_000,
    ],
  ] as const satisfies readonly (readonly [Ours, string, number])[]) {
    it(title, ({ task }) =>
      withTunnel(
        ours,
        {},
        async (established) => {
          const spis = await ikeSpis(established);
          const rebinding = await rebind(established);
          task.meta.figures = figures(rebinding);
          const [before = [], after = []] = rebinding.ports;
          // Beside that of the tunnel there may be one for a probe.
          expect(before.length).toBeGreaterThan(0);
          expect(after.length).toBeGreaterThan(0);
          for (const port of after) expect(before).not.toContain(port);
          for (const way of ['up', 'down'] as const)
            expect(outageMs(rebinding.result[way]) ?? Infinity, way).toBeLessThanOrEqual(limitMs);
          expect(await ikeSpis(established)).toEqual(spis);
        },
        { makeLab: createRoamingLab },
      ),
    );
  }

  it('strongSwan 5.9.8 with strongSwan 5.9.8, dpd_delay = 1s at the client, for comparison', ({
    task,
  }) =>
    withTunnel(
      'none',
      { clientExtra: 'dpd_delay = 1s' },
      async (established) => {
        const rebinding = await rebind(established);
        task.meta.figures = figures(rebinding);
        const { up, down } = rebinding.result;
        for (const { sent, received, missing, receiverDrops } of [up, down]) {
          const never = missing.reduce((sum, { first, last }) => sum + last - first + 1, 0);
          expect(received + never).toBe(sent);
          expect(receiverDrops).toBe(0);
        }
      },
      { makeLab: createRoamingLab },
    ));
});

const idleSettings = 'keep_alive = 2s';
const idleMs = 10_000;
const mappingSeconds = 6;

describe.skipIf(gate.skip)('idle for longer than the NAT keeps a mapping, keep_alive = 2s', () => {
  for (const [ours, title] of [
    ['both', 'ours as both'],
    ['client', 'ours as client, strongSwan 5.9.8 as server'],
    ['server', 'ours as server, strongSwan 5.9.8 as client'],
    ['none', 'strongSwan 5.9.8 with strongSwan 5.9.8, for comparison'],
  ] as const) {
    it(`${title}: the server reaches the client at once (RFC 3948 §4)`, ({ task }) =>
      withTunnel(
        ours,
        {},
        async (established) => {
          const { lab } = established;
          await lab.left.ping(addresses.right.inner4);
          const spis = await ikeSpis(established);
          const before = await mappedPorts(lab);
          await pause(idleMs);
          const after = await mappedPorts(lab);
          task.meta.figures = `idle for ${idleMs} ms, mapping kept for ${mappingSeconds} s: port ${before} to ${after}`;
          // That of a probe may be gone.
          expect(after.filter((port) => before.includes(port))).not.toEqual([]);
          await lab.right.ping('10.88.0.1', { source: addresses.right.inner4, count: 1 });
          expect(await ikeSpis(established)).toEqual(spis);
        },
        {
          makeLab: () => createRoamingLab({ mappingSeconds }),
          ourSettings: idleSettings,
          swanSettings: idleSettings,
        },
      ));
  }
});

describe.skipIf(gate.skip)('ESP datagrams that are captured, and sent again from elsewhere', () => {
  for (const [ours, title] of [
    ['both', 'ours as both'],
    ['server', 'ours as server, strongSwan 5.9.8 as client'],
    ['none', 'strongSwan 5.9.8 with strongSwan 5.9.8, for comparison'],
  ] as const) {
    it(`${title}: move nothing, and get no answer (RFC 7296 §2.23)`, ({ task }) =>
      withTunnel(
        ours,
        {},
        async (established) => {
          const { lab, server } = established;
          const packets = (await prepareInside(lab, { up: perSecond, down: perSecond })).begin();
          await pause(beforeMs);
          const replay = await replayFromElsewhere(lab);
          const { up, down } = await packets.stop();
          task.meta.figures = `${replay.sent} sent again, ${replay.answered} answered; ${outageText('up', up)}; ${outageText('down', down)}`;
          expect(replay.sent).toBeGreaterThan(300);
          expect(replay.answered).toBe(0);
          for (const way of [up, down]) {
            expect(way.lost).toBe(0);
            expect(way.duplicates).toBe(0);
          }
          if (server) expect(server.process.output).not.toContain('peer moved');
        },
        { makeLab: createRoamingLab },
      ));
  }
});
