import type { ProfileAuthentication, VpnProfile } from '@ipsec-kit/profiles';
import { VpnError } from '@ipsec-kit/vpn';
import type { ConfigSection } from '@ipsec-kit/vpn/swanctl';

/** What of a profile stands in a connection of a configuration; certificates are files, which the caller reads. */
export interface ConnectionProfile {
  readonly profile: Omit<VpnProfile, 'caCertificates'>;
  readonly caFiles: readonly string[];
}

/** How to look at a connection. */
export interface ConnectionView {
  /** Set when the configuration is the server's: where its clients find it. */
  readonly server: string | undefined;
  /** Who the user is; default the identity that the configuration has for the client. */
  readonly identity: string | undefined;
  readonly withSecrets: boolean;
}

/** Finds the connection that is meant. @throws VpnError that names those which there are. */
export function findConnection(
  root: ConfigSection,
  wanted: string | undefined,
): { readonly name: string; readonly section: ConfigSection } {
  const all = [...(root.sections.get('connections')?.sections ?? [])];
  const names = all.map(([name]) => name).join(', ');
  const [found, second] = all.filter(([name]) => wanted === undefined || name === wanted);
  if (found === undefined) {
    const what = wanted === undefined ? 'no connection' : `no connection ${JSON.stringify(wanted)}`;
    throw new VpnError(
      'config',
      `There is ${what} in the configuration${names === '' ? '' : `; there is: ${names}`}.`,
    );
  }
  if (second !== undefined) {
    throw new VpnError(
      'config',
      `There are several connections (${names}): choose one with --connection.`,
    );
  }
  return { name: found[0], section: found[1] };
}

/** Makes the profile of the client of a connection. @throws VpnError when the connection cannot be one. */
export function connectionProfile(
  root: ConfigSection,
  name: string,
  connection: ConfigSection,
  view: ConnectionView,
): ConnectionProfile {
  const [client, server] = view.server === undefined ? ['local', 'remote'] : ['remote', 'local'];
  const clientRounds = roundsOf(connection, client ?? '');
  const [serverRound] = roundsOf(connection, server ?? '');
  const host = view.server ?? concreteAddress(connection);
  const clientId = view.identity ?? exact(clientRounds[0]?.values.get('id'));
  const remoteId = exact(serverRound?.values.get('id')) ?? host;
  const port =
    view.server === undefined
      ? Number(connection.values.get('remote_port') ?? Number.NaN)
      : Number.NaN;
  const subnets = [...(connection.sections.get('children')?.sections.values() ?? [])].flatMap(
    (child) => listOf(child.values.get(view.server === undefined ? 'remote_ts' : 'local_ts')),
  );
  const isAll = subnets.some((one) => one === '0.0.0.0/0' || one === '::/0');
  const child = [...(connection.sections.get('children')?.sections.values() ?? [])][0];
  return {
    profile: {
      name,
      server: host,
      ...(Number.isInteger(port) ? { port } : {}),
      remoteId,
      ...(clientId === undefined ? {} : { localId: clientId }),
      authentication: authenticationOf(root, clientRounds, clientId, remoteId, view.withSecrets),
      ikeProposals: listOf(connection.values.get('proposals')).filter(isNamed),
      espProposals: listOf(child?.values.get('esp_proposals')).filter(isNamed),
      remoteSubnets: isAll ? [] : subnets.filter((one) => /^[0-9a-f.:]+\/\d+$/i.test(one)),
      ...(connection.values.get('mobike') === 'no' ? { mobike: false } : {}),
      ...(view.server === undefined && serverRound?.values.get('revocation') === 'strict'
        ? { revocation: 'strict' as const }
        : {}),
    },
    caFiles: caFilesOf(root, serverRound),
  };
}

function authenticationOf(
  root: ConfigSection,
  rounds: readonly ConfigSection[],
  clientId: string | undefined,
  remoteId: string,
  withSecrets: boolean,
): ProfileAuthentication {
  const methods = rounds.map((round) => round.values.get('auth') ?? 'pubkey');
  const eap = rounds.find((_, index) => methods[index]?.startsWith('eap'));
  const user = exact(eap?.values.get('eap_id')) ?? clientId;
  const named = user === undefined ? {} : { user };
  const [first = 'pubkey', second] = methods;
  if (second?.startsWith('eap')) return { kind: 'certificate-and-eap', ...named };
  if (first === 'eap-tls') return { kind: 'eap-tls' };
  if (first.startsWith('eap')) return { kind: 'eap', ...named };
  if (first !== 'psk') return { kind: 'certificate' };
  const secret = withSecrets ? preSharedKey(root, clientId, remoteId) : undefined;
  return { kind: 'psk', ...(secret === undefined ? {} : { secret }) };
}

/** The key of the section that names one of both, or no one. @throws VpnError when there is none, or it is not text. */
function preSharedKey(root: ConfigSection, clientId: string | undefined, remoteId: string): string {
  const sections = [...(root.sections.get('secrets')?.sections ?? [])].filter(([name]) =>
    name.startsWith('ike'),
  );
  const idsOf = (section: ConfigSection): readonly string[] =>
    [...section.values].filter(([key]) => key.startsWith('id')).map(([, id]) => id);
  const rank = (section: ConfigSection): number => {
    const ids = idsOf(section);
    if (ids.length === 0) return 1;
    return (
      (clientId !== undefined && ids.includes(clientId) ? 4 : 0) + (ids.includes(remoteId) ? 2 : 0)
    );
  };
  const [best] = sections
    .map(([, section]) => section)
    .filter((one) => rank(one) > 0)
    .toSorted((a, b) => rank(b) - rank(a));
  const secret = best?.values.get('secret');
  if (secret === undefined)
    throw new VpnError(
      'config',
      'There is no pre-shared key for this connection in the configuration.',
    );
  if (/^0[xs]/i.test(secret)) {
    throw new VpnError(
      'config',
      'The pre-shared key of this connection is written as hexadecimal or Base64, and a profile can only hold text.',
    );
  }
  return secret;
}

function caFilesOf(root: ConfigSection, serverRound: ConfigSection | undefined): readonly string[] {
  const named = listOf(serverRound?.values.get('cacerts'));
  if (named.length > 0) return named;
  return [...(root.sections.get('authorities')?.sections.values() ?? [])].flatMap(
    (one) => one.values.get('cacert') ?? [],
  );
}

function concreteAddress(connection: ConfigSection): string {
  const found = listOf(connection.values.get('remote_addrs')).find(
    (one) => !/[%/]|^0\.0\.0\.0$|^::$/.test(one),
  );
  if (found !== undefined) return found;
  throw new VpnError(
    'config',
    'The connection names no address to connect to, as on a server: say with --server HOST where its clients find it.',
  );
}

function roundsOf(connection: ConfigSection, side: string): readonly ConfigSection[] {
  return [...connection.sections]
    .filter(([name]) => name.startsWith(side))
    .map(([, section]) => section);
}

/** An identity that stands for one peer alone. */
function exact(id: string | undefined): string | undefined {
  return id === undefined || id === '' || id.includes('*') || id.startsWith('%any')
    ? undefined
    : id;
}

function isNamed(proposal: string): boolean {
  return proposal !== 'default';
}

function listOf(value: string | undefined): readonly string[] {
  return (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
