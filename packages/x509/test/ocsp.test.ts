import { readFileSync, writeFileSync } from 'node:fs';
import { createNodeProvider, createNodeSignatures } from '@ipsec-kit/crypto/node';
import {
  type Certificate,
  checkOcspResponse,
  createCertificateValidator,
  encodeOcspRequest,
  type OcspCheck,
  type OcspResponse,
  type OcspVerdict,
  readOcspResponse,
  readRevocationList,
} from '@ipsec-kit/x509';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hex } from './authority.ts';
import { createOpensslCa, type OpensslCa } from './openssl-ca.ts';

const crypto = createNodeProvider();
const signatures = createNodeSignatures();
const policy = { acceptSha1: false, minimumRsaBits: 2048 };
const nonce = hex('00112233445566778899aabbccddeeff');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let ca: OpensslCa;
let other: OpensslCa;
let issuer: Certificate;
let good: Certificate;
let revoked: Certificate;
let atMs: number;

beforeAll(() => {
  ca = createOpensslCa();
  other = createOpensslCa();
  issuer = ca.root;
  good = ca.issue('good', 'leaf');
  revoked = ca.issue('revoked', 'leaf');
  ca.revoke('revoked');
  ca.issue('responder', 'responder');
  ca.issue('whatever', 'any-purpose');
  other.issue('responder', 'responder');
  // What is made while the tests run is to be valid by then.
  atMs = Date.now() + 60_000;
});
afterAll(() => {
  ca.remove();
  other.remove();
});

function read(der: Uint8Array): OcspResponse {
  const result = readOcspResponse(der);
  if (!result.ok) throw new Error(result.code);
  return result.response;
}

/** What openssl answers of a certificate. */
function ask(
  certificate: Certificate,
  signer = 'responder',
  options: readonly string[] = ['-ndays', '7'],
): Uint8Array {
  const request = encodeOcspRequest({ certificate, issuer, nonce }, crypto);
  return ca.answerOcsp(request, signer, ...options);
}

function check(
  der: Uint8Array,
  certificate = good,
  more: Partial<OcspCheck> = {},
): Promise<OcspVerdict> {
  const response = read(der);
  return checkOcspResponse(
    { response, certificate, issuer, policy, atMs, nonce, ...more },
    signatures,
    crypto,
  );
}

const codeOf = (verdict: OcspVerdict): string => (verdict.ok ? verdict.status : verdict.code);

describe('encodeOcspRequest (RFC 6960 §4.1)', () => {
  it('is what openssl reads', () => {
    const text = ca.showOcspRequest(
      encodeOcspRequest({ certificate: good, issuer, nonce }, crypto),
    );
    expect(text).toContain('Hash Algorithm: sha1');
    expect(text).toContain('Serial Number: 1000');
    expect(text).toContain('OCSP Nonce');
    expect(text).toContain(`0410${Buffer.from(nonce).toString('hex').toUpperCase()}`);
    const bare = ca.showOcspRequest(encodeOcspRequest({ certificate: good, issuer }, crypto));
    expect(bare).not.toContain('Nonce');
  });

  it('throws on a nonce of no length', () => {
    const wish = { certificate: good, issuer, nonce: new Uint8Array(0) };
    expect(() => encodeOcspRequest(wish, crypto)).toThrow('"nonce" expected 1 to 32 bytes, got 0');
  });
});

describe('checkOcspResponse (RFC 6960 §3.2, §4.2.2)', () => {
  it('believes a delegated responder, named or by the hash of its key, and the CA itself', async () => {
    for (const [signer, options] of [
      ['responder', []],
      ['responder', ['-resp_key_id']],
      ['root', []],
    ] as const) {
      const days = ['-ndays', '7', ...options];
      const verdict = await check(ask(good, signer, days));
      expect(verdict).toMatchObject({ ok: true, status: 'good' });
      if (verdict.ok) expect(verdict.validUntilMs - verdict.thisUpdateMs).toBe(7 * DAY);
      expect(codeOf(await check(ask(revoked, signer, days), revoked))).toBe('revoked');
    }
  });

  it('tells that the responder does not know a certificate', async () => {
    const elsewhere = ca.issue('forgotten', 'leaf');
    const index = ca.path('index.txt');
    const lines = readFileSync(index, 'utf8');
    writeFileSync(index, lines.replace(/^.*CN=forgotten\n/m, ''));
    expect(codeOf(await check(ask(elsewhere), elsewhere))).toBe('unknown');
    writeFileSync(index, lines);
  });

  it('refuses an answer about another certificate, or of another CA with the same name', async () => {
    expect(codeOf(await check(ask(good), revoked))).toBe('other-certificate');
    expect(codeOf(await check(ask(good), good, { issuer: other.root }))).toBe('other-certificate');
  });

  it('refuses responders that nobody has delegated', async () => {
    // Any purpose is not the purpose of signing OCSP responses (RFC 6960 §4.2.2.2).
    expect(codeOf(await check(ask(good, 'whatever')))).toBe('wrong-responder');
    expect(codeOf(await check(ask(good, 'good')))).toBe('wrong-responder');
    expect(codeOf(await check(ask(good, 'responder', ['-ndays', '7', '-resp_no_certs'])))).toBe(
      'wrong-responder',
    );
    const theirs = other.path('responder');
    const request = encodeOcspRequest({ certificate: good, issuer }, crypto);
    const forged = ca.answerOcsp(request, theirs, '-ndays', '7');
    expect(codeOf(await check(forged))).toBe('wrong-responder');
    const responders = [other.certificate('responder')];
    expect(codeOf(await check(forged, good, { responders }))).toBe('good');
  });

  it('refuses a delegated responder whose certificate has expired, is weak, or is not for that, and answers with something critical', async () => {
    const response = read(ask(good));
    const [responder] = response.certificates;
    if (!responder) throw new Error('no certificate of the responder');
    const { extensions } = responder;
    const by = async (more: Partial<Certificate>): Promise<string> => {
      const changed = { ...response, certificates: [{ ...responder, ...more }] };
      const asked = { certificate: good, issuer, policy, atMs, nonce };
      return codeOf(await checkOcspResponse({ ...asked, response: changed }, signatures, crypto));
    };
    expect(await by({})).toBe('good');
    expect(await by({ notAfterMs: atMs - 1 })).toBe('wrong-responder');
    expect(await by({ signatureAlgorithm: { kind: 'rsa-pkcs1', hash: 'sha1' } })).toBe('weak');
    const encipherment = { ...extensions, keyUsage: 0x20 };
    expect(await by({ extensions: encipherment })).toBe('wrong-responder');
    const strange = { ...extensions, hasUnknownCritical: true };
    expect(await by({ extensions: strange })).toBe('wrong-responder');
    expect(await by({ issuer: good.subject })).toBe('wrong-responder');
    const answers = response.answers.map((one) => ({ ...one, hasUnknownCritical: true }));
    const critical = { ...response, answers };
    const asked = { response: critical, certificate: good, issuer, policy, atMs, nonce };
    expect(codeOf(await checkOcspResponse(asked, signatures, crypto))).toBe('unknown-critical');
  });

  it('is good only in its time, with some patience for clocks', async () => {
    const der = ask(good, 'root', ['-nmin', '60']);
    const [answer] = read(der).answers;
    const start = answer?.thisUpdateMs ?? 0;
    const at = async (ms: number) => codeOf(await check(der, good, { atMs: ms }));
    expect(await at(start - 301_000)).toBe('not-yet-valid');
    expect(await at(start - 299_000)).toBe('good');
    expect(await at(start + HOUR)).toBe('good');
    expect(await at(start + HOUR + 1)).toBe('stale');
  });

  it('takes an answer without nextUpdate for an hour', async () => {
    const der = ask(good, 'responder', []);
    const [answer] = read(der).answers;
    expect(answer?.nextUpdateMs).toBeUndefined();
    const start = answer?.thisUpdateMs ?? 0;
    const at = async (ms: number) => codeOf(await check(der, good, { atMs: ms }));
    expect(await at(start + HOUR)).toBe('good');
    expect(await at(start + HOUR + 1)).toBe('stale');
  });

  it('refuses the nonce of another request, and does without one', async () => {
    const der = ask(good);
    expect(read(der).nonce).toEqual(nonce);
    expect(codeOf(await check(der, good, { nonce: new Uint8Array(16) }))).toBe('wrong-nonce');
    const cached = ca.answerOcsp(
      encodeOcspRequest({ certificate: good, issuer }, crypto),
      ...(['responder', '-ndays', '7'] as const),
    );
    expect(read(cached).nonce).toBeUndefined();
    expect(codeOf(await check(cached))).toBe('good');
  });

  it('refuses SHA-1 in the signature unless it is allowed', async () => {
    const der = ask(good, 'responder', ['-ndays', '7', '-rmd', 'sha1']);
    expect(codeOf(await check(der))).toBe('weak');
    expect(codeOf(await check(der, good, { policy: { ...policy, acceptSha1: true } }))).toBe(
      'good',
    );
  });

  it('says good of no answer that was changed anywhere', async () => {
    const der = ask(good);
    const verdicts = new Set<string>();
    // The certificates at the end are not signed over: there a change may leave the answer as it was.
    const { tbs, signature } = read(der);
    const start = tbs.byteOffset;
    const end = signature.byteOffset + signature.length;
    for (let at = start; at < end; at += 1) {
      const forged = der.slice();
      forged[at] = (forged[at] ?? 0) ^ 0x01;
      const result = readOcspResponse(forged);
      verdicts.add(result.ok ? codeOf(await check(forged)) : result.code);
    }
    expect(verdicts).not.toContain('good');
    expect(verdicts).toContain('bad-signature');
  });
});

describe('readOcspResponse (RFC 6960 §4.2.1)', () => {
  it('tells a refusal of the responder from an answer', () => {
    // tryLater, malformedRequest, unauthorized
    for (const status of [3, 1, 6]) {
      const result = readOcspResponse(Uint8Array.of(0x30, 3, 0x0a, 1, status));
      expect(result).toEqual({ ok: false, code: 'refused' });
    }
  });

  it('refuses 10 MB without reading them, and any beginning of an answer', () => {
    expect(readOcspResponse(new Uint8Array(10_000_000))).toEqual({ ok: false, code: 'too-large' });
    const der = ask(good);
    for (let length = 0; length < der.length; length += 1) {
      expect(readOcspResponse(der.subarray(0, length))).toEqual({ ok: false, code: 'malformed' });
    }
  });

  it('never throws, on garbage and on what is almost an answer', () => {
    const der = ask(good);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(readOcspResponse(bytes).ok).toBe(false);
      }),
    );
    for (let at = 0; at < der.length; at += 1) {
      for (const value of [0x00, 0x30, 0x80, 0xff]) {
        const bent = der.slice();
        bent[at] = value;
        expect(typeof readOcspResponse(bent).ok).toBe('boolean');
      }
    }
  });
});

describe('a path with OCSP responses and CRLs (RFC 4806 §3.2, RFC 5280 §6.3)', () => {
  const validator = createCertificateValidator(signatures, crypto);
  const judge = (
    certificate: Certificate,
    responses: readonly Uint8Array[],
    revocation: 'hard' | 'soft',
    lists: readonly Uint8Array[] = [],
  ) =>
    validator.check({
      offered: [certificate.der],
      anchors: [issuer],
      responses: responses.map(read),
      lists: lists.flatMap((der) => {
        const result = readRevocationList(der);
        return result.ok ? [result.list] : [];
      }),
      revocation,
      purpose: 'any',
      policy,
      atMs,
    });

  it('stands as long as the response, and names where to ask', async () => {
    const verdict = await judge(good, [ask(good)], 'hard');
    expect(verdict).toMatchObject({ ok: true, unproven: [] });
    if (verdict.ok) expect(verdict.validUntilMs - atMs).toBeLessThan(8 * DAY);
    expect(good.extensions.ocspUrls).toEqual(['http://ocsp.example.org/here']);
    expect(good.extensions.crlUrls).toEqual(['http://crl.example.org/ca.crl']);
  });

  it('fails hard and soft: what is not known, and what is revoked', async () => {
    const about = [
      { certificate: { serialNumber: good.serialNumber }, issuer: { der: issuer.der } },
    ];
    expect(await judge(good, [], 'hard')).toMatchObject({
      ok: false,
      code: 'revocation-unknown',
      unproven: about,
    });
    expect(await judge(good, [], 'soft')).toMatchObject({ ok: true, unproven: about });
    for (const mode of ['hard', 'soft'] as const) {
      const verdict = await judge(revoked, [ask(revoked)], mode);
      expect(verdict).toMatchObject({ ok: false, code: 'revoked' });
    }
  });

  it('believes the one of CRL and response that says revoked, and either one that says good', async () => {
    const old = ask(good);
    expect(await judge(good, [], 'hard', [ca.revocationList()])).toMatchObject({ ok: true });
    const late = ca.issue('late', 'leaf');
    const before = ask(late);
    ca.revoke('late');
    const list = ca.revocationList();
    expect(await judge(late, [before], 'hard')).toMatchObject({ ok: true });
    expect(await judge(late, [before], 'hard', [list])).toMatchObject({ code: 'revoked' });
    expect(await judge(late, [before, ask(late)], 'soft')).toMatchObject({ code: 'revoked' });
    expect(await judge(good, [old], 'hard', [list])).toMatchObject({ ok: true });
  });

  it('counts delta CRLs and those of one kind of certificates as none (RFC 5280 §5.2.4, §5.2.5)', async () => {
    for (const section of ['delta', 'partial']) {
      const der = ca.revocationList(section);
      expect(readRevocationList(der)).toEqual({ ok: false, code: 'unsupported' });
    }
  });
});
