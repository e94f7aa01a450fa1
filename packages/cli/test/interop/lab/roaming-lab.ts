import { addresses, build, type Host, type Lab, link } from './lab.ts';

/** A network that the client may be in: `home` is behind a NAT, `mobile` is not. */
export type ClientNetwork = 'home' | 'mobile';

/** Where the client is in each network, and through whom it reaches the others. */
export const clientNetworks = {
  home: {
    device: 'eth0',
    4: { own: '10.98.0.2', router: '10.98.0.1' },
    6: { own: 'fd98::2', router: 'fd98::1' },
  },
  mobile: {
    device: 'eth1',
    4: { own: '10.97.0.2', router: '10.97.0.1' },
    6: { own: 'fd97::2', router: 'fd97::1' },
  },
} as const;

/** The server's second address of each family. */
export const secondAddresses = { v4: '10.99.0.3', v6: 'fd99::3' } as const;

export interface Roaming {
  /** How long the NAT keeps a mapping that nobody uses. */
  readonly mappingSeconds?: number;
  /** Where the client begins, and with addresses of which families: at home, IPv4. */
  readonly network?: ClientNetwork;
  readonly families?: readonly (4 | 6)[];
}

/** The server (right) at 10.99.0.2 and 10.99.0.3 (fd99::2 and fd99::3), and a client (left) that is at home, in 10.98.0.0/24
 * behind a NAT, which is 10.99.0.1 outside and takes a random port for each mapping. There is another network for the client,
 * 10.97.0.0/24 without a NAT, in which it is not yet.
 */
export async function createRoamingLab(roaming: Roaming = {}): Promise<Lab> {
  const lab = await build(async (left, right, router) => {
    await link(router, right, 'outside');
    await link(router, left, 'home', clientNetworks.home.device);
    await link(router, left, 'mobile', clientNetworks.mobile.device);
    await addressServer(right);
    await addressRouter(router);
    const seconds = roaming.mappingSeconds ?? 60;
    await router.run(
      ...['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'],
      `net.netfilter.nf_conntrack_udp_timeout=${seconds}`,
      `net.netfilter.nf_conntrack_udp_timeout_stream=${seconds}`,
    );
    await left.run('sysctl', '-q', '-w', 'net.ipv4.conf.all.rp_filter=0');
  });
  await join(lab, roaming.network ?? 'home', roaming.families ?? [4]);
  return lab;
}

const ip = (host: Host, ...args: string[]): Promise<string> => host.run('ip', ...args);

async function addressServer(right: Host): Promise<void> {
  for (const address of [addresses.right.v4, secondAddresses.v4])
    await ip(right, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
  for (const address of [addresses.right.v6, secondAddresses.v6])
    await ip(right, 'addr', 'add', `${address}/64`, 'dev', 'eth0', 'nodad');
  await ip(right, 'addr', 'add', `${addresses.right.inner4}/32`, 'dev', 'lo');
  // The second address must outlive the first one, of which it is a secondary.
  await right.run('sysctl', '-q', '-w', 'net.ipv4.conf.eth0.promote_secondaries=1');
  await ip(right, 'link', 'set', 'eth0', 'up');
  await ip(right, 'route', 'add', 'default', 'via', addresses.left.v4);
  await ip(right, '-6', 'route', 'add', 'default', 'via', addresses.left.v6);
}

async function addressRouter(router: Host): Promise<void> {
  for (const [device, v4, v6] of [
    ['outside', addresses.left.v4, addresses.left.v6],
    ['home', clientNetworks.home[4].router, clientNetworks.home[6].router],
    ['mobile', clientNetworks.mobile[4].router, clientNetworks.mobile[6].router],
  ] as const) {
    await ip(router, 'addr', 'add', `${v4}/24`, 'dev', device);
    await ip(router, 'addr', 'add', `${v6}/64`, 'dev', device, 'nodad');
    await ip(router, 'link', 'set', device, 'up');
  }
  const rules = router.file(
    'nat.nft',
    `table inet nat {
  chain post {
    type nat hook postrouting priority srcnat;
    iifname "home" oifname "outside" masquerade random
  }
  chain input {
    type filter hook input priority filter;
    # What is for no mapping is dropped without a word, and makes no entry that a mapping would have to avoid.
    iifname "outside" ip daddr ${addresses.left.v4} meta l4proto udp drop
    iifname "outside" ip6 daddr ${addresses.left.v6} meta l4proto udp drop
  }
}
`,
  );
  await router.run('nft', '-f', rules);
}

/** Brings the client into a network, as at once as whoever manages a host's networks does: link, addresses and default routes. */
export async function join(
  lab: Lab,
  network: ClientNetwork,
  families: readonly (4 | 6)[] = [4],
): Promise<void> {
  const { device, ...places } = clientNetworks[network];
  const lines = [`link set ${device} up`];
  for (const family of families) {
    const { own, router } = places[family];
    const [length, nodad] = family === 4 ? [24, ''] : [64, 'nodad'];
    lines.push(`address add ${own}/${length} dev ${device} ${nodad}`);
    lines.push(`route add default via ${router} dev ${device}`);
  }
  await ip(lab.left, '-batch', lab.left.file('join', `${lines.join('\n')}\n`));
}

/** Brings the client into a second network beside the first: what leaves from its address there goes through there, and the default
 * route stays where it is.
 */
export async function joinBeside(lab: Lab, network: ClientNetwork): Promise<void> {
  const { device, 4: place } = clientNetworks[network];
  const lines = [
    `link set ${device} up`,
    `address add ${place.own}/24 dev ${device}`,
    `route add default via ${place.router} dev ${device} metric 200`,
    `route add default via ${place.router} dev ${device} table 97`,
    `rule add from ${place.own} lookup 97`,
  ];
  await ip(lab.left, '-batch', lab.left.file('join-beside', `${lines.join('\n')}\n`));
}

/** Takes the client out of a network, as when it goes out of range. */
export async function leave(lab: Lab, network: ClientNetwork): Promise<void> {
  const { device } = clientNetworks[network];
  await ip(lab.left, 'link', 'set', device, 'down');
  await ip(lab.left, 'addr', 'flush', 'dev', device);
}

/** Moves the client from one network to the other, of which it sees nothing before it has left the first. */
export async function move(
  lab: Lab,
  from: ClientNetwork,
  to: ClientNetwork,
  families?: readonly (4 | 6)[],
): Promise<void> {
  await leave(lab, from);
  await join(lab, to, families);
}

/** Has the NAT forget all its mappings; the next packet from within gets another port. */
export async function forgetMappings(lab: Lab): Promise<void> {
  await lab.router.run('conntrack', '-F');
}

/** Outside ports of the mappings for what the client, at home, sends to port 4500 of the server. */
export async function mappedPorts(lab: Lab): Promise<number[]> {
  const entries = await lab.router.run('conntrack', '-L', '-p', 'udp');
  const own =
    /src=10\.98\.0\.2 dst=\S+ sport=\d+ dport=4500 .*dst=10\.99\.0\.1 sport=4500 dport=(\d+)/g;
  return [...entries.matchAll(own)].map(([, port]) => Number(port));
}
