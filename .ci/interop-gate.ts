import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';

/** What a test may need beyond Node. */
export type Need =
  | 'root'
  | 'tun'
  | 'netns'
  | 'nft'
  | 'conntrack'
  | 'strongswan'
  | 'tshark'
  | 'tcpdump'
  | 'iperf3'
  | 'openssl'
  | 'python3'
  | 'freeradius'
  | 'eapol_test'
  | 'pki'
  | 'tayga'
  | 'zbarimg';

const checks: Record<Need, () => string | undefined> = {
  root: () => (process.getuid?.() === 0 ? undefined : 'it needs root'),
  tun: () => (usable('/dev/net/tun') ? undefined : 'it needs /dev/net/tun'),
  netns: () => program('ip', 'iproute2'),
  nft: () => program('nft', 'nftables'),
  conntrack: () => program('conntrack', 'conntrack'),
  strongswan: () =>
    existsSync('/usr/sbin/charon-systemd')
      ? program('swanctl', 'strongswan-swanctl')
      : 'it needs strongSwan (charon-systemd)',
  tcpdump: () => program('tcpdump', 'tcpdump'),
  tshark: () => program('tshark', 'tshark'),
  iperf3: () => program('iperf3', 'iperf3'),
  openssl: () => program('openssl', 'openssl'),
  python3: () => program('python3', 'python3'),
  freeradius: () => program('freeradius', 'freeradius'),
  pki: () => program('pki', 'strongswan-pki'),
  eapol_test: () => program('eapol_test', 'eapoltest'),
  tayga: () => program('tayga', 'tayga'),
  zbarimg: () => program('zbarimg', 'zbar-tools'),
};

function usable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function program(name: string, debianPackage: string): string | undefined {
  try {
    execFileSync('/bin/sh', ['-c', `command -v ${name}`], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `it needs ${name} (Debian package ${debianPackage})`;
  }
}

/** Decides whether a test that needs more than Node runs here.
 * With IPSEC_KIT_REQUIRE_INTEROP=1 a missing need is a failure; otherwise one line says what is skipped and why.
 * @param title - what would be skipped, for that line.
 */
export function interopGate(
  needs: readonly Need[],
  title = 'a test with real peers',
): { skip: boolean } {
  const missing = needs.map((need) => checks[need]()).filter((reason) => reason !== undefined);
  if (missing.length === 0) return { skip: false };
  const reason = missing.join(', ');
  if (process.env.IPSEC_KIT_REQUIRE_INTEROP === '1') {
    throw new Error(`IPSEC_KIT_REQUIRE_INTEROP=1, but ${title} cannot run: ${reason}`);
  }
  process.stderr.write(`skipped: ${title}: ${reason}\n`);
  return { skip: true };
}
