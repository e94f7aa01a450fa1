import type { Host } from './lab.ts';

/** What the kernel of a host dropped: per device, and at the buffers of all its UDP sockets. */
export type HostDrops = Readonly<Record<string, number>>;

interface LinkStatistics {
  readonly ifname: string;
  readonly stats64?: Readonly<Record<'rx' | 'tx', { dropped: number; errors: number }>>;
}

/** Counts by name, as `ipsec0 tx` (a TUN device whose reader is too slow) or `udp RcvbufErrors`; as `strongSwan: udp RcvbufErrors`
 * where strongSwan is the reader.
 */
export async function hostDrops(host: Host): Promise<HostDrops> {
  const drops: Record<string, number> = {};
  const links = JSON.parse(
    await host.run('ip', '-json', '-stats', 'link'),
  ) as readonly LinkStatistics[];
  for (const { ifname, stats64 } of links) {
    for (const way of ['rx', 'tx'] as const) {
      const counted = stats64?.[way];
      drops[`${ifname} ${way}`] = (counted?.dropped ?? 0) + (counted?.errors ?? 0);
    }
  }
  const [names = [], values = []] = (await host.run('cat', '/proc/net/snmp'))
    .split('\n')
    .filter((line) => line.startsWith('Udp: '))
    .map((line) => line.split(' '));
  for (const [index, name] of names.entries()) {
    if (/Errors$|NoPorts/.test(name)) drops[`udp ${name}`] = Number(values[index] ?? 0);
  }
  if (!host.hasStrongSwan) return drops;
  return Object.fromEntries(
    Object.entries(drops).map(([name, count]) => [`strongSwan: ${name}`, count]),
  );
}

/** What grew between two looks. */
export function newDrops(before: HostDrops, after: HostDrops): HostDrops {
  const grown = Object.entries(after)
    .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
    .filter(([, count]) => count > 0);
  return Object.fromEntries(grown);
}
