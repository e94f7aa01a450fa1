import { fileURLToPath } from 'node:url';
import { type HostDrops, hostDrops, newDrops } from './host-drops.ts';
import { addresses, type Host, type Lab } from './lab.ts';
import type { Background } from './shell.ts';

const script = fileURLToPath(new URL('./numbered-end.mjs', import.meta.url));
const port = '7777';

/** A host and its address inside the tunnel. */
export interface NumberedEnd {
  readonly host: Host;
  readonly address: string;
}

/** What became of the packets of one direction, as its receiver counted them. */
export interface CountedDirection {
  readonly sent: number;
  readonly received: number;
  /** Packets a second that were really sent, while the machine let the sender run. */
  readonly perSecond: number;
  /** Neither received nor dropped by the kernel at the buffer of the receiving program. */
  readonly lost: number;
  /** Runs of numbers that never came, and when the packet before them did. */
  readonly missing: readonly {
    readonly first: number;
    readonly last: number;
    readonly afterMs: number;
  }[];
  readonly duplicates: number;
  /** Packets that came behind one with a higher number. */
  readonly reordered: number;
  /** Sends that the sender's own system refused, as without a route. */
  readonly refused: number;
  /** Dropped at the buffer of the receiving program: no fault of the tunnel. */
  readonly receiverDrops: number;
  /** How much too late the sender's timer fired at most: a program beside the tunnel, that the machine left waiting. */
  readonly longestStallMs: number;
}

/** The same, and when they came. */
export interface NumberedDirection extends CountedDirection {
  /** The longest time that the sender sent in vain, in time that it ran itself: what it was kept waiting by the machine is out of it. */
  readonly longestOutageMs: number;
  /** The same for what it sent after the last packet that arrived. */
  readonly tailOutageMs: number;
  /** When the first packet arrived, 0 for none. */
  readonly firstAt: number;
}

/** Both directions, and what the kernels of both hosts dropped meanwhile. */
export interface CountedResult {
  /** From the first end to the second. */
  readonly up: CountedDirection;
  readonly down: CountedDirection;
  readonly drops: { readonly first: HostDrops; readonly second: HostDrops };
}

/** The same, and when they came. */
export interface NumberedResult extends CountedResult {
  readonly up: NumberedDirection;
  readonly down: NumberedDirection;
}

/** A stream of numbered packets each way that runs until it is stopped. */
export interface NumberedPackets<Result extends CountedResult = NumberedResult> {
  /** Ends both senders, lets arrive what is under way, and counts. */
  stop(): Promise<Result>;
}

/** Two ends that send nothing yet. */
export interface NumberedPair {
  /** Begins sending. */
  begin(): NumberedPackets;
}

/** Starts `perSecond` numbered UDP packets each way between two addresses inside a tunnel. */
export async function startNumberedPackets(
  first: NumberedEnd,
  second: NumberedEnd,
  perSecond: number,
): Promise<NumberedPackets> {
  const pair = await prepareNumberedPackets(first, second, { up: perSecond, down: perSecond });
  return pair.begin();
}

/** Makes two ends ready to send so many packets a second up (from the first end) and down; 0 sends none. */
export async function prepareNumberedPackets(
  first: NumberedEnd,
  second: NumberedEnd,
  perSecond: { readonly up: number; readonly down: number },
): Promise<NumberedPair> {
  const before = [await hostDrops(first.host), await hostDrops(second.host)] as const;
  const start = (own: NumberedEnd, peer: NumberedEnd, rate: number): Background =>
    own.host.start(process.execPath, [script, own.address, port, peer.address, port, String(rate)]);
  const ends = [start(first, second, perSecond.up), start(second, first, perSecond.down)] as const;
  await Promise.all(ends.map((end) => end.waitFor(/ready/)));
  const signal = (name: NodeJS.Signals): void => {
    for (const end of ends) end.child.kill(name);
  };
  const stop = async (): Promise<NumberedResult> => {
    signal('SIGINT');
    await Promise.all(ends.map((end) => end.waitFor(/sent \d+/)));
    signal('SIGTERM');
    const [left, right] = await Promise.all(ends.map(report));
    if (!left || !right) throw new Error('an end of the numbered packets gave no report');
    const after = [await hostDrops(first.host), await hostDrops(second.host)] as const;
    return {
      up: direction(left, right),
      down: direction(right, left),
      drops: { first: newDrops(before[0], after[0]), second: newDrops(before[1], after[1]) },
    };
  };
  return {
    begin() {
      signal('SIGUSR2');
      return { stop };
    },
  };
}

interface EndReport
  extends Omit<NumberedDirection, 'lost' | 'perSecond' | 'receiverDrops' | 'tailOutageMs'> {
  readonly runningMs: number;
  readonly latestRunningMs: number;
  readonly highest: number;
  readonly kernelDrops: number;
}

async function report(end: Background): Promise<EndReport> {
  const [, json] = await end.waitFor(/report (\{.*\})/);
  return JSON.parse(json ?? '') as EndReport;
}

function direction(sender: EndReport, receiver: EndReport): NumberedDirection {
  const { received, duplicates, reordered, missing, firstAt, longestOutageMs } = receiver;
  const unseen = sender.sent - 1 - receiver.highest;
  const tail = { first: receiver.highest + 1, last: sender.sent - 1, afterMs: 0 };
  return {
    sent: sender.sent,
    received,
    perSecond: Math.round((sender.sent * 1000) / sender.runningMs),
    lost: sender.sent - received - receiver.kernelDrops,
    missing: unseen > 0 ? [...missing, tail] : missing,
    duplicates,
    reordered,
    refused: sender.refused,
    longestStallMs: Math.round(sender.longestStallMs),
    receiverDrops: receiver.kernelDrops,
    longestOutageMs,
    tailOutageMs: sender.runningMs - receiver.latestRunningMs,
    firstAt,
  };
}

/** Starts numbered packets between the client's virtual address and the server's network. */
export async function startInside(lab: Lab, perSecond: number): Promise<NumberedPackets> {
  return (await prepareInside(lab, { up: perSecond, down: perSecond })).begin();
}

/** Makes ready for numbered packets between the client's virtual address and the server's network. The TUN devices of both sides,
 * ours and strongSwan's, get queues of some seconds: a machine that leaves a process without processor time for longer than the
 * 500 packets of the default would be measured, and not the tunnel.
 */
export async function prepareInside(
  lab: Lab,
  perSecond: { readonly up: number; readonly down: number },
): Promise<NumberedPair> {
  for (const host of [lab.left, lab.right])
    await host.run('ip', 'link', 'set', 'ipsec0', 'txqueuelen', '10000');
  const client = { host: lab.left, address: '10.88.0.1' };
  const server = { host: lab.right, address: addresses.right.inner4 };
  return prepareNumberedPackets(client, server, perSecond);
}
