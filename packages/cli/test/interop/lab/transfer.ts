import { fileURLToPath } from 'node:url';
import type { Host } from './lab.ts';

const script = fileURLToPath(new URL('./transfer-end.mjs', import.meta.url));

/** Sends `megabytes` of pseudorandom bytes over TCP between two hosts and compares the checksums of both ends.
 * @param direction - `up` is from the connecting end to the listening end.
 * @param perSecond - megabytes a second; as fast as it goes when absent.
 */
export async function transfer(
  from: Host,
  to: Host,
  target: string,
  megabytes: number,
  direction: 'up' | 'down' = 'up',
  perSecond = 0,
): Promise<void> {
  const server = to.start(process.execPath, [
    script,
    'listen',
    target,
    direction,
    String(megabytes),
    '0',
    String(perSecond),
  ]);
  const [, port] = await server.waitFor(/port (\d+)/);
  const client = from.start(process.execPath, [
    script,
    'connect',
    target,
    direction,
    String(megabytes),
    port ?? '',
    String(perSecond),
  ]);
  const [, sent] = await client.waitFor(/sha256 (\w+)/, 110_000);
  const [, received] = await server.waitFor(/sha256 (\w+)/);
  if (!sent || sent !== received) throw new Error(`checksums differ: ${sent} and ${received}`);
}
