import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeProvider, createNodeSignatures } from '@ipsec-kit/crypto/node';
import {
  type Certificate,
  createCertificateValidator,
  readCertificate,
  readPem,
} from '@ipsec-kit/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What openssl takes as the answer of another to the same question. */
const OK = true;
const NO = false;

const rows: readonly {
  readonly what: string;
  readonly constraints: string;
  readonly subject?: string;
  /** How strings of the subject are encoded; default UTF8String. */
  readonly mask?: 'utf8only' | 'nombstr';
  readonly san?: string;
  readonly isGood: boolean;
}[] = [
  {
    what: 'all forms permitted, and all kept to',
    constraints:
      'permitted;DNS:example.org, permitted;email:example.org, permitted;IP:192.0.2.0/255.255.255.0, permitted;IP:2001:db8::/ffff:ffff::, permitted;dirName:dir',
    subject: '/O=Example/CN=gw',
    san: 'DNS:gw.example.org, email:carol@example.org, IP:192.0.2.7, IP:2001:db8::7',
    isGood: OK,
  },
  ...(
    [
      ['DNS:gw.example.net', NO],
      ['email:carol@a.example.org', NO],
      ['IP:192.0.3.7', NO],
      ['IP:2001:db9::7', NO],
      ['DNS:gw.example.org, DNS:gw.example.net', NO],
      ['DNS:example.org', OK],
      ['DNS:GW.EXAMPLE.ORG', OK],
    ] as const
  ).map(([san, isGood]) => ({
    what: `all forms permitted, and ${san}`,
    constraints:
      'permitted;DNS:example.org, permitted;email:example.org, permitted;IP:192.0.2.0/255.255.255.0, permitted;IP:2001:db8::/ffff:ffff::',
    ...{ san, isGood },
  })),
  {
    what: 'a DNS name is excluded',
    constraints: 'excluded;DNS:example.org',
    san: 'DNS:a.example.org',
    isGood: NO,
  },
  {
    what: 'another DNS name is excluded',
    constraints: 'excluded;DNS:example.org',
    san: 'DNS:a.example.net',
    isGood: OK,
  },
  {
    what: 'the mailbox is excluded',
    constraints: 'excluded;email:carol@example.org',
    san: 'email:carol@example.org',
    isGood: NO,
  },
  {
    what: 'all hosts below are excluded',
    constraints: 'excluded;email:.example.org',
    san: 'email:carol@a.example.org',
    isGood: NO,
  },
  {
    what: 'all addresses are excluded',
    constraints: 'excluded;IP:0.0.0.0/0.0.0.0, excluded;IP:::/::',
    san: 'IP:192.0.2.7',
    isGood: NO,
  },
  {
    what: 'all addresses are excluded, and there is a name',
    constraints: 'excluded;IP:0.0.0.0/0.0.0.0',
    san: 'DNS:a.example.org',
    isGood: OK,
  },
  {
    what: 'a narrower network is excluded',
    constraints: 'permitted;IP:10.0.0.0/255.0.0.0, excluded;IP:10.1.0.0/255.255.0.0',
    san: 'IP:10.1.2.3',
    isGood: NO,
  },
  {
    what: 'beside it',
    constraints: 'permitted;IP:10.0.0.0/255.0.0.0, excluded;IP:10.1.0.0/255.255.0.0',
    san: 'IP:10.2.2.3',
    isGood: OK,
  },
  {
    what: 'the subject is excluded',
    constraints: 'excluded;dirName:dir',
    subject: '/O=Example/CN=gw',
    isGood: NO,
  },
  {
    what: 'the subject is excluded, in capitals',
    constraints: 'excluded;dirName:dir',
    subject: '/O=EXAMPLE/CN=gw',
    isGood: NO,
  },
  {
    what: 'the subject is excluded, as PrintableString',
    constraints: 'excluded;dirName:dir',
    subject: '/O=Example/CN=gw',
    mask: 'nombstr',
    isGood: NO,
  },
  {
    what: 'the subject is excluded, with spaces',
    constraints: 'excluded;dirName:dir',
    subject: '/O= Example /CN=gw',
    isGood: NO,
  },
  {
    what: 'the subject is permitted, as PrintableString',
    constraints: 'permitted;dirName:dir',
    subject: '/O=example/CN=gw',
    mask: 'nombstr',
    isGood: OK,
  },
  {
    what: 'another subject is permitted',
    constraints: 'permitted;dirName:dir',
    subject: '/O=Others/CN=gw',
    isGood: NO,
  },
  {
    what: 'an attribute in front',
    constraints: 'permitted;dirName:dir',
    subject: '/C=CH/O=Example/CN=gw',
    isGood: NO,
  },
  {
    what: 'no attribute at all',
    constraints: 'permitted;dirName:dir',
    subject: '/',
    san: 'DNS:a.example.org',
    isGood: OK,
  },
  {
    what: 'the e-mail address in the subject, without alternative names',
    constraints: 'permitted;email:example.org',
    subject: '/CN=gw/emailAddress=carol@example.net',
    isGood: NO,
  },
  {
    what: 'the same at a host that is permitted',
    constraints: 'permitted;email:example.org',
    subject: '/CN=gw/emailAddress=carol@example.org',
    isGood: OK,
  },
];

describe('names of certificates of openssl, judged as openssl judges them (RFC 5280 §4.2.1.10)', () => {
  const directory = mkdtempSync(join(tmpdir(), 'openssl-names-'));
  const path = (name: string): string => join(directory, name);
  const run = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  };

  function issue(
    name: string,
    by: string,
    subject: string,
    lines: readonly string[],
    mask = 'utf8only',
  ): Certificate {
    writeFileSync(
      path(`${name}.cnf`),
      `[req]\ndistinguished_name = dn\nstring_mask = ${mask}\n[dn]\n[ext]\n${lines.join('\n')}\n[dir]\nO = Example\n`,
    );
    const request = ['req', '-new', '-utf8', '-config', `${name}.cnf`, '-subj', subject];
    run(...request, '-key', 'key.pem', '-out', `${name}.csr`);
    const signed =
      by === name
        ? ['-signkey', 'key.pem']
        : ['-CA', `${by}.crt`, '-CAkey', 'key.pem', '-set_serial', '7'];
    const extensions = ['-extfile', `${name}.cnf`, '-extensions', 'ext', '-days', '30'];
    run('x509', '-req', '-in', `${name}.csr`, ...signed, ...extensions, '-out', `${name}.crt`);
    const [block] = readPem(readFileSync(path(`${name}.crt`), 'latin1')) ?? [];
    const read = readCertificate(block?.der ?? new Uint8Array());
    if (!read.ok) throw new Error(`${name}: ${read.code}`);
    return read.certificate;
  }

  function opensslTakes(): boolean {
    try {
      run('verify', '-CAfile', 'root.crt', '-untrusted', 'sub.crt', 'leaf.crt');
      return true;
    } catch {
      return false;
    }
  }

  const CA = ['basicConstraints = critical,CA:TRUE', 'keyUsage = critical,keyCertSign'];
  const validator = createCertificateValidator(createNodeSignatures(), createNodeProvider());
  let root: Certificate;

  beforeAll(() => {
    run('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', 'key.pem');
    root = issue('root', 'root', '/CN=root', CA);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it.each(rows)('$what', async ({ constraints, subject = '/CN=gw', mask, san, isGood }) => {
    const sub = issue('sub', 'root', '/CN=sub', [
      ...CA,
      `nameConstraints = critical,${constraints}`,
    ]);
    const leaf = issue(
      'leaf',
      'sub',
      subject,
      ['basicConstraints = CA:FALSE', ...(san ? [`subjectAltName = ${san}`] : [])],
      mask,
    );
    expect(opensslTakes()).toBe(isGood);
    const verdict = await validator.check({
      offered: [leaf.der, sub.der],
      anchors: [root],
      revocation: 'off',
      purpose: 'any',
      policy: { acceptSha1: false, minimumRsaBits: 2048 },
      atMs: Date.now() + 60_000,
    });
    expect(verdict.ok ? 'ok' : verdict.code).toBe(isGood ? 'ok' : 'constraints');
  });
});
