import { existsSync, readFileSync } from 'node:fs';
import { formatAddress } from '@ipsec-kit/ip';
import type { DnsSettings } from './dns-settings.ts';
import { isAlreadyGone, isAlreadyThere, type RunCommand } from './run-command.ts';
import { checkSettings, type HostChange, planSettings, type TunPlace } from './settings-plan.ts';
import type { StateFile } from './state-file.ts';
import type { TunSettings } from './tun-adapter.ts';
import { TunError } from './tun-error.ts';

/** What settings are applied to, and with. */
export interface HostSettingsOptions {
  readonly place: TunPlace;
  readonly run: RunCommand;
  readonly dns: DnsSettings;
  readonly state: StateFile;
  /** Whether this host and device carry IPv6. */
  readonly hasIpv6: () => boolean;
  /** An interface that would not hear a peer whose address is routed into the device, if there is one. */
  readonly strictInterface: () => string | undefined;
  /** Gets one sentence about what could not be done but does not stop the tunnel. */
  readonly warn: (error: Error) => void;
}

/** Addresses, routes, rules and DNS of one TUN device. Calls must not overlap. */
export interface HostSettings {
  /** Brings the host from what was applied before to these settings. What is new comes first, then what is not asked
   * for any more goes, so that traffic never falls between. When it fails, what was applied stays known and is undone later.
   * @throws TunError, one sentence.
   */
  apply(settings: TunSettings): Promise<void>;
  /** Takes everything back that was applied, in reverse, and goes on when one step fails.
   * @throws TunError with the first failure; a second call tries again what has failed.
   */
  undo(): Promise<void>;
}

/** Prepares the settings of a device; nothing changes yet. */
export function createHostSettings(options: HostSettingsOptions): HostSettings {
  const { place, run, dns, state, hasIpv6, warn } = options;
  const applied = new Map<string, HostChange>();
  let mtu: number | undefined;
  let dnsNow = '';
  let hasWarnedIpv6 = false;
  let hasWarnedState = false;
  let hasWarnedFilter = false;

  function record(upcoming: readonly HostChange[], usesDns: boolean): void {
    const rules = [...applied.values(), ...upcoming].flatMap(({ rule }) => (rule ? [rule] : []));
    const resolvconfName = usesDns ? dns.resolvconfName : undefined;
    try {
      if (rules.length === 0 && resolvconfName === undefined) state.remove();
      else state.write(rules, resolvconfName);
    } catch (error) {
      if (hasWarnedState) return;
      hasWarnedState = true;
      const why = error instanceof Error ? error.message : String(error);
      warn(
        new TunError(
          'state-file',
          `${state.path} cannot be written, so the next start will not clear up if this process is killed (${why}): make its directory writable, or name another one`,
        ),
      );
    }
  }

  async function add(change: HostChange): Promise<void> {
    applied.set(change.key, change);
    try {
      await run('ip', change.add);
    } catch (error) {
      // A rule with our own priority is what a killed process with the same interface index left.
      if (isAlreadyThere(error)) return;
      throw error;
    }
  }

  async function remove(change: HostChange): Promise<void> {
    try {
      await run('ip', change.remove);
    } catch (error) {
      if (!isAlreadyGone(error)) throw error;
    }
    applied.delete(change.key);
  }

  async function bringUp(wanted: number): Promise<void> {
    if (wanted === mtu) return;
    const { device } = place;
    if (mtu === undefined) {
      // The kernel would give the device a link-local address and send router solicitations into the tunnel.
      await run('ip', ['link', 'set', 'dev', device, 'addrgenmode', 'none']).catch(() => '');
    }
    await run('ip', ['link', 'set', 'dev', device, 'mtu', String(wanted), 'up']);
    mtu = wanted;
  }

  function plan(settings: TunSettings): HostChange[] {
    const all = planSettings(settings, place);
    if (!all.some(({ version }) => version === 6) || hasIpv6()) return all;
    if (!hasWarnedIpv6) {
      hasWarnedIpv6 = true;
      warn(
        new TunError(
          'EAFNOSUPPORT',
          `IPv6 is switched off on this host, so the IPv6 addresses and routes of ${place.device} are left out: set net.ipv6.conf.all.disable_ipv6=0 to have them`,
        ),
      );
    }
    return all.filter(({ version }) => version === 4);
  }

  function warnOfFilter({ insidePeers = [] }: TunSettings): void {
    const peer = insidePeers.find(({ address }) => address.version === 4);
    const name = peer && !hasWarnedFilter ? options.strictInterface() : undefined;
    if (!peer || name === undefined) return;
    hasWarnedFilter = true;
    const address = formatAddress(peer.address);
    warn(
      new TunError(
        'rp-filter',
        `net.ipv4.conf.${name}.rp_filter is 1 (strict), so what ${address} sends outside of ${place.device} may be dropped, its ARP requests too: set it to 2`,
      ),
    );
  }

  async function removeUnwanted(wanted: readonly HostChange[]): Promise<void> {
    const keys = new Set(wanted.map(({ key }) => key));
    const unwanted = [...applied.values()].filter(({ key }) => !keys.has(key)).reverse();
    const destinations = new Set(wanted.filter(isRoute).map(routeDestination));
    for (const change of unwanted) {
      // Adding a route to the same destination has replaced it: removing would now take the new one away.
      if (isRoute(change) && destinations.has(routeDestination(change))) applied.delete(change.key);
      else await remove(change);
    }
    // With the last address of a family the kernel drops that family's routes of the device too.
    if (!unwanted.some(({ kind }) => kind === 'address')) return;
    for (const change of wanted) if (change.kind === 'route') await run('ip', change.add);
  }

  async function applyDns(settings: TunSettings): Promise<void> {
    const servers = settings.dns.map(({ server }) => server);
    const text = servers.map(({ bytes }) => bytes.join('.')).join(' ');
    if (text === dnsNow) return;
    await dns.apply(servers);
    dnsNow = text;
  }

  return {
    async apply(settings: TunSettings): Promise<void> {
      checkSettings(settings);
      warnOfFilter(settings);
      const wanted = plan(settings);
      await bringUp(settings.mtu);
      const missing = wanted.filter(({ key }) => !applied.has(key));
      record(missing, settings.dns.length > 0 || dnsNow !== '');
      for (const change of missing) await add(change);
      await removeUnwanted(wanted);
      await applyDns(settings);
      record([], dnsNow !== '');
    },
    async undo(): Promise<void> {
      const failures: unknown[] = [];
      const attempt = (step: () => Promise<void>): Promise<void> =>
        step().catch((error: unknown) => {
          failures.push(error);
        });
      await attempt(async () => {
        await dns.restore();
        dnsNow = '';
      });
      for (const change of [...applied.values()].reverse()) await attempt(() => remove(change));
      record([], dnsNow !== '');
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** Whether the kernel has IPv6 and the device may use it. @see Linux, Documentation/networking/ip-sysctl.rst, disable_ipv6 */
export function deviceHasIpv6(device: string): boolean {
  const path = `/proc/sys/net/ipv6/conf/${device}/disable_ipv6`;
  return existsSync(path) && readFileSync(path, 'latin1').trim() === '0';
}

function isRoute({ kind }: HostChange): boolean {
  return kind === 'route';
}

/** The prefix in the arguments `route del PREFIX ...`. */
function routeDestination({ remove }: HostChange): string | undefined {
  return remove[2];
}
