import { setTimeout as pause } from 'node:timers/promises';
import { requestStatus } from '@ipsec-kit/vpn';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { ikeSpis } from './lab/ike-spis.ts';
import { addresses } from './lab/lab.ts';
import { prepareInside } from './lab/numbered-packets.ts';
import { outageMs, outageText } from './lab/outages.ts';
import { createRoamingLab, join, leave, move } from './lab/roaming-lab.ts';
import { type Established, withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'conntrack', 'strongswan'],
  'a client whose networks flap, with strongSwan as the server',
);

const flaps = 24;
const everyMs = 100;
/** What comes last is told two seconds later at most, and two seconds of changes before that may have left the peer no path to us; what
 * tells of it may be lost, and goes out again half a second later. strongSwan, which moves a Child SA by a rekey, may have a request
 * of its own under way, which it sends again after four and after seven seconds.
 */
const limitMs = { both: 4_500, client: 9_000 } as const;
/** Of the client, in all that time. */
const mostMessages = 40;

/** The networks of the client change ten times a second; some changes leave it without any for a while, others do not. */
async function flap({ lab }: Established): Promise<void> {
  for (let i = 0; i < flaps; i += 1) {
    const [from, to] = i % 2 === 0 ? (['home', 'mobile'] as const) : (['mobile', 'home'] as const);
    const next = pause(everyMs);
    if (i % 3 === 0) {
      await leave(lab, from);
      await pause(everyMs);
      await join(lab, to);
    } else {
      await move(lab, from, to);
    }
    await next;
  }
}

describe.skipIf(gate.skip)('a client whose networks come and go ten times a second', () => {
  for (const [ours, peers] of [
    ['both', 'ours as both'],
    ['client', 'ours as client, strongSwan 5.9.8 as server'],
  ] as const) {
    it(`${peers}: keeps its session, ends where it is, and makes no storm (RFC 4555 §3.5)`, ({
      task,
    }) =>
      withTunnel(
        ours,
        {},
        async (established) => {
          const { lab, client } = established;
          if (!client) throw new Error('the client is ours');
          const spis = await ikeSpis(established);
          const before = await requestStatus(client.control);
          const packets = (await prepareInside(lab, { up: 50, down: 50 })).begin();
          await flap(established);
          await pause(limitMs[ours]);
          const { up, down } = await packets.stop();
          const { sessions, datagrams } = await requestStatus(client.control);
          const messages = (datagrams?.ikeSent ?? 0) - (before.datagrams?.ikeSent ?? 0);
          task.meta.figures = `${flaps} changes; ${outageText('up', up)}; ${outageText('down', down)}; ${messages} IKE messages of the client`;
          expect(await ikeSpis(established)).toEqual(spis);
          expect(sessions).toMatchObject([
            { local: expect.stringMatching(/^10\.98\.0\.2:/), path: { state: 'in-use' } },
          ]);
          expect(messages).toBeLessThanOrEqual(mostMessages);
          for (const way of [up, down])
            expect(outageMs(way) ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(limitMs[ours]);
          await lab.right.ping('10.88.0.1', { source: addresses.right.inner4, count: 1 });
        },
        { makeLab: createRoamingLab },
      ));
  }
});
