import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parsePrefix } from '@ipsec-kit/ip';
import { addresses, type Lab } from './lab.ts';
import {
  type ClientNetwork,
  clientNetworks,
  createRoamingLab,
  secondAddresses,
} from './roaming-lab.ts';

const dns = fileURLToPath(new URL('./dns64.mjs', import.meta.url));

/** Under which the NAT64 reaches IPv4; not the well-known one, which is for no private addresses. @see RFC 6052 §3.1 */
export const nat64Prefix = 'fd64::/96';
/** What a host with IPv6 alone is to the IPv4 side of the translator, before its address and port are shared. */
const translated = { router: '192.168.255.1', pool: '192.168.255.0/24' } as const;

/** The roaming lab with a server (right) that has IPv4 alone, and a `home` with IPv6 alone: between them is a NAT64 (RFC 6146, in the
 * shape of tayga and an nftables NAT behind it), whose DNS tells its prefix. In `mobile` the client has IPv4 as ever.
 * @param network - where the client begins.
 */
export async function createNat64Lab(network: ClientNetwork, hasDns = true): Promise<Lab> {
  const lab = await createRoamingLab({ network, families: [network === 'home' ? 6 : 4] });
  await lab.right.run('sysctl', '-q', '-w', 'net.ipv6.conf.eth0.disable_ipv6=1');
  // With another address of IPv4 to tell of, the client need not know that of the one in use.
  await lab.right.run('ip', 'address', 'del', `${secondAddresses.v4}/24`, 'dev', 'eth0');
  await startTranslator(lab);
  if (hasDns) await startDns(lab);
  return lab;
}

async function startTranslator({ router }: Lab): Promise<void> {
  const configuration = router.file(
    'tayga/tayga.conf',
    `tun-device nat64
ipv4-addr ${translated.router}
prefix ${nat64Prefix}
dynamic-pool ${translated.pool}
data-dir ${router.dir}/tayga
`,
  );
  await router.run('tayga', '--config', configuration, '--mktun');
  await router.run('ip', 'link', 'set', 'nat64', 'up');
  await router.run('ip', 'route', 'add', translated.pool, 'dev', 'nat64');
  await router.run('ip', 'route', 'add', nat64Prefix, 'dev', 'nat64');
  const rule = `ip saddr ${translated.pool} oifname outside masquerade random`;
  await router.run('nft', `add rule inet nat post ${rule}`);
  router.start('tayga', ['--config', configuration, '--nodetach']);
}

async function startDns({ left, router }: Lab): Promise<void> {
  const own = clientNetworks.home[6].router;
  writeFileSync(`/etc/netns/${left.name}/resolv.conf`, `nameserver ${own}\noptions timeout:1\n`);
  const bytes = parsePrefix(nat64Prefix)?.address.bytes.subarray(0, 12) ?? [];
  const server = router.start(process.execPath, [
    ...[dns, own, Buffer.from(bytes).toString('hex')],
    'ipv4only.arpa=192.0.0.170,192.0.0.171',
    `server.example=${addresses.right.v4}`,
  ]);
  await server.waitFor(/ready/);
}
