import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import { type Endpoint, formatAddress, formatEndpoint, type IpAddress } from '@ipsec-kit/ip';
import type { AddressTarget, CompiledVpn, ConnectionTransport, Platform } from '@ipsec-kit/vpn';
import { type Finding, type Findings, findingsAbout } from './finding.ts';
import { type Probe, type ProbeResult, probePeer } from './probe-peer.ts';

type Connection = CompiledVpn['connections'][number];

/** With what peers are looked for. */
export interface PeerTools {
  readonly resolve: Platform['resolve'];
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
}

const IKE_PORT = 500;
const NAT_T_PORT = 4500;
const MAX_TARGETS = 4;
const RESOLVE_MS = 5_000;

/** Looks whether the peers of a connection can be found and answer; of several addresses, at most four are asked.
 * @returns nothing for a connection that only answers.
 */
export async function checkPeer(
  connection: Connection,
  transport: ConnectionTransport,
  tools: PeerTools,
): Promise<readonly Finding[]> {
  const findings = findingsAbout(`connection ${connection.name}`);
  const { remoteTargets, remotePort } = transport;
  if (remoteTargets.length === 0) {
    findings.add('info', 'it names no peer to go to: it only answers');
    return findings.list;
  }
  let isThere = false;
  for (const target of remoteTargets.slice(0, MAX_TARGETS)) {
    for (const address of (await addressesOf(target, tools, findings)).slice(0, MAX_TARGETS)) {
      const answers = await checkAddress(address, connection, remotePort, tools, findings);
      isThere ||= answers;
    }
  }
  // The first address that serves is taken: one that does not is no obstacle then.
  return isThere ? findings.list.map(asWarning) : findings.list;
}

function asWarning(finding: Finding): Finding {
  return finding.level === 'error' ? { ...finding, level: 'warning' } : finding;
}

async function addressesOf(
  target: AddressTarget,
  { resolve }: PeerTools,
  findings: Findings,
): Promise<readonly IpAddress[]> {
  if (target.kind === 'address') return [target.address];
  try {
    const found = await within(RESOLVE_MS, resolve(target.name));
    if (found.length === 0) throw new Error('no address');
    findings.add('ok', `${target.name} is ${found.map(formatAddress).join(', ')}`);
    return found;
  } catch (error) {
    const reason =
      error instanceof Error && 'code' in error ? String(error.code) : messageOf(error);
    findings.add(
      'error',
      `the name ${target.name} has no address (${reason})`,
      'check its spelling, and the DNS server of this host',
    );
    return [];
  }
}

async function checkAddress(
  address: IpAddress,
  connection: Connection,
  remotePort: number,
  { crypto, random }: PeerTools,
  findings: Findings,
): Promise<boolean> {
  const isUsual = remotePort === IKE_PORT;
  const probes: readonly Probe[] = [
    { remote: { address, port: remotePort }, marker: !isUsual, proposals: connection.proposals },
    ...(isUsual ? [{ remote: { address, port: NAT_T_PORT }, marker: true, proposals: [] }] : []),
  ];
  const results = await Promise.all(probes.map((probe) => probePeer(probe, crypto, random)));
  for (const [index, { remote, proposals }] of probes.entries()) {
    const result = results[index];
    const otherAnswers = results.some((one) => one !== result && isAnswer(one));
    if (result) judge(result, remote, proposals.length > 0, otherAnswers, findings);
  }
  return results.every((result, index) => isAnswer(result) && (index > 0 || !isRefusal(result)));
}

function judge(
  result: ProbeResult,
  remote: Endpoint,
  isRealOffer: boolean,
  otherAnswers: boolean,
  findings: Findings,
): void {
  const where = `UDP ${formatEndpoint(remote)}`;
  switch (result.kind) {
    case 'accepted':
      findings.add(
        'ok',
        `${where} answers in ${Math.round(result.roundTripMs)} ms, and takes ${result.suite}`,
      );
      return;
    case 'answered':
      judgeNotify(result.notify, where, isRealOffer, findings);
      return;
    case 'silent':
      findings.add('error', `${where} does not answer`, silenceAdvice(remote.port, otherAnswers));
      return;
    case 'unreachable':
      findings.add(
        'error',
        `${where} cannot be reached (${result.code})`,
        result.code === 'ECONNREFUSED'
          ? 'the host is there, but nothing listens on this port: start the server'
          : 'check the routes and the network connection of this host',
      );
  }
}

function judgeNotify(
  notify: string,
  where: string,
  isRealOffer: boolean,
  findings: Findings,
): void {
  const isRefused = notify === 'NO_PROPOSAL_CHOSEN';
  if (isRealOffer && isRefused) {
    findings.add(
      'error',
      `${where} answers, but takes none of the proposals (NO_PROPOSAL_CHOSEN)`,
      'compare proposals with those of the peer; it says the same when it knows no connection for this address',
    );
  } else if (isRefused || notify === 'COOKIE' || notify === 'INVALID_KE_PAYLOAD') {
    findings.add('ok', `${where} answers (${notify})`);
  } else {
    findings.add('warning', `${where} answers ${notify}`, 'look into the log of the peer');
  }
}

function silenceAdvice(port: number, otherAnswers: boolean): string {
  if (otherAnswers)
    return `something between here and there drops UDP ${port}: open it in the firewalls of both sides and in the router before the peer`;
  return 'check that the server runs, that its address is right, and that UDP 500 and 4500 are open in the firewalls and forwarded by its router';
}

function isRefusal(result: ProbeResult): boolean {
  return result.kind === 'answered' && result.notify === 'NO_PROPOSAL_CHOSEN';
}

function isAnswer({ kind }: ProbeResult): boolean {
  return kind === 'accepted' || kind === 'answered';
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
