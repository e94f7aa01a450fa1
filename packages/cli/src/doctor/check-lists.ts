import { type RevocationList, readPem, readRevocationList } from '@ipsec-kit/x509';
import { readWholeFile } from '../files/new-file.ts';
import type { CredentialReader } from './credential-reader.ts';
import { type Finding, findingsAbout } from './finding.ts';

const MAX_LIST_BYTES = 4 * 1024 * 1024;

/** Reads the CRLs beside a configuration. @param all - gets the findings about them. @returns those that can be read. */
export function checkLists(
  reader: CredentialReader,
  nowMs: number,
  all: Finding[],
): readonly RevocationList[] {
  const findings = findingsAbout('x509crl');
  const lists = reader.filesIn('x509crl').flatMap((file) => {
    const read = listsOf(file);
    if (typeof read === 'string') {
      findings.add('error', read, 'have the CRL of the CA there, in PEM or DER');
      return [];
    }
    for (const { nextUpdateMs, revoked } of read) {
      const date = new Date(nextUpdateMs).toISOString().slice(0, 10);
      if (nextUpdateMs > nowMs)
        findings.add('ok', `${file} is a CRL until ${date}, with ${revoked.size} revoked`);
      else
        findings.add(
          'warning',
          `${file} has run out on ${date}: what it says counts no more`,
          'fetch the next one from the CA; of one of ipsec-kit pki, write it: ipsec-kit pki crl',
        );
    }
    return read;
  });
  all.push(...findings.list);
  return lists;
}

/** The CRLs of a file, or a sentence that says why there are none. */
function listsOf(file: string): readonly RevocationList[] | string {
  let bytes: Uint8Array;
  try {
    bytes = readWholeFile(file, MAX_LIST_BYTES);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const blocks = readPem(Buffer.from(bytes).toString('latin1')) ?? [];
  const pem = blocks.filter(({ label }) => label === 'X509 CRL').map(({ der }) => der);
  const ders = bytes[0] === 0x30 ? [bytes] : pem;
  const lists: RevocationList[] = [];
  for (const der of ders) {
    const read = readRevocationList(der);
    if (!read.ok) return `${file} holds a CRL that is ${read.code}`;
    lists.push(read.list);
  }
  return lists.length === 0 ? `${file} holds no CRL` : lists;
}
