import { DerTag, writeDer } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  chooseChain,
  encodeAuthorities,
  namesOf,
  readCertificate,
  readPem,
  readRevocationList,
} from '@ipsec-kit/x509';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  altNames,
  basicConstraints,
  extension,
  hex,
  issue,
  issueDer,
  issueList,
  keyUsage,
  makeKey,
  nameOf,
  read,
  T0,
  text,
} from './authority.ts';

const crypto = createNodeProvider();
const key = makeKey();
const full = {
  subject: 'gw',
  issuer: 'root',
  key,
  by: key,
  extensions: [
    basicConstraints(true, 3),
    keyUsage(0x86),
    altNames(
      [0x82, text('gw.example.org')],
      [0x81, text('carol@example.org')],
      [0x87, hex('c0000201')],
      [0x87, hex('20010db8000000000000000000000001')],
      [0x87, hex('c00002')],
      [0x86, text('https://example.org')],
    ),
    extension('551d0e', false, hex('0403010203')),
  ],
};

describe('readCertificate (RFC 5280 §4.1)', () => {
  it('takes a certificate apart', async () => {
    const certificate = await issue(full);
    expect(certificate).toMatchObject({
      subject: nameOf('gw'),
      issuer: nameOf('root'),
      notBeforeMs: T0,
      publicKey: key.publicKey,
      signatureAlgorithm: { kind: 'ecdsa', hash: 'sha256', format: 'der' },
      extensions: { isCa: true, pathLength: 3, keyUsage: 0x86, hasUnknownCritical: false },
    });
    expect(certificate.extensions.altNames).toEqual([
      { idType: 2, data: text('gw.example.org') },
      { idType: 3, data: text('carol@example.org') },
      { idType: 1, data: hex('c0000201') },
      { idType: 5, data: hex('20010db8000000000000000000000001') },
    ]);
    const { keyIds } = namesOf(certificate, crypto);
    expect(keyIds).toHaveLength(3);
    expect(keyIds).toContainEqual(hex('010203'));
    expect(keyIds).toContainEqual(crypto.sha1(key.publicKey.subarray(-65)));
  });

  it('refuses one that is cut off anywhere, or has bytes behind it', async () => {
    const der = await issueDer(full);
    for (let length = 0; length < der.length; length += 1) {
      expect(readCertificate(der.subarray(0, length)).ok).toBe(false);
    }
    expect(readCertificate(Uint8Array.from([...der, 0])).ok).toBe(false);
    expect(readCertificate(new Uint8Array(16_385))).toEqual({ ok: false, code: 'too-large' });
  });

  it('never throws, whatever any one byte is changed to', async () => {
    const der = await issueDer(full);
    for (let at = 0; at < der.length; at += 1) {
      for (const byte of [0x00, 0x01, 0x30, 0x7f, 0x80, 0x84, 0xff]) {
        const changed = der.slice();
        changed[at] = byte;
        expect(typeof readCertificate(changed).ok).toBe('boolean');
      }
    }
  });

  it('refuses two different algorithms inside and outside (RFC 5280 §4.1.1.2)', async () => {
    const der = await issueDer(full);
    const inside = Buffer.from(der).indexOf(Buffer.from('2a8648ce3d040302', 'hex'));
    const changed = der.slice();
    changed[inside + 7] = 0x03;
    expect(readCertificate(changed)).toEqual({ ok: false, code: 'malformed' });
  });

  it('refuses keys of unknown kinds', async () => {
    const der = await issueDer(full);
    const curve = Buffer.from(der).indexOf(Buffer.from('2a8648ce3d030107', 'hex'));
    const changed = der.slice();
    changed[curve + 7] = 0x01;
    expect(readCertificate(changed)).toEqual({ ok: false, code: 'unsupported' });
  });
});

describe('readRevocationList (RFC 5280 §5.1)', () => {
  const wish = { issuer: 'root', by: key, serials: [1, 2, 200] };

  it('takes a CRL apart', async () => {
    const result = readRevocationList(await issueList(wish));
    expect(result).toMatchObject({ ok: true, list: { issuer: nameOf('root'), thisUpdateMs: T0 } });
    expect(result.ok && [...result.list.revoked]).toEqual(['01', '02', 'c8']);
    const empty = readRevocationList(await issueList({ ...wish, serials: [] }));
    expect(empty.ok && empty.list.revoked.size).toBe(0);
  });

  it('refuses delta CRLs and those for some certificates only (RFC 5280 §5.2.4, §5.2.5)', async () => {
    for (const id of ['551d1b', '551d1c']) {
      const extensions = [extension(id, true, hex('020101'))];
      const der = await issueList({ ...wish, extensions });
      expect(readRevocationList(der)).toEqual({ ok: false, code: 'unsupported' });
    }
    const number = [extension('551d14', false, hex('020101'))];
    expect(readRevocationList(await issueList({ ...wish, extensions: number })).ok).toBe(true);
  });

  it('never throws, and refuses what is cut off', async () => {
    const der = await issueList(wish);
    for (let at = 0; at < der.length; at += 1) {
      expect(readRevocationList(der.subarray(0, at)).ok).toBe(false);
      for (const byte of [0x00, 0x30, 0x80, 0xff]) {
        const changed = der.slice();
        changed[at] = byte;
        expect(typeof readRevocationList(changed).ok).toBe('boolean');
      }
    }
    expect(readRevocationList(new Uint8Array(5_000_000))).toEqual({ ok: false, code: 'too-large' });
  });
});

describe('CERTREQ (RFC 7296 §3.7)', () => {
  it('is the SHA-1 of the keys of the CAs, and finds the chain that they want', async () => {
    const [rootKey, subKey, otherKey] = [makeKey(), makeKey(), makeKey()];
    const root = await issue({ subject: 'r', issuer: 'r', key: rootKey, by: rootKey });
    const other = await issue({ subject: 'o', issuer: 'o', key: otherKey, by: otherKey });
    const sub = await issue({ subject: 's', issuer: 'r', key: subKey, by: rootKey });
    const leaf = await issue({ subject: 'l', issuer: 's', key, by: subKey });
    const alone = await issue({ subject: 'm', issuer: 'o', key, by: otherKey });
    const chains = [{ chain: [leaf, sub] }, { chain: [alone] }];
    const wanting = (...cas: (typeof root)[]) =>
      chooseChain(chains, encodeAuthorities(cas, crypto), [root, other], crypto);
    expect(encodeAuthorities([root], crypto)).toEqual(crypto.sha1(rootKey.publicKey));
    expect(encodeAuthorities([root, sub], crypto)).toHaveLength(40);
    expect(wanting(root)).toBe(chains[0]);
    expect(wanting(sub)).toBe(chains[0]);
    expect(wanting(other)).toBe(chains[1]);
    expect(wanting()).toBe(chains[0]);
    expect(wanting(leaf)).toBeUndefined();
    expect(chooseChain(chains, new Uint8Array(19), [], crypto)).toBe(chains[0]);
  });

  it('tells two CAs of one name by the ids of their keys (RFC 5280 §4.2.1.1)', async () => {
    const keys = [makeKey(), makeKey()];
    const cas = await Promise.all(
      keys.map((by, i) => {
        const id = extension('551d0e', false, writeDer(DerTag.OCTET_STRING, Uint8Array.of(i)));
        return issue({ subject: 'r', issuer: 'r', key: by, by, extensions: [id] });
      }),
    );
    const chains = await Promise.all(
      keys.map(async (by, i) => {
        const inner = writeDer(0x80, Uint8Array.of(i));
        const id = extension('551d23', false, writeDer(DerTag.SEQUENCE, inner));
        return { chain: [await issue({ subject: 'l', issuer: 'r', key, by, extensions: [id] })] };
      }),
    );
    for (const [i, ca] of cas.entries()) {
      expect(chooseChain(chains, encodeAuthorities([ca], crypto), cas, crypto)).toBe(chains[i]);
    }
  });
});

describe('readPem (RFC 7468 §2)', () => {
  const pem = (label: string, der: Uint8Array): string => {
    const lines =
      Buffer.from(der)
        .toString('base64')
        .match(/.{1,64}/g) ?? [];
    return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
  };

  it('reads what was written, in any number, with text between', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (list) => {
        const file = list.map((der) => `subject=x\n${pem('CERTIFICATE', der)}`).join('');
        for (const variant of [file, file.replaceAll('\n', '\r\n')]) {
          expect(readPem(variant)?.map(({ der }) => der)).toEqual(list);
        }
      }),
      { numRuns: 50 },
    );
    expect(readPem(`${pem('PRIVATE KEY', hex('0102'))}${pem('X509 CRL', hex('03'))}`)).toEqual([
      { label: 'PRIVATE KEY', hasHeaders: false, der: hex('0102') },
      { label: 'X509 CRL', hasHeaders: false, der: hex('03') },
    ]);
  });

  it('passes over the byte order mark that an editor left in front, and over no other letters', () => {
    const file = pem('CERTIFICATE', hex('0102'));
    for (const mark of ['\uFEFF', Buffer.from('\uFEFF').toString('latin1')]) {
      expect(readPem(`${mark}${file}`)).toEqual(readPem(file));
      expect(readPem(`x${mark}${file}`)).toBeUndefined();
    }
  });

  it('sees the headers of an old encrypted key', () => {
    const old = pem('RSA PRIVATE KEY', hex('0102')).replace(
      '-----\n',
      '-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n',
    );
    expect(readPem(old)).toEqual([
      { label: 'RSA PRIVATE KEY', hasHeaders: true, der: hex('0102') },
    ]);
  });

  it.each([
    '-----BEGIN CERTIFICATE-----\nAAAA\n',
    '-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----\n',
    '-----BEGIN CERTIFICATE-----\nAA*A\n-----END CERTIFICATE-----\n',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n',
    '-----BEGIN A-----\n-----BEGIN A-----\nAAAA\n-----END A-----\n',
    '-----END CERTIFICATE-----\n',
    'x'.repeat(9_000_000),
  ])('refuses what is not closed or not base64', (file) => {
    expect(readPem(file)).toBeUndefined();
  });
});

describe('a certificate of openssl', () => {
  it('is read in PEM', () => {
    // openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=example -days 36500
    const blocks = readPem(OPENSSL);
    const certificate = read(blocks?.[0]?.der ?? new Uint8Array(0));
    expect(certificate.extensions.isCa).toBe(true);
    expect(certificate.subject).toEqual(certificate.issuer);
    expect(certificate.extensions.subjectKeyId).toEqual(certificate.extensions.authorityKeyId);
  });
});

const OPENSSL = `-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUQJfJ3vLZ+5G1YN2pdy4wJVapkiMwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHZXhhbXBsZTAgFw0yNjExMjEwNDE5MDdaGA8yMTI2MTAyODA0
MTkwN1owEjEQMA4GA1UEAwwHZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABJPqf1l573Ecqk4ymSTwtUIf0S6AoH5rtDm0WNfHzicx6LuXim1w7vxkBK9E
7FkgHgnoAs5yttDQcupCrlNAO0mjUzBRMB0GA1UdDgQWBBRdB71fqzXMdXT13qQ9
22JFFDI2ZTAfBgNVHSMEGDAWgBRdB71fqzXMdXT13qQ922JFFDI2ZTAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIE1B3rCCr9/TZLSF5KlUiqFQjALp
kDPRVjO75H25vIJ4AiEA86pdHX1sbw2Wa5pt+B9vZhquhyWfKXb/zedsKxYUj/w=
-----END CERTIFICATE-----
`;
