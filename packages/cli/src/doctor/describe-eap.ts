import type { CompiledVpn } from '@ipsec-kit/vpn';
import type { Findings } from './finding.ts';
import { trustText } from './trust-text.ts';

type Eap = NonNullable<ReturnType<CompiledVpn['eap']['connections']['get']>>;

/** Methods that make no key. @see RFC 7296 §2.16 */
const KEYLESS: ReadonlySet<string> = new Set(['eap-md5', 'eap-gtc']);

/** Says what EAP a connection has, and what of that is weak. */
export function describeEap(name: string, { eap }: CompiledVpn, findings: Findings): void {
  const connection = eap.connections.get(name);
  if (!connection) return;
  const { peer, authenticator } = connection;
  if (peer) describePeer(connection, peer, findings);
  if (authenticator && !peer) describeAuthenticator(connection, authenticator, eap, findings);
  if (peer && authenticator) {
    findings.add('info', 'nothing but EAP proves the server (RFC 5998)');
  }
  const methods = [...(peer?.methods ?? []), ...namedMethods(authenticator)];
  for (const method of new Set(methods)) {
    if (!KEYLESS.has(method)) continue;
    findings.add(
      'warning',
      `${method} makes no key, so that nothing binds the tunnel to it`,
      'use eap-tls or eap-mschapv2',
    );
  }
}

function describePeer(
  { certificates }: Eap,
  { methods, identity }: NonNullable<Eap['peer']>,
  findings: Findings,
): void {
  const name = identity ? `as ${new TextDecoder().decode(identity)}` : 'under its own identity';
  const shown = certificates.map((one) => one.name).join(', ');
  const isShown = shown !== '' && (methods.includes('eap-tls') || methods.includes('eap-ttls'));
  const certificate = isShown ? `, with ${shown}` : '';
  findings.add('info', `this side proves itself ${name} by ${methods.join(' or ')}${certificate}`);
}

function describeAuthenticator(
  connection: Eap,
  authenticator: NonNullable<Eap['authenticator']>,
  { passwords, radius }: CompiledVpn['eap'],
  findings: Findings,
): void {
  if (authenticator.methods === 'radius') {
    const servers = radius?.servers.map(({ address, port }) => `${address} port ${port}`) ?? [];
    findings.add('info', `users are known to RADIUS servers: ${servers.join(', then ')}`);
    return;
  }
  const users = passwords.size === 1 ? 'one user' : `${passwords.size} users`;
  const asks = authenticator.asksIdentity ? ', who are asked for their names' : '';
  findings.add(
    'info',
    `peers prove themselves by ${authenticator.methods.join(' or ')}${asks}; there are passwords of ${users}`,
  );
  const byTls = authenticator.methods.includes('eap-tls') ? ['eap-tls'] : [];
  const byTtls = authenticator.ttlsCert ? ['eap-ttls, beside their password,'] : [];
  const ways = [...byTls, ...byTtls].join(' and ');
  if (ways === '') return;
  findings.add(
    'info',
    `a certificate that peers show in ${ways} has to come from ${trustText(connection)}`,
  );
}

function namedMethods(authenticator: Eap['authenticator']): readonly string[] {
  return authenticator && authenticator.methods !== 'radius' ? authenticator.methods : [];
}
