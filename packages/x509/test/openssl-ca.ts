import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Certificate, readPem } from '@ipsec-kit/x509';
import { read } from './authority.ts';

/** A CA, certificates, CRLs and OCSP responses as the openssl command makes them. */
export interface OpensslCa {
  readonly root: Certificate;
  /** Issues a certificate from a section of the configuration. */
  issue(name: string, section: string, by?: string): Certificate;
  certificate(name: string): Certificate;
  revoke(name: string): void;
  /** The CRL of the root in DER. @param section - with its extensions */
  revocationList(section?: string): Uint8Array;
  /** The openssl responder's answer to a request. */
  answerOcsp(request: Uint8Array, signer: string, ...options: readonly string[]): Uint8Array;
  /** What the openssl command reads in an OCSP request. */
  showOcspRequest(request: Uint8Array): string;
  run(...args: readonly string[]): string;
  path(name: string): string;
  remove(): void;
}

const CONFIG = `
[ca]
default_ca = main
[main]
database = index.txt
new_certs_dir = .
serial = serial
crlnumber = crlnumber
default_md = sha256
default_days = 365
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
subjectAltName = DNS:gw.example.org
authorityInfoAccess = OCSP;URI:http://ocsp.example.org/here,caIssuers;URI:http://ca.example.org/ca.der
crlDistributionPoints = URI:http://crl.example.org/ca.crl,URI:ldap://crl.example.org/ca
[responder]
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,OCSPSigning
noCheck = ignored
[any-purpose]
extendedKeyUsage = anyExtendedKeyUsage
[short]
subjectAltName = DNS:gw.example.org
[delta]
2.5.29.27 = critical,ASN1:INTEGER:1
[partial]
issuingDistributionPoint = critical,@idp
[idp]
onlyuser = TRUE
`;

/** Makes a CA with a key of P-256 in a directory of its own. */
export function createOpensslCa(): OpensslCa {
  const directory = mkdtempSync(join(tmpdir(), 'openssl-ca-'));
  const path = (name: string): string => join(directory, name);
  const run = (...args: readonly string[]): string =>
    execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: 'pipe' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  writeFileSync(path('ca.cnf'), CONFIG);
  writeFileSync(path('index.txt'), '');
  writeFileSync(path('serial'), '1000\n');
  writeFileSync(path('crlnumber'), '01\n');
  run(
    ...['req', '-x509', '-config', 'ca.cnf', ...curve, '-subj', '/CN=root', '-days', '3650'],
    ...['-keyout', 'root.key', '-out', 'root.pem', '-extensions', 'authority'],
  );
  const certificate = (name: string): Certificate => {
    const [block] = readPem(readFileSync(path(`${name}.pem`), 'utf8')) ?? [];
    return read(block?.der ?? new Uint8Array(0));
  };
  return {
    root: certificate('root'),
    certificate,
    path,
    run,
    issue(name, section, by = 'root') {
      const subject = ['-subj', `/CN=${name}`];
      run(
        ...['req', '-new', '-config', 'ca.cnf', ...curve, ...subject],
        ...['-keyout', `${name}.key`, '-out', `${name}.csr`],
      );
      run(
        ...['ca', '-config', 'ca.cnf', '-batch', '-notext', '-extensions', section],
        ...['-cert', `${by}.pem`, '-keyfile', `${by}.key`],
        ...['-in', `${name}.csr`, '-out', `${name}.pem`],
      );
      return certificate(name);
    },
    revoke(name) {
      const ca = ['-cert', 'root.pem', '-keyfile', 'root.key'];
      run('ca', '-config', 'ca.cnf', ...ca, '-revoke', `${name}.pem`);
    },
    revocationList(section) {
      const ca = ['-cert', 'root.pem', '-keyfile', 'root.key'];
      const extensions = section === undefined ? [] : ['-crlexts', section];
      run('ca', '-config', 'ca.cnf', ...ca, '-gencrl', ...extensions, '-out', 'ca.crl');
      const [block] = readPem(readFileSync(path('ca.crl'), 'utf8')) ?? [];
      return block?.der ?? new Uint8Array(0);
    },
    answerOcsp(request, signer, ...options) {
      writeFileSync(path('request.der'), request);
      run(
        ...['ocsp', '-index', 'index.txt', '-CA', 'root.pem', '-reqin', 'request.der'],
        ...['-rsigner', `${signer}.pem`, '-rkey', `${signer}.key`, '-respout', 'response.der'],
        ...options,
      );
      return Uint8Array.from(readFileSync(path('response.der')));
    },
    showOcspRequest(request) {
      writeFileSync(path('request.der'), request);
      return run('ocsp', '-reqin', 'request.der', '-req_text');
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
}
