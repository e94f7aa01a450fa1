import {
  CertificateChainValidationEngine,
  type ICryptoEngine,
  Certificate as PkijsCertificate,
} from 'pkijs';
import type { Certificate } from './certificate.ts';

/** Whether certificate policies and name constraints allow a path, as pkijs sees it; the constraints are checked here besides.
 * The path is one that {@link findPaths} has verified: pkijs gets it as it stands, and neither searches nor verifies,
 * since its own search has no bound.
 * @param path - from the end entity to the anchor, at least two.
 * @see RFC 5280 §6.1
 */
export async function allowsPath(path: readonly Certificate[], atMs: number): Promise<boolean> {
  try {
    // Not slice(): that of a Buffer is a view of a larger memory.
    const certificates = path.map(({ der }) =>
      PkijsCertificate.fromBER(Uint8Array.from(der).buffer),
    );
    const anchor = certificates.at(-1);
    if (anchor === undefined) return false;
    const engine = new CertificateChainValidationEngine({
      trustedCerts: [anchor],
      // The last one is whom it is about.
      certs: certificates.slice(0, -1).toReversed(),
      // biome-ignore lint/style/noRestrictedGlobals: the time was handed in; pkijs wants it as a Date.
      checkDate: new Date(atMs),
      findIssuer: async (certificate) => {
        const next = certificates[certificates.indexOf(certificate) + 1];
        return next ? [next] : [];
      },
    });
    const { result } = await engine.verify({}, NO_CRYPTO);
    return result;
  } catch {
    // What pkijs does not like it throws.
    return false;
  }
}

/** With the issuers given, no signature is looked at. */
const NO_CRYPTO = { name: 'none' } as ICryptoEngine;
