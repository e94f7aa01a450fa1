import { fileURLToPath } from 'node:url';
import { addresses, type Lab } from './lab.ts';
import { datagramKind, watchDatagrams } from './watch-datagrams.ts';

const script = fileURLToPath(new URL('./replay.mjs', import.meta.url));
const elsewhere = '10.99.0.66';
const captured = 40;
const rounds = 10;

/** Captures ESP of the client on its way to the server, and sends each datagram ten times to the server from another address.
 * @returns how many were sent, and how many datagrams came back to that address.
 */
export async function replayFromElsewhere(lab: Lab): Promise<{ sent: number; answered: number }> {
  const { router } = lab;
  await router.run('ip', 'addr', 'add', `${elsewhere}/24`, 'dev', 'outside');
  const wire = await watchDatagrams(
    router,
    'outside',
    `src host ${addresses.left.v4} and udp dst port 4500`,
  );
  const payloads = await wire.first(captured);
  await wire.stop();
  const esp = payloads.filter((payload) => datagramKind(payload) === 'ESP');
  const args = [elsewhere, addresses.right.v4, '4500', String(rounds), ...esp];
  const replay = router.start(process.execPath, [script, ...args]);
  const [, sent] = await replay.waitFor(/sent (\d+)/);
  await replay.stop();
  const [, answered] = await replay.waitFor(/answered (\d+)/);
  return { sent: Number(sent), answered: Number(answered) };
}
