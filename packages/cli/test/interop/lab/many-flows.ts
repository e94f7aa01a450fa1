import { fileURLToPath } from 'node:url';
import { hostDrops, newDrops } from './host-drops.ts';
import { addresses, type Lab } from './lab.ts';
import type { CountedDirection, CountedResult, NumberedPackets } from './numbered-packets.ts';
import type { Background } from './shell.ts';

const script = fileURLToPath(new URL('./flows-end.mjs', import.meta.url));
const firstPort = 7_800;

/** What one end of many flows has counted. */
interface FlowsReport {
  readonly sent: number;
  readonly received: number;
  readonly duplicates: number;
  readonly reordered: number;
  readonly refused: number;
  readonly longestStallMs: number;
  readonly runningMs: number;
}

/** Starts flows of numbered packets, each way as many and `perSecond` of all together, between the client's virtual address and
 * the server's network; order is that of each flow. The queues of the devices are as long as for `prepareInside`.
 */
export async function startFlows(
  { left, right }: Pick<Lab, 'left' | 'right'>,
  flows: number,
  perSecond: number,
): Promise<NumberedPackets<CountedResult>> {
  for (const host of [left, right])
    await host.run('ip', 'link', 'set', 'ipsec0', 'txqueuelen', '10000');
  const before = [await hostDrops(left), await hostDrops(right)] as const;
  const [client, server] = ['10.88.0.1', addresses.right.inner4];
  const numbers = [firstPort, flows, perSecond].map(String);
  const ends = [
    left.start(process.execPath, [script, client, server, ...numbers]),
    right.start(process.execPath, [script, server, client, ...numbers]),
  ] as const;
  const signal = (name: NodeJS.Signals): void => {
    for (const end of ends) end.child.kill(name);
  };
  await Promise.all(ends.map((end) => end.waitFor(/ready/)));
  signal('SIGUSR2');
  return {
    async stop() {
      signal('SIGINT');
      await Promise.all(ends.map((end) => end.waitFor(/sent \d+/)));
      signal('SIGTERM');
      const [one, other] = await Promise.all(ends.map(report));
      if (!one || !other) throw new Error('an end of the flows gave no report');
      const after = [await hostDrops(left), await hostDrops(right)] as const;
      return {
        up: direction(one, other),
        down: direction(other, one),
        drops: { first: newDrops(before[0], after[0]), second: newDrops(before[1], after[1]) },
      };
    },
  };
}

async function report(end: Background): Promise<FlowsReport> {
  const [, json] = await end.waitFor(/report (\{.*\})/);
  return JSON.parse(json ?? '') as FlowsReport;
}

function direction(sender: FlowsReport, receiver: FlowsReport): CountedDirection {
  const { received, duplicates, reordered } = receiver;
  return {
    sent: sender.sent,
    received,
    perSecond: Math.round((sender.sent * 1000) / sender.runningMs),
    lost: sender.sent - received,
    missing: [],
    duplicates,
    reordered,
    refused: sender.refused,
    longestStallMs: Math.round(sender.longestStallMs),
    receiverDrops: 0,
  };
}
