import { setTimeout as pause } from 'node:timers/promises';
import { requestStatus } from '@ipsec-kit/vpn';
import { type Footprint, footprintOf, lastingGrowth } from './footprint.ts';
import type { IpsecKit } from './ipsec-kit.ts';
import { addresses, type Host, type Lab } from './lab.ts';
import { createRoamingLab, forgetMappings } from './roaming-lab.ts';
import { transfer } from './transfer.ts';
import { withTunnel } from './tunnel.ts';

/** Of every thousand packets outside, each way. */
const LOST_PER_MILLE = 3;
const MEGABYTES_PER_SECOND = 4;
/** One TCP connection lives this long: each outlives many keys and mappings. */
const LEG_SECONDS = 20;
const REBIND_SECONDS = 7;
const REAUTH_SECONDS = 13;
/** Before this a process still loads code, and its heap finds its size. */
const WARM_UP_SECONDS = 15;
const LOOK_MS = 500;
const MOST_GROWTH_MEGABYTES = 24;
/** A process that is run from source has the compiler in it. */
const MOST_MEGABYTES = 300;

/** The same at both ends: either begins, and now and then both at once. */
const child = 'rekey_time = 5s\n        rand_time = 3s\n        life_time = 60s';
const ike = 'rekey_time = 10s\n    rand_time = 5s\n    over_time = 60s';

/** What a soak showed. */
export interface SoakReport {
  readonly seconds: number;
  /** What the table has: names and values. */
  readonly rows: readonly (readonly [name: string, client: string, server: string])[];
  /** Sentences; none when all is well. */
  readonly faults: readonly string[];
}

/** Puts a tunnel of ours, behind a NAT that changes its mappings and through a link that loses packets, under TCP in both
 * directions while keys change every few seconds, by themselves and at both ends, and the client proves anew who it is now and then.
 * @returns what was seen, where every byte arrived; @throws with the output of both ends where one did not.
 */
export async function soak(seconds: number): Promise<SoakReport> {
  let report: SoakReport | undefined;
  await withTunnel(
    'both',
    {
      clientExtra: ike,
      serverExtra: ike,
      childExtra: child,
      serverChildExtra: child,
    },
    async ({ lab, client, server }) => {
      if (!client || !server) throw new Error('both ends are ours');
      report = await carry(lab, client, server, seconds);
    },
    {
      makeLab: createRoamingLab,
      ourSettings: 'make_before_break = yes\n  retransmit_timeout = 0.5',
      prepare: ({ router }) => loseSome(router),
    },
  );
  if (!report) throw new Error('the tunnel was not used');
  return report;
}

async function loseSome(router: Host): Promise<void> {
  const rules = `table inet loss {
  chain pass {
    type filter hook forward priority filter;
    numgen random mod 1000 < ${LOST_PER_MILLE} drop
  }
}
`;
  await router.run('nft', '-f', router.file('loss.nft', rules));
}

async function carry(
  lab: Lab,
  client: IpsecKit,
  server: IpsecKit,
  seconds: number,
): Promise<SoakReport> {
  const from = performance.now();
  const isOver = (): boolean => performance.now() - from >= seconds * 1000;
  const looks: Record<'client' | 'server', Footprint[]> = { client: [], server: [] };
  const look = (): void => {
    if (performance.now() - from < WARM_UP_SECONDS * 1000) return;
    looks.client.push(footprintOf(client));
    looks.server.push(footprintOf(server));
  };
  const every = async (everySeconds: number, act: () => unknown): Promise<number> => {
    let count = 0;
    for (let at = everySeconds; at < seconds - 2; at += everySeconds) {
      while (!isOver() && performance.now() - from < at * 1000) await pause(100);
      await act();
      count += 1;
    }
    return count;
  };
  const [megabytes, , rebindings, reauthentications] = await Promise.all([
    carryBytes(lab, seconds - 1),
    every(LOOK_MS / 1000, look),
    every(REBIND_SECONDS, () => forgetMappings(lab)),
    every(REAUTH_SECONDS, () => client.ask({ action: 'reauth' })),
  ]);
  const counted = { megabytes, rebindings, reauthentications };
  const ends = {
    client: await endOf(client, looks.client),
    server: await endOf(server, looks.server),
  };
  return reportOf(seconds, counted, ends);
}

/** TCP both ways for so long, one connection after the other; each is compared whole. @returns megabytes each way. */
async function carryBytes(lab: Lab, seconds: number): Promise<number> {
  const target = addresses.right.inner4;
  let megabytes = 0;
  for (let left = seconds; left >= 1; left -= LEG_SECONDS) {
    const bytes = Math.round(Math.min(left, LEG_SECONDS) * MEGABYTES_PER_SECOND);
    await Promise.all(
      (['up', 'down'] as const).map((way) =>
        transfer(lab.left, lab.right, target, bytes, way, MEGABYTES_PER_SECOND),
      ),
    );
    megabytes += bytes;
  }
  return megabytes;
}

interface End {
  readonly looks: readonly Footprint[];
  readonly output: string;
  readonly drops: string;
  readonly exitCode: number | null;
}

async function endOf(end: IpsecKit, looks: readonly Footprint[]): Promise<End> {
  const { counters } = await requestStatus(end.control);
  const dropped = Object.entries(counters?.drops ?? {}).filter(([, count]) => count > 0);
  const exitCode = await end.stop();
  return {
    looks,
    output: end.process.output,
    drops: dropped.map(([reason, count]) => `${count} ${reason}`).join(', ') || 'none',
    exitCode,
  };
}

interface Counted {
  readonly megabytes: number;
  readonly rebindings: number;
  readonly reauthentications: number;
}

const matches = ({ output }: End, pattern: RegExp): number => output.match(pattern)?.length ?? 0;
const rekeysOf = (end: End): number => matches(end, /Child SA net rekeyed by us/g);
const ikeRekeysOf = (end: End): number => matches(end, /IKE SA rekeyed by us/g);
const megabytesOf = ({ residentMegabytes }: Footprint): number => residentMegabytes;
const descriptorsOf = ({ descriptors }: Footprint): number => descriptors;

function reportOf(
  seconds: number,
  { megabytes, rebindings, reauthentications }: Counted,
  { client, server }: { readonly client: End; readonly server: End },
): SoakReport {
  const both = [client, server] as const;
  const row = (name: string, of: (end: End) => string | number): SoakReport['rows'][number] => [
    name,
    `${of(client)}`,
    `${of(server)}`,
  ];
  const range = (end: End, of: (footprint: Footprint) => number): string => {
    const values = end.looks.map(of).map(Math.round);
    return `${values[0]} to ${values.at(-1)}, at most ${Math.max(...values)}`;
  };
  const rows = [
    row('MB of TCP sent and received, unchanged', () => megabytes),
    row('Child SA rekeys begun', rekeysOf),
    row('IKE SA rekeys begun', ikeRekeysOf),
    row('reauthentications begun', (end) => (end === client ? reauthentications : 0)),
    row('NAT mappings lost', (end) => (end === client ? rebindings : '')),
    row('moves of the peer followed', (end) => matches(end, /peer moved from/g)),
    row('packets dropped', ({ drops }) => drops),
    row('resident MB', (end) => range(end, megabytesOf)),
    row('descriptors', (end) => range(end, descriptorsOf)),
  ];
  const faults = both.flatMap((end) => faultsOf(end, end === client ? 'client' : 'server'));
  const child = rekeysOf(client) + rekeysOf(server);
  const ikes = ikeRekeysOf(client) + ikeRekeysOf(server);
  const atLeast = (what: string, count: number, least: number): void => {
    if (count < least)
      faults.push(`${count} ${what} where ${Math.floor(least)} were to be expected`);
  };
  atLeast('rekeys of Child SAs', child, Math.floor(seconds / 8));
  atLeast('rekeys of IKE SAs', ikes, Math.floor(seconds / 20));
  atLeast('moves of the peer', matches(server, /peer moved from/g), Math.floor(rebindings / 2));
  return { seconds, rows, faults };
}

function faultsOf(end: End, side: string): string[] {
  const faults: string[] = [];
  if (end.exitCode !== 0) faults.push(`the ${side} ended with exit code ${end.exitCode}`);
  const wrong = /^.*(defect|slower|interrupted|authentication failed|rekey failed).*$/gim;
  for (const line of new Set(end.output.match(wrong))) faults.push(`the ${side} said: ${line}`);
  const megabytes = lastingGrowth(end.looks, megabytesOf);
  if (megabytes > MOST_GROWTH_MEGABYTES)
    faults.push(`the ${side} grew by ${Math.round(megabytes)} MB`);
  const most = Math.max(...end.looks.map(megabytesOf));
  if (most > MOST_MEGABYTES) faults.push(`the ${side} had ${Math.round(most)} MB`);
  const descriptors = lastingGrowth(end.looks, descriptorsOf);
  if (descriptors > 0) faults.push(`the ${side} has ${descriptors} descriptors more`);
  return faults;
}
