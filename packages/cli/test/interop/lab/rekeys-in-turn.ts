import { setTimeout as pause } from 'node:timers/promises';
import type { Established } from './tunnel.ts';

/** Both ends carry packets with the keys of each rekey for at least so long. */
const betweenMs = 100;

/** Has strongSwan rekey, then ours, and so on: each when the one before is over at both ends, or it would be another that meets it.
 * @param isIke - whether both rekeys of a round are of the IKE SA, and not of the Child SA `net`.
 */
export async function rekeyInTurn(
  { swan, client, server }: Established,
  rounds: number,
  isIke: (round: number) => boolean,
): Promise<void> {
  const ours = client ?? server;
  for (let round = 0; round < rounds; round += 1) {
    const theirs = isIke(round) ? ['--ike', client ? 'rw' : 'home'] : ['--child', 'net'];
    await swan?.swanctl('--rekey', ...theirs);
    await ours?.process.waitForCount(/SA.* rekeyed by the peer/g, round + 1, 20_000);
    await swan?.rested();
    await pause(betweenMs);
    await ours?.ask({ action: 'rekey', ...(isIke(round) ? {} : { child: 'net' }) });
    await swan?.rested();
    await pause(betweenMs);
  }
}
