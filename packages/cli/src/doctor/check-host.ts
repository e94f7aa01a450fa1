import { createSocket } from 'node:dgram';
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
} from 'node:fs';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { loadOpenSslProvider } from '@ipsec-kit/crypto-openssl';
import { loadPosix, loadSystemCalls } from '@ipsec-kit/posix';
import { type Finding, type Findings, findingsAbout } from './finding.ts';

/** What of the host matters. */
export interface HostNeeds {
  /** UDP ports that are to be opened: 0 takes any. */
  readonly ports: readonly number[];
  /** Whether a server is among the connections: it cannot do without its ports. */
  readonly answers: boolean;
}

const CAP_NET_ADMIN = 12n;
const TUN_DEVICE = '/dev/net/tun';
/** Processes whose open files are looked at for the owner of a port. */
const MAX_PROCESSES = 20_000;

/** Looks whether this host can carry a tunnel: device, capabilities, ports, system calls. Nothing is changed. */
export async function checkHost(needs: HostNeeds): Promise<readonly Finding[]> {
  const findings = findingsAbout('this host');
  checkTun(findings);
  checkPacketPath(findings);
  for (const port of new Set(needs.ports)) {
    if (port !== 0) await checkPort(port, needs.answers, findings);
  }
  if (needs.ports.length > 0 && needs.ports.every((port) => port === 0))
    findings.add('ok', 'UDP ports: any free ones are taken');
  return findings.list;
}

function checkTun(findings: Findings): void {
  if (process.platform !== 'linux') {
    findings.add('error', `this is ${process.platform}: a TUN device is there on Linux alone`);
    return;
  }
  if (!existsSync(TUN_DEVICE)) {
    const advice =
      'sudo modprobe tun; in a container: docker run --device /dev/net/tun --cap-add NET_ADMIN';
    findings.add('error', `there is no ${TUN_DEVICE}`, advice);
    return;
  }
  if (!hasNetAdmin()) {
    findings.add(
      'error',
      'no capability CAP_NET_ADMIN: neither a TUN device nor addresses and routes can be made',
      'run connect and serve as root, or with: sudo setpriv --ambient-caps +net_admin --inh-caps +net_admin',
    );
    return;
  }
  try {
    accessSync(TUN_DEVICE, constants.R_OK | constants.W_OK);
    findings.add('ok', `${TUN_DEVICE} and CAP_NET_ADMIN are there`);
  } catch {
    findings.add(
      'error',
      `${TUN_DEVICE} may not be opened by this user`,
      `sudo chmod 666 ${TUN_DEVICE}`,
    );
  }
}

function hasNetAdmin(): boolean {
  const [, digits = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(textOf('/proc/self/status')) ?? [];
  return ((BigInt(`0x${digits}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}

/** Why packets would be carried in one thread, if they would. */
function checkPacketPath(findings: Findings): void {
  const posix = loadPosix();
  const calls = loadSystemCalls();
  const fault = posix.ok ? (calls.ok ? undefined : calls.reason) : posix.reason;
  if (fault !== undefined) {
    findings.add(
      'warning',
      `packets go the slower way, through node:dgram in one thread: ${fault}`,
      `install koffi anew: npm install${posix.ok ? '' : '; without it the TUN device has to be handed over: --tun-fd'}`,
    );
    return;
  }
  const openssl = loadOpenSslProvider(createNodeProvider());
  if (openssl.ok)
    findings.add('ok', 'packets go through a worker with batched system calls and OpenSSL');
  else
    findings.add(
      'info',
      `packets go through a worker with batched system calls, sealed by node:crypto: ${openssl.reason}`,
    );
}

async function checkPort(port: number, answers: boolean, findings: Findings): Promise<void> {
  const fault = (await bindFault('udp4', port)) ?? (await bindFault('udp6', port));
  if (fault === undefined) {
    findings.add('ok', `UDP port ${port} is free`);
  } else if (fault === 'EADDRINUSE') {
    const owner = portOwner(port);
    const who = owner === undefined ? 'another process' : `${owner.name} (process ${owner.pid})`;
    const advice = answers
      ? `stop ${owner?.name ?? 'it (sudo ss -lunp names it)'}, or set charon.port and charon.port_nat_t of another pair`
      : 'leave charon.port and charon.port_nat_t out: a client then takes free ports';
    findings.add('error', `UDP port ${port} is in use by ${who}`, advice);
  } else if (fault === 'EACCES' || fault === 'EPERM') {
    findings.add(
      'error',
      `UDP port ${port} may not be opened by this user`,
      'run as root, or with CAP_NET_BIND_SERVICE',
    );
  } else {
    findings.add('error', `UDP port ${port} cannot be opened (${fault})`);
  }
}

/** The system's code when the port cannot be bound; a host without IPv6 has no fault there. */
function bindFault(type: 'udp4' | 'udp6', port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    socket.on('error', (error) => {
      socket.close();
      const code = 'code' in error ? String(error.code) : error.message;
      resolve(code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL' ? undefined : code);
    });
    socket.bind({ port, exclusive: true }, () => socket.close(() => resolve(undefined)));
  });
}

/** The process that has a UDP port, as far as this user may know. @see proc(5): /proc/net/udp, /proc/[pid]/fd */
function portOwner(port: number): { readonly pid: string; readonly name: string } | undefined {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = ['/proc/net/udp', '/proc/net/udp6'].flatMap((table) =>
    textOf(table)
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([, local, , , , , , , , inode]) =>
        local?.endsWith(`:${wanted}`) && inode ? [inode] : [],
      ),
  );
  const sockets = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const processes = namesIn('/proc').filter((name) => /^\d+$/.test(name));
  const pid = processes
    .slice(0, MAX_PROCESSES)
    .find((one) =>
      namesIn(`/proc/${one}/fd`).some((fd) => sockets.has(linkOf(`/proc/${one}/fd/${fd}`))),
    );
  return pid === undefined ? undefined : { pid, name: textOf(`/proc/${pid}/comm`).trim() };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function namesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
