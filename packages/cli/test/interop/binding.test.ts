import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { ikeSpis } from './lab/ike-spis.ts';
import { addresses } from './lab/lab.ts';
import { createRoamingLab, mappedPorts } from './lab/roaming-lab.ts';
import { type Established, withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'conntrack', 'strongswan'],
  'the lifetime of NAT mappings, as a client discovers it',
);

const mappingSeconds = 8;
/** Where the search begins when the first idle mapping has died; it is over a minute later. */
const settings = 'keep_alive = 5s';
const searchMs = 150_000;
/** Two intervals and a half. */
const idleMs = 18_000;

interface Found {
  readonly keepaliveMs: number;
  readonly lifetimeMs: number;
  readonly probes: number;
}

/** Waits until the client has told what it found. */
async function discover({ client }: Established): Promise<Found> {
  const told =
    /the NAT keeps a mapping for ([\d.]+) s; a keepalive each ([\d.]+) s from now on \((\d+) probes\)/;
  const [, lifetime, keepalive, probes] = (await client?.process.waitFor(told, searchMs)) ?? [];
  return {
    keepaliveMs: Number(keepalive) * 1000,
    lifetimeMs: Number(lifetime) * 1000,
    probes: Number(probes),
  };
}

describe.skipIf(gate.skip)('a client behind a NAT that forgets a mapping after 8 s', () => {
  for (const [ours, title] of [
    ['both', 'ours as both'],
    ['client', 'ours as client, strongSwan 5.9.8 as server'],
  ] as const) {
    it.concurrent(
      `${title}: finds an interval below that, and is reached while it is idle (RFC 4787 §4.3)`,
      ({ task }) =>
        withTunnel(
          ours,
          {},
          async (established) => {
            const { lab } = established;
            await lab.left.ping(addresses.right.inner4);
            const spis = await ikeSpis(established);
            const began = Date.now();
            const { keepaliveMs, lifetimeMs, probes } = await discover(established);
            const tookMs = Date.now() - began;
            const before = await mappedPorts(lab);
            await pause(idleMs);
            const after = await mappedPorts(lab);
            task.meta.figures = `mapping kept for ${mappingSeconds} s: lived for ${lifetimeMs} ms, so a keepalive each ${keepaliveMs} ms, after ${probes} probes in ${Math.round(tookMs / 1000)} s; port ${before} to ${after}`;
            expect(keepaliveMs).toBeGreaterThanOrEqual(0.7 * mappingSeconds * 1000);
            expect(keepaliveMs).toBeLessThan(mappingSeconds * 1000);
            expect(probes).toBeLessThanOrEqual(12);
            // Those of the tunnel, and of the server's other address, are the same; those of probes are gone.
            expect(after.length).toBeGreaterThan(0);
            expect(after.length).toBeLessThan(before.length);
            for (const port of after) expect(before).toContain(port);
            await lab.right.ping('10.88.0.1', { source: addresses.right.inner4, count: 1 });
            expect(await ikeSpis(established)).toEqual(spis);
          },
          { makeLab: () => createRoamingLab({ mappingSeconds }), ourSettings: settings },
        ),
      2 * searchMs,
    );
  }
});
