import { certificateVouchesFor, type Identity } from '@ipsec-kit/auth';
import type { CryptoProvider } from '@ipsec-kit/crypto';
import { namesOf } from '@ipsec-kit/x509';
import type { CompiledVpn } from '../compile/index.ts';
import type { Keyring } from '../credentials/keyring.ts';
import { VpnError } from '../vpn-error.ts';
import { type EapConnection, hasTls } from './compiled-eap.ts';
import { identityOf } from './eap-names.ts';

/** Gives connections that do TLS inside of EAP, and name no certificate of this side, those that are for it and lie beside its keys: in
 * PKCS #12 files, now that they are open, or in the directory x509.
 * @throws VpnError `config` where TLS cannot do without one, and there is none.
 */
export function findTlsCertificates(
  compiled: CompiledVpn,
  keyring: Pick<Keyring, 'certificates' | 'faults' | 'pkcs8For'>,
  crypto: Pick<CryptoProvider, 'sha1'>,
): CompiledVpn {
  const { credentials, eap } = compiled;
  const loose = [...credentials.certificates, ...keyring.certificates].filter(
    ({ certificate: { extensions, publicKey } }) => !extensions.isCa && keyring.pkcs8For(publicKey),
  );
  const connections = new Map(eap.connections);
  for (const { name, localIdentity } of compiled.connections) {
    const one = eap.connections.get(name);
    if (!one || one.certificates.length > 0 || !hasTls(one)) continue;
    const own = one.peer?.identity ? identityOf(one.peer.identity) : localIdentity;
    const isOwn = (names: ReturnType<typeof namesOf>, identity: Identity | undefined): boolean =>
      identity === undefined || certificateVouchesFor(names, identity);
    const certificates = loose.filter(({ certificate }) =>
      isOwn(namesOf(certificate, crypto), own),
    );
    if (certificates.length === 0 && needsCertificate(one)) {
      const why = keyring.faults.slice(0, 3).map((fault) => ` ${fault}`);
      const sentence = `There is no certificate for TLS inside EAP of the connection ${name}, with its private key: name it in certs of local, or a PKCS #12 file that holds both in the secrets.`;
      throw new VpnError('config', `${sentence}${why.join('')}`);
    }
    connections.set(name, { ...one, certificates });
  }
  return { ...compiled, eap: { ...eap, connections } };
}

/** A client of TTLS has a password instead, and so believes a server whose CA it knows. @see RFC 5281 §7.1 */
function needsCertificate({ peer, authenticator }: EapConnection): boolean {
  const methods = [peer?.methods ?? [], authenticator?.methods ?? []].flat();
  if (methods.includes('eap-tls') || (methods.includes('eap-ttls') && !peer)) return true;
  return peer?.methods.includes('eap-ttls') === true && peer.ttlsInner === 'certificate';
}
