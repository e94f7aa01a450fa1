import { formatIdentity, formatIdentityPattern } from '@ipsec-kit/auth';
import { formatPrefix, formatSelector, intersectSelectors } from '@ipsec-kit/ip';
import type { CompiledVpn } from '@ipsec-kit/vpn';
import { type Finding, type Findings, findingsAbout } from './finding.ts';

type Connection = CompiledVpn['connections'][number];

/** Looks for connections and secrets that contradict each other: each is right by itself, and one of them has no effect. */
export function checkTogether({
  connections,
  transports,
  secrets,
}: Pick<CompiledVpn, 'connections' | 'transports' | 'secrets'>): readonly Finding[] {
  const findings = findingsAbout('all connections');
  checkSecrets(secrets, findings);
  const isWaiting = ({ name }: Connection): boolean =>
    transports.get(name)?.remoteTargets.length === 0;
  const isThere = (connection: Connection): boolean => {
    const { startChildren = [], trapChildren = [] } = transports.get(connection.name) ?? {};
    return isWaiting(connection) || startChildren.length + trapChildren.length > 0;
  };
  for (const [index, second] of connections.entries()) {
    for (const first of connections.slice(0, index)) {
      if (isWaiting(first) && isWaiting(second)) checkPeers(first, second, findings);
      if (isThere(first) && isThere(second)) checkTraffic(first, second, findings);
    }
  }
  return findings.list;
}

/** Two connections that a peer cannot tell apart. */
function checkPeers(first: Connection, second: Connection, findings: Findings): void {
  if (peersOf(first) !== peersOf(second)) return;
  findings.add(
    'warning',
    `${first.name} and ${second.name} are for the same peers, who prove themselves in the same way: all are taken for those of ${first.name}, which stands first`,
    'give them different ids or addresses, or make one connection with several children of them',
  );
}

function peersOf(connection: Connection): string {
  const { localAddresses, remoteAddresses, localIdentity, remoteIdentity } = connection;
  return JSON.stringify([
    localAddresses.map(formatPrefix),
    remoteAddresses.map(formatPrefix),
    localIdentity ? formatIdentity(localIdentity) : '',
    formatIdentityPattern(remoteIdentity),
    connection.remoteAuthentication?.kind ?? 'psk',
    connection.proposals.map(({ transforms }) => transforms),
  ]);
}

/** Two peers behind whom the same network is to be. */
function checkTraffic(first: Connection, second: Connection, findings: Findings): void {
  for (const one of fixedSelectors(first)) {
    for (const other of fixedSelectors(second)) {
      const both = intersectSelectors(one, other);
      if (!both) continue;
      findings.add(
        'warning',
        `${first.name} and ${second.name} are both to carry what goes to ${formatSelector(both)}: one of them alone can have it at a time`,
        'give them remote_ts that do not overlap',
      );
      return;
    }
  }
}

function fixedSelectors({ children }: Connection) {
  return children.flatMap(({ remoteSelectors }) =>
    remoteSelectors.flatMap((one) => (one.kind === 'dynamic' ? [] : [one.selector])),
  );
}

/** Two keys for the same pair. */
function checkSecrets(secrets: CompiledVpn['secrets'], findings: Findings): void {
  const kept = new Map<string, Uint8Array>();
  for (const { ids, secret } of secrets) {
    const names = ids.map(formatIdentityPattern).toSorted().join(' and ') || 'everyone';
    const before = kept.get(names);
    const bytes = secret.reveal();
    if (before === undefined) kept.set(names, bytes);
    else if (!Buffer.from(before).equals(bytes))
      findings.add(
        'warning',
        `there are two different pre-shared keys for ${names}: the first one counts`,
        'leave one of them in secrets, or give them ids that differ',
      );
  }
}
