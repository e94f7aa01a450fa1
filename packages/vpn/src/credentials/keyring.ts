import { webcrypto } from 'node:crypto';
import { KeyMaterial, type SigningKey } from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import { readCertificate, readKeyFile } from '@ipsec-kit/x509';
import { nodeOldCiphers } from '@ipsec-kit/x509/node';
import type { CompiledVpn } from '../compile/index.ts';
import { hasTls } from '../eap/compiled-eap.ts';
import { VpnError } from '../vpn-error.ts';
import type { KeySource, NamedCertificate } from './compiled-credentials.ts';

/** Keys that can sign. */
export interface Keyring {
  readonly keys: readonly SigningKey[];
  /** What PKCS #12 files held beside keys. */
  readonly certificates: readonly NamedCertificate[];
  /** Files that could not be opened, in sentences: no mistake unless their keys are wanted. */
  readonly faults: readonly string[];
  /** The private key of a public one (SubjectPublicKeyInfo), for TLS, which signs by itself; `undefined` of a key that is elsewhere. */
  pkcs8For(publicKey: Uint8Array): KeyMaterial | undefined;
}

/** Opens the files with keys, those that are encrypted with their passwords. Never rejects. */
export async function openKeyring(sources: readonly KeySource[]): Promise<Keyring> {
  const keys: SigningKey[] = [];
  const opened: { readonly key: SigningKey; readonly pkcs8: KeyMaterial }[] = [];
  const certificates: NamedCertificate[] = [];
  const faults: string[] = [];
  for (const source of sources) {
    if (source.kind === 'key') {
      keys.push(source.key);
      continue;
    }
    const { name, bytes, password } = source;
    const given = password ? { password } : {};
    const read = await readKeyFile(bytes.reveal(), {
      ...given,
      webCrypto: webcrypto,
      oldCiphers: nodeOldCiphers,
    });
    if (!read.ok) {
      faults.push(`${name}: ${read.sentence}`);
      continue;
    }
    for (const pkcs8 of read.keys) {
      const kept = new KeyMaterial(pkcs8.reveal().slice());
      const imported = createNodeSignatures().importPrivateKey(pkcs8);
      if (imported.ok) {
        keys.push(imported.key);
        opened.push({ key: imported.key, pkcs8: kept });
      } else faults.push(`${name}: It holds a private key that is ${imported.code}.`);
    }
    for (const der of read.certificates) {
      const certificate = readCertificate(der);
      if (certificate.ok) certificates.push({ name, certificate: certificate.certificate });
    }
  }
  const pkcs8For = (publicKey: Uint8Array): KeyMaterial | undefined =>
    opened.find(({ key }) => Buffer.from(key.publicKey).equals(publicKey))?.pkcs8;
  return { keys, certificates, faults, pkcs8For };
}

/** Requires a private key for a certificate or raw public key of each connection that names some.
 * @throws VpnError `config`: without, no peer would believe this side.
 */
export function requireKeys(
  { connections, credentials, eap }: Pick<CompiledVpn, 'connections' | 'credentials' | 'eap'>,
  { keys, faults, pkcs8For }: Keyring,
): void {
  for (const { name } of connections) {
    const connection = eap.connections.get(name);
    const tls = connection?.certificates ?? [];
    const isElsewhere = tls.some(({ certificate: { publicKey } }) =>
      keys.some((key) => Buffer.from(key.publicKey).equals(publicKey)),
    );
    const isAtHand = tls.some(({ certificate }) => pkcs8For(certificate.publicKey));
    if (connection && isElsewhere && !isAtHand && hasTls(connection)) {
      throw new VpnError(
        'config',
        `The private key for ${tls.map((one) => one.name).join(', ')} of the connection ${name} is elsewhere, and node:tls, which does eap-tls and eap-ttls, signs with keys from files alone: name its file, or use auth = pubkey or another EAP method.`,
      );
    }
    const own = credentials.own.get(name);
    const named = [
      ...(own?.certificates ?? tls).map((one) => ({ ...one, ...one.certificate })),
      ...(own?.publicKeys ?? []),
    ];
    const hasKey = named.some((one) =>
      keys.some(({ publicKey }) => Buffer.from(publicKey).equals(one.publicKey)),
    );
    if (named.length === 0 || hasKey) continue;
    const files = named.map((one) => one.name).join(', ');
    const what =
      faults.length === 0
        ? 'put it into the directory private beside the configuration, or add it to the keys.'
        : `it may be in what could not be opened. ${faults.slice(0, 3).join(' ')}`;
    throw new VpnError(
      'config',
      `There is no private key for ${files} of the connection ${name}: ${what}`,
    );
  }
}
