import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { ikeSpis } from './lab/ike-spis.ts';
import { addresses, type Lab } from './lab/lab.ts';
import { prepareInside } from './lab/numbered-packets.ts';
import { outageMs, outageText } from './lab/outages.ts';
import { clientNetworks, createRoamingLab, move, type Roaming } from './lab/roaming-lab.ts';
import { transfer } from './lab/transfer.ts';
import { type Established, type Ours, withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'strongswan', 'tcpdump'],
  'full tunnels whose ends move, with strongSwan',
);

const limitMs = 3_000;
const everything = { remoteTs: '0.0.0.0/0', serverAddresses: '%any' } as const;

/** What leaves a host by its uplinks and is neither the tunnel nor the link's own business: what should be inside of it. */
interface Uplinks {
  /** Datagrams of the tunnel that were seen, and one line for each packet that was not of it. */
  stop(): Promise<{ readonly tunnel: number; readonly clear: readonly string[] }>;
}

/** At the router, whose ends of the links stay up. */
async function watchUplinks({ router }: Lab): Promise<Uplinks> {
  const captures = await Promise.all(
    Object.keys(clientNetworks).map(async (device) => {
      // Without its immediate mode the packets of the last second would still be in the kernel when it is ended.
      const options = ['--immediate-mode', '-l', '-n', '-Q', 'in', '-i', device, 'ip'];
      const capture = router.start('tcpdump', options);
      await capture.waitFor(/listening on/i);
      return capture;
    }),
  );
  // ESP that comes while a socket is being closed is answered by the host, with the ESP packet in it.
  const isTunnel =
    /^\S+ IP 10\.9[78]\.0\.2(\.\d+ > 10\.99\.0\.[23]\.4500: | > 10\.99\.0\.[23]: ICMP \S+ udp port \d+ unreachable)/;
  return {
    async stop() {
      await Promise.all(captures.map((capture) => capture.stop()));
      const lines = captures.flatMap(({ output }) => output.match(/^\S+ IP .*$/gm) ?? []);
      const clear = lines.filter((line) => !isTunnel.test(line));
      return { tunnel: lines.length - clear.length, clear };
    },
  };
}

interface Move {
  readonly roaming: Roaming;
  readonly steps: (established: Established) => readonly (() => Promise<unknown>)[];
}

const moves: Readonly<Record<string, Move>> = {
  'the client goes to another network, and back': {
    roaming: {},
    steps: ({ lab }) => [() => move(lab, 'home', 'mobile'), () => move(lab, 'mobile', 'home')],
  },
  'the server loses its first address, and has its second': {
    roaming: { network: 'mobile' },
    steps: ({ lab }) => [
      () => lab.right.run('ip', 'addr', 'del', `${addresses.right.v4}/24`, 'dev', 'eth0'),
    ],
  },
};

const ends = [
  ['client', 'ours as client, strongSwan 5.9.8 as server'],
  ['both', 'ours as both'],
] as const satisfies readonly (readonly [Ours, string])[];

for (const [title, { roaming, steps }] of Object.entries(moves)) {
  describe.skipIf(gate.skip)(`a full tunnel (0.0.0.0/0): ${title}`, () => {
    for (const [ours, peers] of ends) {
      it(`${peers}: a TCP transfer goes on, nothing loops, and nothing of it is in clear on an uplink (RFC 4555 §3.5)`, ({
        task,
      }) =>
        withTunnel(
          ours,
          everything,
          async (established) => {
            const { lab } = established;
            const spis = await ikeSpis(established);
            const uplinks = await watchUplinks(lab);
            const packets = (await prepareInside(lab, { up: 100, down: 100 })).begin();
            const target = addresses.right.inner4;
            const done = transfer(lab.left, lab.right, target, 8, 'down', 1);
            const failed = done.then(
              () => undefined,
              (error: unknown) => error,
            );
            await pause(1_500);
            for (const step of steps(established)) {
              await step();
              await pause(2_500);
            }
            const failure = await Promise.race([failed, pause(15_000, 'the transfer did not end')]);
            const { up, down } = await packets.stop();
            const { tunnel, clear } = await uplinks.stop();
            task.meta.figures = `${outageText('up', up)}; ${outageText('down', down)}; ${tunnel} datagrams of the tunnel on the uplinks, ${clear.length} others`;
            expect(failure).toBeUndefined();
            expect(clear).toEqual([]);
            // 8 MB in acknowledgements, and 100 packets a second: a loop would multiply them.
            expect(tunnel).toBeGreaterThan(up.received);
            expect(tunnel).toBeLessThan(20_000);
            expect(await ikeSpis(established)).toEqual(spis);
            for (const way of [up, down])
              expect(outageMs(way) ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(limitMs);
          },
          { makeLab: () => createRoamingLab(roaming) },
        ));
    }
  });
}
