import type { CryptoProvider } from '@ipsec-kit/crypto';
import type { ConnectionConfig } from '@ipsec-kit/ikev2';
import { CertEncoding } from '@ipsec-kit/ikev2-codec';
import { type Certificate, encodeAuthorities } from '@ipsec-kit/x509';
import type { CompiledVpn } from '../compile/index.ts';
import { VpnError } from '../vpn-error.ts';
import type { ChainTrust } from './compiled-credentials.ts';
import type { Keyring } from './keyring.ts';

/** Trusts the CAs of the PKCS #12 files that the configuration names for that, now that they are open.
 * @throws VpnError `config` for one that could not be opened, or has no CA in it.
 */
export function trustContainers(
  compiled: CompiledVpn,
  keyring: Pick<Keyring, 'certificates' | 'faults'>,
  crypto: Pick<CryptoProvider, 'sha1'>,
): CompiledVpn {
  const found: Certificate[] = [];
  const opened = <Trust extends ChainTrust>(trust: Trust): Trust => {
    if (trust.containers.length === 0) return trust;
    const inside = trust.containers.flatMap((name) => authoritiesIn(name, keyring));
    found.push(...inside);
    return { ...trust, anchors: [...trust.anchors, ...inside] };
  };
  const { credentials, eap } = compiled;
  const peers = mapped(credentials.peers, opened);
  const connections = mapped(eap.connections, opened);
  if (found.length === 0) return compiled;
  return {
    ...compiled,
    connections: compiled.connections.map((one) => asking(one, peers.get(one.name), crypto)),
    credentials: {
      ...credentials,
      peers,
      authorities: [...credentials.authorities, ...new Set(found)],
    },
    eap: { ...eap, connections },
  };
}

function authoritiesIn(
  name: string,
  { certificates, faults }: Pick<Keyring, 'certificates' | 'faults'>,
): readonly Certificate[] {
  const inside = certificates
    .filter((one) => one.name === name && one.certificate.extensions.isCa)
    .map(({ certificate }) => certificate);
  if (inside.length > 0) return inside;
  const fault = faults.find((one) => one.startsWith(`${name}: `));
  throw new VpnError('config', fault ?? `${name}: There is no CA in it that could be trusted.`);
}

/** The connection with CERTREQ payloads that name all of its CAs. @see RFC 7296 §3.7 */
function asking(
  connection: ConnectionConfig,
  trust: ChainTrust | undefined,
  crypto: Pick<CryptoProvider, 'sha1'>,
): ConnectionConfig {
  const { remoteAuthentication } = connection;
  if (!trust || remoteAuthentication?.kind !== 'signature') return connection;
  const certificateRequests = remoteAuthentication.certificateRequests.map((one) =>
    one.encoding === CertEncoding.X509_CERTIFICATE_SIGNATURE
      ? { ...one, data: encodeAuthorities(trust.anchors, crypto) }
      : one,
  );
  return {
    ...connection,
    remoteAuthentication: { ...remoteAuthentication, certificateRequests },
  };
}

function mapped<Value>(
  map: ReadonlyMap<string, Value>,
  change: (value: Value) => Value,
): ReadonlyMap<string, Value> {
  return new Map([...map].map(([name, value]) => [name, change(value)]));
}
