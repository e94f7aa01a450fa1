import { createSecretStore, formatIdentity, formatIdentityPattern } from '@ipsec-kit/auth';
import { transformName } from '@ipsec-kit/crypto';
import { formatSelector } from '@ipsec-kit/ip';
import type { CompiledVpn } from '@ipsec-kit/vpn';
import { describeEap } from './describe-eap.ts';
import { type Finding, type Findings, findingsAbout } from './finding.ts';
import { trustText } from './trust-text.ts';

type Connection = CompiledVpn['connections'][number];
type Transforms = Connection['proposals'][number]['transforms'];
type Selectors = Connection['children'][number]['localSelectors'];

/** Fewer bytes than this can be guessed by whoever has recorded one attempt as initiator's peer. @see RFC 7296 §2.15 */
const MIN_SECRET_BYTES = 16;
const MINUTE_MS = 60_000;

/** By the names that {@link transformName} has. @see RFC 8247 §2, RFC 8221 §5, §6 */
const WEAK: Readonly<Record<string, string>> = {
  '3DES_CBC': 'has blocks of 64 bits',
  HMAC_MD5_96: 'is MD5',
  PRF_HMAC_MD5: 'is MD5',
  HMAC_SHA1_96: 'is SHA-1',
  PRF_HMAC_SHA1: 'is SHA-1',
  MODP_768: 'can be broken',
  MODP_1024: 'is within reach of states',
  MODP_1536: 'is too short by now',
  MODP_1024_160: 'must not be used (RFC 8247 §2.4)',
};

/** Says what a connection offers and asks for, and what of that is weak. @returns the findings about it. */
export function checkOffers(connection: Connection, vpn: CompiledVpn): readonly Finding[] {
  const findings = findingsAbout(`connection ${connection.name}`);
  describeIdentities(connection, vpn, findings);
  const weak = new Set<string>();
  for (const { transforms } of connection.proposals) {
    findings.add('info', `IKE proposal: ${proposalText(transforms, weak)}`);
  }
  for (const child of connection.children) {
    const selectors = `${selectorsText(child.localSelectors)} === ${selectorsText(child.remoteSelectors)}`;
    findings.add('info', `child ${child.name}, ${child.mode ?? 'tunnel'}: ${selectors}`);
    for (const { transforms } of child.proposals) {
      findings.add('info', `child ${child.name}, ESP proposal: ${proposalText(transforms, weak)}`);
    }
    checkLifetime(`child ${child.name}`, child.rekeyMs, findings);
  }
  checkLifetime('the IKE SA', connection.rekeyMs ?? connection.reauthMs, findings);
  for (const name of weak) {
    findings.add(
      'warning',
      `${name} ${WEAK[name]}, and a peer may choose it`,
      'leave it out of proposals and esp_proposals',
    );
  }
  if (weak.size === 0) findings.add('ok', 'no weak algorithm is offered');
  return findings.list;
}

function describeIdentities(connection: Connection, vpn: CompiledVpn, findings: Findings): void {
  const { localIdentity, remoteIdentity } = connection;
  const own = localIdentity ? formatIdentity(localIdentity) : 'its address';
  const { localAuthentication, remoteAuthentication } = connection;
  const [ownWay = 'psk', peerWay = 'psk'] = [localAuthentication?.kind, remoteAuthentication?.kind];
  findings.add(
    'info',
    `this side is ${own} and proves it with ${WAYS[ownWay]}, the peer ${formatIdentityPattern(remoteIdentity)} with ${WAYS[peerWay]}`,
  );
  if (peerWay === 'signature') describeTrust(connection, vpn, findings);
  describeEap(connection.name, vpn, findings);
  describePpk(connection, findings);
  if (ownWay !== 'psk' && peerWay !== 'psk') return;
  if (!localIdentity || remoteIdentity.kind !== 'identity') return;
  const secret = createSecretStore(vpn.secrets).find(localIdentity, remoteIdentity.identity);
  if (secret === undefined) {
    findings.add(
      'error',
      'there is no pre-shared key for these two identities',
      `add a section ike-${connection.name} to secrets, with id = ${formatIdentity(remoteIdentity.identity)}`,
    );
  } else if (secret.length < MIN_SECRET_BYTES) {
    findings.add(
      'warning',
      `the pre-shared key has ${secret.length} bytes: whoever talks to this side once can guess short ones at leisure`,
      'draw one, for example with: openssl rand -base64 24',
    );
  } else {
    findings.add('ok', `there is a pre-shared key of ${secret.length} bytes`);
  }
}

/** Bytes of a post-quantum pre-shared key that leave 128 bits to a quantum computer. @see RFC 8784 §6 */
const MIN_PPK_BYTES = 32;

function describePpk({ ppk }: Connection, findings: Findings): void {
  if (!ppk) return;
  const used = ppk.own ? [ppk.own] : ppk.keys;
  const least = Math.min(...used.map(({ key }) => key.length));
  const how = ppk.required ? 'required' : 'used where the peer has one';
  findings.add('info', `a post-quantum pre-shared key is ${how}`);
  if (least >= MIN_PPK_BYTES) return;
  findings.add(
    'warning',
    `a post-quantum pre-shared key has ${least} bytes: fewer than ${MIN_PPK_BYTES} of true randomness resist no quantum computer`,
    'draw one, for example with: openssl rand -base64 32, written as 0s and that',
  );
}

const WAYS = { psk: 'a pre-shared key', signature: 'a certificate', eap: 'EAP' } as const;

function describeTrust(
  { name }: Connection,
  { credentials }: CompiledVpn,
  findings: Findings,
): void {
  const peer = credentials.peers.get(name);
  if (!peer) return;
  const { pinned, publicKeys } = peer;
  if (pinned.length + publicKeys.length > 0) {
    const what = [
      ...(pinned.length > 0 ? [`one of ${pinned.length} certificates`] : []),
      ...(publicKeys.length > 0 ? [`one of ${publicKeys.length} raw public keys`] : []),
    ].join(' or ');
    findings.add('info', `the peer has to have ${what}; no CA is asked`);
    return;
  }
  findings.add('info', `the certificate of the peer has to come from ${trustText(peer)}`);
}

function checkLifetime(what: string, rekeyMs: number | undefined, findings: Findings): void {
  if (rekeyMs === undefined || rekeyMs === 0) {
    findings.add(
      'warning',
      `the keys of ${what} are never replaced by time`,
      'leave rekey_time at its default',
    );
  } else if (rekeyMs < MINUTE_MS) {
    findings.add(
      'warning',
      `the keys of ${what} are replaced every ${rekeyMs / 1000} s`,
      'some minutes at least are sensible',
    );
  }
}

function proposalText(transforms: Transforms, weak: Set<string>): string {
  const types = [...new Set(transforms.map(({ type }) => type))];
  return types
    .map((wanted) =>
      transforms
        .filter(({ type }) => type === wanted)
        .map(({ type, id, keyBits }) => {
          const name = transformName(type, id, keyBits);
          if (Object.hasOwn(WEAK, name)) weak.add(name);
          return name;
        })
        .join(' or '),
    )
    .join(', ');
}

function selectorsText(selectors: Selectors): string {
  return selectors
    .map((one) => (one.kind === 'dynamic' ? 'its own address' : formatSelector(one.selector)))
    .join(' ');
}
