import { setTimeout as pause } from 'node:timers/promises';
import { requestStatus } from '@ipsec-kit/vpn';
import { addresses } from './lab.ts';
import type { Established } from './tunnel.ts';

/** What the links between the hosts carry. */
const linkBytes = 1500;

/** Gives the search for the path MTU, which sends ESP of every size, the traffic and the time to end. */
export async function endSearch({ lab, client, server }: Established): Promise<void> {
  const ends = [client, server].filter((end) => end !== undefined);
  for (let left = 20; left > 0; left -= 1) {
    await lab.left.ping(addresses.right.inner4);
    const all = await Promise.all(ends.map(({ control }) => requestStatus(control)));
    if (all.every(({ sessions }) => sessions[0]?.pathMtuBytes === linkBytes)) return;
    await pause(100);
  }
}
