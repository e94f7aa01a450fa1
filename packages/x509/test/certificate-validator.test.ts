import type { SigningKey } from '@ipsec-kit/crypto';
import { createNodeProvider, createNodeSignatures } from '@ipsec-kit/crypto/node';
import {
  type Certificate,
  type CertificateCheck,
  type CertificateVerdict,
  createCertificateValidator,
  KeyPurpose,
  type RevocationList,
  readCertificate,
  readRevocationList,
} from '@ipsec-kit/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  altNames,
  basicConstraints,
  DAY,
  extension,
  hex,
  issue,
  issueDer,
  issueList,
  keyUsage,
  makeKey,
  nameConstraints,
  nameOf,
  purposes,
  read,
  T0,
  text,
  type Wish,
} from './authority.ts';

const signatures = createNodeSignatures();
const crypto = createNodeProvider();
const validator = createCertificateValidator(signatures, crypto);
const policy = { acceptSha1: false, minimumRsaBits: 2048 };
const CA = [basicConstraints(true), keyUsage(0x06)];
/** A CA that may authenticate as a peer too. */
const BOTH = [basicConstraints(true), keyUsage(0x86)];
const DNS = altNames([0x82, text('gw.example.org')]);

const rootKey = makeKey();
const otherRootKey = makeKey();
const subKey = makeKey();
const leafKey = makeKey();
let root: Certificate;
let otherRoot: Certificate;
let sub: Certificate;
let leaf: Certificate;

const leafWish = (more: Partial<Wish> = {}): Wish => ({
  subject: 'gw',
  issuer: 'sub',
  key: leafKey,
  by: subKey,
  serial: 9,
  extensions: [DNS],
  ...more,
});
const subWish = (more: Partial<Wish> = {}): Wish => ({
  subject: 'sub',
  issuer: 'root',
  key: subKey,
  by: rootKey,
  serial: 5,
  extensions: CA,
  ...more,
});

beforeAll(async () => {
  root = await issue({
    subject: 'root',
    issuer: 'root',
    key: rootKey,
    by: rootKey,
    extensions: CA,
  });
  otherRoot = await issue({
    subject: 'other',
    issuer: 'other',
    key: otherRootKey,
    by: otherRootKey,
    extensions: CA,
  });
  sub = await issue(subWish());
  leaf = await issue(leafWish());
});

async function check(
  offered: readonly (Certificate | Uint8Array)[],
  more: Partial<CertificateCheck> = {},
): Promise<CertificateVerdict> {
  return validator.check({
    offered: offered.map((item) => ('der' in item ? item.der : item)),
    anchors: [root],
    revocation: 'off',
    purpose: 'any',
    policy,
    atMs: T0 + DAY,
    ...more,
  });
}

const codeOf = (verdict: CertificateVerdict): string => (verdict.ok ? 'ok' : verdict.code);

describe('a path (RFC 5280 §6.1)', () => {
  it('leads from the certificate over an intermediate to the anchor', async () => {
    const verdict = await check([leaf, sub]);
    if (!verdict.ok) throw new Error(verdict.sentence);
    expect(verdict.path.map(({ der }) => der)).toEqual([leaf.der, sub.der, root.der]);
    expect(verdict.validUntilMs).toBe(T0 + 365 * DAY);
    expect(verdict.names.altNames).toEqual([{ idType: 2, data: text('gw.example.org') }]);
    expect(verdict.names.keyIds).toContainEqual(crypto.sha1(leafKey.publicKey));
  });

  it('is found for certificates that lie in a larger memory, as Buffers do', async () => {
    const offered = [leaf, sub].map(({ der }) => Buffer.from(der));
    expect(offered[0]?.buffer.byteLength).not.toBe(offered[0]?.length);
    expect(codeOf(await check(offered, { anchors: [read(Buffer.from(root.der))] }))).toBe('ok');
  });

  it('uses intermediates of our own, an intermediate as anchor, and ignores what does not belong', async () => {
    expect(codeOf(await check([leaf], { intermediates: [sub] }))).toBe('ok');
    expect(codeOf(await check([leaf], { anchors: [sub] }))).toBe('ok');
    expect(codeOf(await check([leaf, otherRoot, new Uint8Array(7), sub]))).toBe('ok');
    expect(codeOf(await check([leaf]))).toBe('unknown-issuer');
    expect(codeOf(await check([leaf, sub], { anchors: [otherRoot] }))).toBe('unknown-issuer');
    expect(codeOf(await check([leaf, sub], { anchors: [] }))).toBe('unknown-issuer');
    expect(codeOf(await check([]))).toBe('no-certificate');
  });

  it.each(['rsa', 'ed25519', 'ed448'] as const)(
    'is verified with keys of kind %s',
    async (kind) => {
      const [caKey, key] = [makeKey(kind), makeKey(kind)];
      const anchor = await issue({
        subject: 'k',
        issuer: 'k',
        key: caKey,
        by: caKey,
        extensions: CA,
      });
      const own = await issue({ subject: 'l', issuer: 'k', key, by: caKey });
      expect(codeOf(await check([own], { anchors: [anchor] }))).toBe('ok');
    },
  );

  it('is verified with RSASSA-PSS (RFC 4055 §3)', async () => {
    const caKey = makeKey('rsa');
    const algorithm = { kind: 'rsa-pss', hash: 'sha384', saltBytes: 48 } as const;
    const wish = { issuer: 'k', by: caKey, algorithm };
    const anchor = await issue({ ...wish, subject: 'k', key: caKey, extensions: CA });
    const own = await issue({ ...wish, subject: 'l', key: leafKey });
    expect(codeOf(await check([own], { anchors: [anchor] }))).toBe('ok');
  });

  it('is found through a cross-signed root (RFC 4158 §2.3)', async () => {
    const cross = await issue({
      subject: 'root',
      issuer: 'other',
      key: rootKey,
      by: otherRootKey,
      serial: 77,
      extensions: CA,
    });
    const verdict = await check([leaf, sub, cross], { anchors: [otherRoot] });
    expect(codeOf(verdict)).toBe('ok');
    expect(verdict.ok && verdict.path.length).toBe(4);
    // The shorter one is taken where both roots are trusted.
    const both = await check([leaf, sub, cross], { anchors: [otherRoot, root] });
    expect(both.ok && both.path.length).toBe(3);
  });

  it('takes another one when the first is broken', async () => {
    const expired = await issue(subWish({ toMs: T0 + DAY / 2, serial: 6 }));
    const forged = await issue(subWish({ by: otherRootKey, serial: 7 }));
    expect(codeOf(await check([leaf, expired, forged, sub]))).toBe('ok');
    expect(codeOf(await check([leaf, expired]))).toBe('expired');
    expect(codeOf(await check([leaf, forged]))).toBe('bad-signature');
  });
});

describe('a validator that is kept', () => {
  it('verifies a CRL once for many peers of one CA, and again for another CRL', async () => {
    let verified = 0;
    const counting = {
      ...signatures,
      verify(...asked: Parameters<typeof signatures.verify>) {
        verified += 1;
        return signatures.verify(...asked);
      },
    };
    const kept = createCertificateValidator(counting, crypto);
    const wish = { issuer: 'sub', by: subKey, serials: [] };
    const listOf = async (): Promise<RevocationList> => {
      const list = readRevocationList(await issueList(wish));
      if (!list.ok) throw new Error(list.code);
      return list.list;
    };
    const base = { anchors: [sub], revocation: 'hard', purpose: 'any', policy, atMs: T0 } as const;
    const offered = [leaf.der];
    const lists = [await listOf()];
    for (let i = 0; i < 5; i += 1) {
      expect((await kept.check({ ...base, offered, lists })).ok).toBe(true);
    }
    expect(verified).toBe(5 + 1);
    expect((await kept.check({ ...base, offered, lists: [await listOf()] })).ok).toBe(true);
    expect(verified).toBe(6 + 2);
  });
});

describe('a certificate that lies', () => {
  it.each([
    ['expired', { toMs: T0 + DAY / 2 }],
    ['not-yet-valid', { fromMs: T0 + 2 * DAY }],
    ['bad-signature', { by: otherRootKey }],
    ['unknown-issuer', { issuer: 'nobody' }],
    ['unknown-critical', { extensions: [extension('2b060104010203', true, hex('0500'))] }],
    ['wrong-usage', { extensions: [keyUsage(0x20)] }],
    ['malformed', { extensions: [DNS, DNS] }],
  ] as const)('is refused: %s', async (code, more: Partial<Wish>) => {
    const der = await issueDer(leafWish(more));
    const verdict = await check([der, sub]);
    expect(codeOf(verdict)).toBe(code);
    expect(!verdict.ok && verdict.sentence).toMatch(/^[A-Z].*\.$/);
  });

  it('is judged by the time that is handed in', async () => {
    for (const [atMs, code] of [
      [T0 - 1, 'not-yet-valid'],
      [T0, 'ok'],
      [T0 + 365 * DAY, 'ok'],
      [T0 + 365 * DAY + 1, 'expired'],
    ] as const) {
      expect(codeOf(await check([leaf, sub], { atMs }))).toBe(code);
    }
  });

  const { ANY, IKE, IKE_INTERMEDIATE, SERVER_AUTH, CLIENT_AUTH, OCSP_SIGNING } = KeyPurpose;
  /** id-kp-ipsecEndSystem, which is obsolete. */
  const END_SYSTEM = '2b06010505070305';
  it.each([
    ['nothing at all', [], 'ok', 'ok'],
    ['ipsecIKE', [IKE], 'ok', 'ok'],
    ['anyExtendedKeyUsage', [ANY], 'ok', 'ok'],
    ['iKEIntermediate', [IKE_INTERMEDIATE], 'ok', 'ok'],
    ['serverAuth', [SERVER_AUTH], 'ok', 'wrong-usage'],
    ['clientAuth', [CLIENT_AUTH], 'wrong-usage', 'ok'],
    ['serverAuth and clientAuth', [SERVER_AUTH, CLIENT_AUTH], 'ok', 'ok'],
    ['serverAuth and ipsecIKE', [SERVER_AUTH, IKE], 'ok', 'ok'],
    ['OCSPSigning', [OCSP_SIGNING], 'wrong-usage', 'wrong-usage'],
    ['ipsecEndSystem', [END_SYSTEM], 'wrong-usage', 'wrong-usage'],
  ] as const)(
    'for %s, of a responder and of an initiator (RFC 4945 §5.1.3.12)',
    async (_, ids, server, client) => {
      const extensions = ids.length === 0 ? [DNS] : [DNS, purposes(...ids)];
      const own = await issue(leafWish({ extensions }));
      expect(codeOf(await check([own, sub], { purpose: 'server' }))).toBe(server);
      expect(codeOf(await check([own, sub], { purpose: 'client' }))).toBe(client);
      expect(codeOf(await check([own, sub], { purpose: 'any' }))).toBe('ok');
    },
  );

  it('is refused with SHA-1 and short RSA keys, unless the policy takes them', async () => {
    const short = makeKey('rsa1024');
    const weakKey = await issue(leafWish({ key: short }));
    const algorithm = { kind: 'ecdsa', hash: 'sha1', format: 'der' } as const;
    const weakHash = await issue(leafWish({ algorithm }));
    const lax = { acceptSha1: true, minimumRsaBits: 1024 };
    for (const certificate of [weakKey, weakHash]) {
      expect(codeOf(await check([certificate, sub]))).toBe('weak');
      expect(codeOf(await check([certificate, sub], { policy: lax }))).toBe('ok');
    }
  });

  it('is refused with SHA-1 anywhere below the anchor, also where a certificate names itself as issuer', async () => {
    const algorithm = { kind: 'ecdsa', hash: 'sha1', format: 'der' } as const;
    const weakSub = await issue(subWish({ algorithm }));
    expect(codeOf(await check([leaf, weakSub]))).toBe('weak');
    const bothSelf = { subject: 'root', issuer: 'root', by: rootKey, algorithm };
    const posing = await issue({ ...bothSelf, key: leafKey, extensions: BOTH });
    expect(codeOf(await check([posing]))).toBe('weak');
    const between = await issue({ ...bothSelf, key: subKey, extensions: CA });
    const below = await issue(leafWish({ issuer: 'root' }));
    expect(codeOf(await check([below, between]))).not.toBe('ok');
    // The anchor's own signature proves nothing, and an untrusted root that was sent along is no reason.
    const old = await issue({ ...bothSelf, key: rootKey, extensions: CA });
    expect(codeOf(await check([leaf, sub, old], { anchors: [old] }))).toBe('ok');
    expect(codeOf(await check([leaf, sub, old], { anchors: [otherRoot] }))).toBe('unknown-issuer');
  });
});

describe('a CA that may not', () => {
  it.each([
    ['no CA at all', [keyUsage(0x06)], 'not-a-ca'],
    ['cA false', [basicConstraints(false), keyUsage(0x06)], 'not-a-ca'],
    ['no extension', undefined, 'not-a-ca'],
    ['keyCertSign missing', [basicConstraints(true), keyUsage(0x80)], 'not-a-ca'],
    ['an unknown critical extension', [...CA, extension('2a03', true, hex('0500'))], 'not-a-ca'],
  ] as const)('sign is refused: %s (RFC 5280 §4.2.1.9, §4.2.1.3)', async (_, extensions, code) => {
    const { extensions: __, ...wish } = subWish();
    const false_ = await issue(extensions ? { ...wish, extensions } : wish);
    expect(codeOf(await check([leaf, false_]))).toBe(code);
  });

  it('keeps the length of paths below it (RFC 5280 §4.2.1.9)', async () => {
    const build = async (pathLength: number) => {
      const limit = [basicConstraints(true, pathLength), keyUsage(0x06)];
      const anchor = await issue({
        subject: 'root',
        issuer: 'root',
        key: rootKey,
        by: rootKey,
        extensions: limit,
      });
      return codeOf(await check([leaf, sub], { anchors: [anchor] }));
    };
    expect(await build(0)).toBe('not-a-ca');
    expect(await build(1)).toBe('ok');
  });

  it('may ask for a certificate policy, which all below it have to have (RFC 5280 §4.2.1.11)', async () => {
    const POLICY = extension('551d20', false, hex('3008300606042a030401'));
    const requirePolicy = extension('551d24', true, hex('3003800100'));
    const [plain, own] = [leafWish(), leafWish({ extensions: [POLICY] })];
    const asking = await issue(subWish({ extensions: [...CA, POLICY, requirePolicy] }));
    expect(codeOf(await check([await issue(own), asking]))).toBe('ok');
    expect(codeOf(await check([await issue(plain), asking]))).toBe('constraints');
  });

  describe('names it must not (RFC 5280 §4.2.1.10)', () => {
    const PERMITTED = 0xa0;
    const EXCLUDED = 0xa1;
    const dns = (name: string) => [0x82, text(name)] as const;
    const email = (name: string) => [0x81, text(name)] as const;
    const ip = (digits: string) => [0x87, hex(digits)] as const;
    const uri = (name: string) => [0x86, text(name)] as const;
    const dn = (name: string) => [0xa4, nameOf(name)] as const;

    it.each([
      ['a DNS name', PERMITTED, [dns('example.org')], [dns('gw.example.org')], 'ok'],
      ['the very name', PERMITTED, [dns('example.org')], [dns('EXAMPLE.org')], 'ok'],
      ['another DNS name', PERMITTED, [dns('example.org')], [dns('gw.example.net')], 'constraints'],
      ['only its end', PERMITTED, [dns('example.org')], [dns('notexample.org')], 'constraints'],
      [
        'one name of two',
        PERMITTED,
        [dns('example.org')],
        [dns('a.example.org'), dns('a.example.net')],
        'constraints',
      ],
      ['no such name', PERMITTED, [dns('example.org')], [ip('0a000001')], 'ok'],
      ['an excluded name', EXCLUDED, [dns('example.org')], [dns('gw.example.org')], 'constraints'],
      ['one that is not', EXCLUDED, [dns('example.org')], [dns('gw.example.net')], 'ok'],
      ['a host', PERMITTED, [email('example.org')], [email('carol@example.org')], 'ok'],
      [
        'a host below',
        PERMITTED,
        [email('example.org')],
        [email('c@a.example.org')],
        'constraints',
      ],
      ['hosts below', PERMITTED, [email('.example.org')], [email('c@a.example.org')], 'ok'],
      ['a mailbox', PERMITTED, [email('a@example.org')], [email('b@example.org')], 'constraints'],
      ['a network', PERMITTED, [ip('0a000000ff000000')], [ip('0a010203')], 'ok'],
      ['another network', PERMITTED, [ip('0a000000ff000000')], [ip('0b010203')], 'constraints'],
      [
        'two networks',
        PERMITTED,
        [ip('0a000000ff000000'), ip('0b000000ff000000')],
        [ip('0b010203')],
        'ok',
      ],
      ['a directory name', PERMITTED, [dn('gw')], [dns('x')], 'ok'],
      ['another directory name', PERMITTED, [dn('zz')], [dns('x')], 'constraints'],
      ['an excluded directory name', EXCLUDED, [dn('gw')], [dns('x')], 'constraints'],
      [
        'a form that is not compared',
        EXCLUDED,
        [uri('zz')],
        [uri('https://a.example')],
        'constraints',
      ],
    ] as const)('sees %s', async (_, kind, bases, names, code) => {
      const extensions = [...CA, nameConstraints(kind, ...bases)];
      const bound = await issue(subWish({ extensions }));
      const own = await issue(leafWish({ extensions: [altNames(...names)] }));
      expect(codeOf(await check([own, bound]))).toBe(code);
    });

    it('adds up along the path, and counts for an anchor', async () => {
      const limited = [...CA, nameConstraints(PERMITTED, dns('example.org'))];
      const wish = { subject: 'root', issuer: 'root', key: rootKey, by: rootKey };
      const anchor = await issue({ ...wish, extensions: limited });
      const wider = [...CA, nameConstraints(PERMITTED, dns('example.net'))];
      const bound = await issue(subWish({ extensions: wider }));
      for (const [name, offered, code] of [
        ['gw.example.net', sub, 'constraints'],
        ['gw.example.net', bound, 'constraints'],
        ['gw.example.org', bound, 'constraints'],
        ['gw.example.org', sub, 'ok'],
      ] as const) {
        const own = await issue(leafWish({ extensions: [altNames(dns(name))] }));
        expect(codeOf(await check([own, offered], { anchors: [anchor] }))).toBe(code);
      }
    });

    it('counts for whoever bears the name of its own CA: that exempts CAs alone (§6.1.3 (b))', async () => {
      const limited = [...CA, nameConstraints(PERMITTED, dns('example.org'))];
      const bound = await issue(subWish({ extensions: limited }));
      const nameOfBoth = 'sub';
      for (const [name, code] of [
        ['b.example.org', 'ok'],
        ['a.example.net', 'constraints'],
      ] as const) {
        const extensions = [altNames(dns('a.example.org'), dns(name))];
        const own = await issue(leafWish({ subject: nameOfBoth, extensions }));
        expect(own.subject).toEqual(own.issuer);
        expect(codeOf(await check([own, bound]))).toBe(code);
      }
    });

    it('refuses what is malformed, and distances, which nobody may use', async () => {
      for (const value of ['3000', '30020500', '3006a00430028200', '3009a00730058200800101']) {
        const extensions = [...CA, extension('551d1e', true, hex(value))];
        const read = readCertificate(await issueDer(subWish({ extensions })));
        expect(read.ok, value).toBe(value.startsWith('3006'));
      }
    });
  });
});

describe('bounds', () => {
  it('cuts a chain that is too long', async () => {
    const keys: SigningKey[] = [rootKey];
    const chain: Certificate[] = [];
    for (let depth = 1; depth <= 9; depth += 1) {
      const key = makeKey();
      const by = keys.at(-1) ?? rootKey;
      const issuer = depth === 1 ? 'root' : `ca${depth - 1}`;
      chain.unshift(await issue({ subject: `ca${depth}`, issuer, key, by, extensions: BOTH }));
      keys.push(key);
    }
    expect(codeOf(await check(chain.slice(-7)))).toBe('ok');
    expect(codeOf(await check(chain))).toBe('too-long');
  });

  it('verifies a bounded number of signatures, though certificates sign one another in circles', async () => {
    const keys = [makeKey(), makeKey(), makeKey()];
    const at = (i: number): SigningKey => keys[i % 3] ?? rootKey;
    const circle: Certificate[] = [];
    for (let i = 0; i < 15; i += 1) {
      const subject = `c${i % 3}`;
      const issuer = `c${(i + 1 + Math.floor(i / 9)) % 3}`;
      const by = keys[Number(issuer.slice(1))] ?? rootKey;
      circle.push(
        await issue({ subject, issuer, key: at(i), by, serial: i + 1, extensions: BOTH }),
      );
    }
    let count = 0;
    const counting = createCertificateValidator(
      {
        ...signatures,
        verify: (one) => {
          count += 1;
          return signatures.verify(one);
        },
      },
      crypto,
    );
    const verdict = await counting.check({
      offered: circle.map(({ der }) => der),
      anchors: [root],
      revocation: 'off',
      purpose: 'any',
      policy,
      atMs: T0 + DAY,
    });
    expect(codeOf(verdict)).toBe('too-long');
    expect(count).toBeLessThanOrEqual(32);
    expect(count).toBeGreaterThan(3);
  });

  it('takes no more than 16 certificates, and none of ten megabytes', async () => {
    expect(codeOf(await check(new Array<Certificate>(17).fill(leaf)))).toBe('too-many');
    expect(codeOf(await check([new Uint8Array(10_000_000)]))).toBe('too-large');
  });

  it('never rejects, whatever one byte of the path is changed to', async () => {
    for (let at = 0; at < sub.der.length; at += 7) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const changed = sub.der.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect((await check([leaf, changed])).ok).toBe(false);
        const own = leaf.der.slice();
        own[at % own.length] = (own[at % own.length] ?? 0) ^ flip;
        expect((await check([own, sub])).ok).toBe(false);
      }
    }
  });
});

describe('revocation by CRL (RFC 5280 §6.3)', () => {
  async function listOf(wish: Parameters<typeof issueList>[0]): Promise<RevocationList> {
    const result = readRevocationList(await issueList(wish));
    if (!result.ok) throw new Error(result.code);
    return result.list;
  }
  const bySub = (serials: readonly number[], more: { fromMs?: number; toMs?: number } = {}) =>
    listOf({ issuer: 'sub', by: subKey, serials, ...more });
  const byRoot = (serials: readonly number[]) => listOf({ issuer: 'root', by: rootKey, serials });

  it('refuses a revoked certificate and a revoked CA, whether hard or soft', async () => {
    for (const revocation of ['hard', 'soft'] as const) {
      const good = [await bySub([1, 2, 3]), await byRoot([])];
      expect(codeOf(await check([leaf, sub], { revocation, lists: good }))).toBe('ok');
      const bad = [await bySub([9]), await byRoot([])];
      expect(codeOf(await check([leaf, sub], { revocation, lists: bad }))).toBe('revoked');
      const worse = [await bySub([]), await byRoot([5])];
      expect(codeOf(await check([leaf, sub], { revocation, lists: worse }))).toBe('revoked');
    }
    const off = [await bySub([9])];
    expect(codeOf(await check([leaf, sub], { revocation: 'off', lists: off }))).toBe('ok');
  });

  it('says until when its verdict stands', async () => {
    const lists = [await bySub([], { toMs: T0 + 3 * DAY }), await byRoot([])];
    const verdict = await check([leaf, sub], { revocation: 'hard', lists });
    expect(verdict.ok && verdict.validUntilMs).toBe(T0 + 3 * DAY);
  });

  it('takes no CRL that is stale, of the future, or signed by another', async () => {
    const stale = await bySub([9], { fromMs: T0 - 9 * DAY, toMs: T0 });
    const future = await bySub([9], { fromMs: T0 + 2 * DAY });
    const forged = await listOf({ issuer: 'sub', by: otherRootKey, serials: [9] });
    for (const list of [stale, future, forged]) {
      const lists = [list, await byRoot([])];
      expect(codeOf(await check([leaf, sub], { revocation: 'soft', lists }))).toBe('ok');
      expect(codeOf(await check([leaf, sub], { revocation: 'hard', lists }))).toBe(
        'revocation-unknown',
      );
    }
    const newest = [await bySub([9]), await bySub([], { fromMs: T0 + DAY / 2 }), await byRoot([])];
    expect(codeOf(await check([leaf, sub], { revocation: 'hard', lists: newest }))).toBe('ok');
  });
});
