import { describe, expect, it } from 'vitest';
import { createHostSettings } from '../src/host-settings.ts';
import type { PolicyRule } from '../src/policy-rule.ts';
import { tunPlace } from '../src/settings-plan.ts';
import { TunError } from '../src/tun-error.ts';
import { address, prefix, settings } from './settings-fixture.ts';

/** A host that remembers what was added and not taken away, and can refuse. */
function fakeHost(
  options: { hasIpv6?: boolean; isReadOnly?: boolean; strictInterface?: string } = {},
) {
  const log: string[] = [];
  const present = new Set<string>();
  const warnings: string[] = [];
  const recorded: { rules: readonly PolicyRule[] | undefined } = { rules: undefined };
  let refuse: (command: string) => string | undefined = () => undefined;
  const run = async (program: string, args: readonly string[]): Promise<string> => {
    const command = [program, ...args].join(' ');
    log.push(command);
    const refusal = refuse(command);
    if (refusal) throw new TunError('ip-command', `\`${command}\` failed: ${refusal}`);
    const [family, object, verb, ...rest] = args;
    // As the kernel does, take one route to a destination for another, whatever its source.
    const what = object === 'route' ? rest.slice(0, 1) : rest.filter((word) => word !== 'nodad');
    const thing = [family, object, ...what].join(' ');
    if (verb === 'add' || verb === 'replace') present.add(thing);
    if (verb === 'del' && !present.delete(thing)) {
      throw new TunError('ip-command', `\`${command}\` failed: RTNETLINK answers: No such process`);
    }
    return '';
  };
  let dnsServers: readonly unknown[] = [];
  const host = createHostSettings({
    place: tunPlace('ipsec0', 7),
    run,
    state: {
      path: '/run/somewhere/state',
      write: (rules) => {
        if (options.isReadOnly) throw new Error('EACCES: permission denied');
        log.push(`record ${rules.length}`);
        recorded.rules = rules;
      },
      remove: () => {
        recorded.rules = undefined;
      },
    },
    dns: {
      resolvconfName: undefined,
      apply: async (servers) => {
        log.push(`dns ${servers.length}`);
        dnsServers = servers;
      },
      restore: async () => {
        dnsServers = [];
      },
    },
    hasIpv6: () => options.hasIpv6 ?? true,
    strictInterface: () => options.strictInterface,
    warn: (error) => warnings.push(error.message),
  });
  return {
    host,
    log,
    present,
    warnings,
    recorded,
    dns: () => dnsServers,
    refuse: (rule: typeof refuse) => {
      refuse = rule;
    },
  };
}

const full = settings({
  addresses: [prefix('10.9.0.2/32'), prefix('fd00::2/128')],
  routes: [prefix('0.0.0.0/0'), prefix('::/0')],
  excluded: [address('192.0.2.1')],
  dns: [{ server: address('10.9.0.1') }],
});

describe('createHostSettings', () => {
  it('adds what is asked for and takes all of it back', async () => {
    const { host, present, recorded, dns } = fakeHost();
    await host.apply(full);
    expect(present.size).toBe(8);
    expect(dns()).toHaveLength(1);
    await host.undo();
    expect([...present]).toEqual([]);
    expect(dns()).toEqual([]);
    expect(recorded.rules).toBeUndefined();
  });

  it('records rules before it adds them', async () => {
    const { host, log, recorded } = fakeHost();
    await host.apply(full);
    const firstRule = log.findIndex((entry) => entry.includes(' rule add '));
    expect(log.slice(0, firstRule)).toContain('record 4');
    expect(recorded.rules).toHaveLength(4);
  });

  it('does nothing the second time that the same is asked for', async () => {
    const { host, log } = fakeHost();
    await host.apply(full);
    const before = log.filter((entry) => entry.startsWith('ip ') || entry.startsWith('dns '));
    await host.apply(full);
    expect(log.filter((entry) => entry.startsWith('ip ') || entry.startsWith('dns '))).toEqual(
      before,
    );
  });

  it('opens the way to a new peer address before it closes the old one', async () => {
    const { host, log } = fakeHost();
    await host.apply(full);
    log.length = 0;
    await host.apply({ ...full, excluded: [address('198.51.100.1')] });
    expect(log.filter((entry) => entry.startsWith('ip '))).toEqual([
      'ip -4 rule add priority 10007 to 198.51.100.1/32 lookup main',
      'ip -4 rule add priority 15007 to 198.51.100.1/32 unreachable',
      'ip -4 rule del priority 15007 to 192.0.2.1/32 unreachable',
      'ip -4 rule del priority 10007 to 192.0.2.1/32 lookup main',
    ]);
  });

  it('sets routes again that the kernel dropped with an address', async () => {
    const { host, log } = fakeHost();
    await host.apply(full);
    log.length = 0;
    await host.apply({ ...full, addresses: [prefix('fd00::2/128')] });
    expect(log.at(-2)).toBe('ip -6 route replace ::/0 dev ipsec0 table 4500007 src fd00::2');
    expect(log).toContain('ip -4 route replace 0.0.0.0/0 dev ipsec0 table 4500007 scope global');
  });

  it('keeps a route whose preferred source changes', async () => {
    const { host, present } = fakeHost();
    await host.apply(settings({ routes: [prefix('10.77.0.0/16')] }));
    const sources = [address('10.66.0.1')];
    await host.apply(settings({ routes: [prefix('10.77.0.0/16')], preferredSources: sources }));
    expect([...present].filter((thing) => thing.includes('route'))).toHaveLength(1);
    await host.undo();
    expect([...present]).toEqual([]);
  });

  it('takes back what was done before a step failed', async () => {
    const { host, present, refuse } = fakeHost();
    refuse((command) =>
      command.includes('route replace ::/0') ? 'RTNETLINK answers: Permission denied' : undefined,
    );
    await expect(host.apply(full)).rejects.toThrow('Permission denied');
    expect(present.size).toBeGreaterThan(0);
    refuse(() => undefined);
    await host.undo();
    expect([...present]).toEqual([]);
  });

  it('goes on undoing when one step fails, and tries that one again', async () => {
    const { host, present, recorded, refuse } = fakeHost();
    await host.apply(full);
    refuse((command) =>
      command.includes('rule del priority 10007') ? 'RTNETLINK answers: Busy' : undefined,
    );
    await expect(host.undo()).rejects.toThrow('Busy');
    expect([...present]).toEqual(['-4 rule priority 10007 to 192.0.2.1/32 lookup main']);
    expect(recorded.rules).toHaveLength(1);
    refuse(() => undefined);
    await host.undo();
    expect([...present]).toEqual([]);
  });

  it('takes a rule that a killed process left for its own', async () => {
    const { host, refuse } = fakeHost();
    refuse((command) =>
      command.includes('rule add') ? 'RTNETLINK answers: File exists' : undefined,
    );
    await expect(host.apply(full)).resolves.toBeUndefined();
  });

  it('leaves IPv6 out where the host has none, and says so once', async () => {
    const { host, log, warnings } = fakeHost({ hasIpv6: false });
    await host.apply(full);
    await host.apply({ ...full, excluded: [] });
    expect(log.some((entry) => entry.startsWith('ip -6'))).toBe(false);
    expect(log).toContain('ip -4 rule add priority 20007 lookup 4500007');
    expect(warnings).toEqual([expect.stringContaining('IPv6 is switched off')]);
  });

  it('works where nothing can be recorded, and says so once', async () => {
    const { host, present, warnings } = fakeHost({ isReadOnly: true });
    await host.apply(full);
    await host.apply({ ...full, excluded: [] });
    expect(present.size).toBe(6);
    expect(warnings).toEqual([expect.stringContaining('/run/somewhere/state cannot be written')]);
  });

  it('refuses settings that cannot be meant before it changes anything', async () => {
    const { host, log } = fakeHost();
    await expect(host.apply({ ...full, mtu: 100 })).rejects.toThrow('"mtu" expected');
    expect(log).toEqual([]);
  });

  it('warns once of a strict source filter, when a peer is inside of the tunnel at its outer address', async () => {
    const { host, warnings } = fakeHost({ strictInterface: 'eth0' });
    const inside = (text: string) => ({
      routes: [prefix(`${text}/${text.includes(':') ? 128 : 32}`)],
      insidePeers: [{ address: address(text) }],
    });
    await host.apply(settings({ routes: [prefix('192.0.2.1/32')] }));
    await host.apply(settings(inside('2001:db8::1')));
    expect(warnings).toEqual([]);
    await host.apply(settings(inside('192.0.2.1')));
    await host.apply(settings(inside('192.0.2.2')));
    expect(warnings).toEqual([
      'net.ipv4.conf.eth0.rp_filter is 1 (strict), so what 192.0.2.1 sends outside of ipsec0 may be dropped, its ARP requests too: set it to 2',
    ]);
    const quiet = fakeHost();
    await quiet.host.apply(settings(inside('192.0.2.1')));
    expect(quiet.warnings).toEqual([]);
  });
});
