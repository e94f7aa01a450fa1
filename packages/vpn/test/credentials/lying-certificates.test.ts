import { CertEncoding } from '@ipsec-kit/ikev2-codec';
import { type Certificate, readCertificate } from '@ipsec-kit/x509';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { VpnEvent } from '../../src/events.ts';
import type { VpnOptions } from '../../src/options.ts';
import {
  clientOn,
  clientOptions,
  createMemoryWorld,
  eventOf,
  serverOn,
  serverOptions,
} from '../memory-world.ts';
import { homeCa, issuedBy, newCa, revocationList } from './home-ca.ts';

/** What a liar sends instead of its chain: the certificates of a configuration are checked before they are used. */
const lie = vi.hoisted(() => ({
  of: undefined as unknown,
  ders: [] as readonly Uint8Array[],
  /** Of its CERT payloads, where it is not that of X.509 certificates. */
  encoding: undefined as number | undefined,
}));

vi.mock('../../src/credentials/own-chain.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/credentials/own-chain.ts')>();
  return {
    chainAbove: (leaf: Certificate, pool: readonly Certificate[]): readonly Certificate[] => {
      const isLiar = Buffer.from(leaf.publicKey).equals(lie.of as Uint8Array);
      return isLiar ? lie.ders.map((der) => ({ ...leaf, der })) : original.chainAbove(leaf, pool);
    },
  };
});

vi.mock('../../src/credentials/own-signature.ts', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/credentials/own-signature.ts')>();
  const createOwnSignatures: typeof original.createOwnSignatures = (...args) => {
    const sign = original.createOwnSignatures(...args);
    return async (request) => {
      const answer = await sign(request);
      const { encoding } = lie;
      if (encoding === undefined || answer.kind !== 'sign' || !answer.proof) return answer;
      const certificates = answer.proof.certificates.map((one) =>
        lie.ders.includes(one.data) ? { ...one, encoding } : one,
      );
      return { ...answer, proof: { ...answer.proof, certificates } };
    };
  };
  return { ...original, createOwnSignatures };
});

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const LIMIT_MS = 5_000;

type Role = 'client' | 'server';
type Ca = Awaited<ReturnType<typeof homeCa>>;
const names = { client: 'alice.example.org', server: 'vpn.example.org' } as const;

let ca: Ca;
beforeAll(async () => {
  ca = await homeCa();
});
beforeEach(() => {
  lie.of = ca.client.certificate.issuer;
  lie.ders = [];
  lie.encoding = undefined;
});

/** A certificate for the liar's key, which differs from the honest one in one thing. */
async function lyingCertificate(
  role: Role,
  wish: Partial<Parameters<typeof issuedBy>[2]>,
  { issuer = ca.ca, name = names[role] as string } = {},
): Promise<Uint8Array> {
  const { publicKey } = ca[role].key;
  return (await issuedBy(issuer, name, { role, publicKey, ...wish })).certificate.der;
}

const other = (role: Role): Role => (role === 'client' ? 'server' : 'client');
const now = Date.now();

/** Each lie, as the chain that is sent, and the sentence at the side that looks through it. */
const lies: readonly (readonly [string, (role: Role) => Promise<readonly Uint8Array[]>, RegExp])[] =
  [
    [
      'from another CA',
      async (role) => [await lyingCertificate(role, {}, { issuer: await newCa() })],
      /no trusted CA leads/i,
    ],
    [
      'that has expired',
      async (role) => [
        await lyingCertificate(role, { notBeforeMs: now - 2 * DAY_MS, notAfterMs: now - HOUR_MS }),
      ],
      /has expired/,
    ],
    [
      'that is not valid yet',
      async (role) => [
        await lyingCertificate(role, { notBeforeMs: now + HOUR_MS, notAfterMs: now + DAY_MS }),
      ],
      /is not valid yet/,
    ],
    [
      'for another name',
      async (role) => [
        await lyingCertificate(role, { subject: ca.ca.certificate.subject }, { name: 'x.example' }),
      ],
      /its certificate is for CN=Home CA, x\.example/,
    ],
    [
      'for another use',
      async (role) => [await lyingCertificate(role, { role: 'ca' })],
      /is for another use/,
    ],
    [
      // A gateway's certificate is good at both ends (RFC 4945 §5.1.3.12), a client's at its own.
      'for the other role',
      async (role) => [await lyingCertificate(role, { role: role === 'server' ? 'client' : 'ca' })],
      /is for another use/,
    ],
    ['that is revoked', async (role) => [await lyingCertificate(role, {})], /has been revoked/],
    [
      'below a peer that is no CA',
      async (role) => {
        const mallory = await issuedBy(ca.ca, 'mallory.example', { role: 'client' });
        return [await lyingCertificate(role, {}, { issuer: mallory }), mallory.certificate.der];
      },
      /may not sign others/,
    ],
    [
      'with a chain longer than there can be',
      async (role) => {
        const der = await lyingCertificate(role, {}, { issuer: await newCa() });
        return Array.from({ length: 17 }, () => der);
      },
      /more than 16 certificates/,
    ],
    [
      'of another key',
      async (role) => [(await issuedBy(ca.ca, names[role], { role })).certificate.der],
      /its signature is wrong/,
    ],
    [
      'that is elsewhere, named by hash and URL (RFC 7296 §3.6)',
      async () => {
        lie.encoding = CertEncoding.HASH_AND_URL_OF_X509_CERTIFICATE;
        return [Uint8Array.from(Buffer.from(`${'#'.repeat(20)}http://192.0.2.1/alice.cer`))];
      },
      /names its certificate by a URL, which is not fetched; have it send the certificate itself/,
    ],
    ['of 60 kB', async () => [new Uint8Array(60_000).fill(0x30)], /is too large/],
    ['that is empty', async () => [new Uint8Array(0)], /is malformed/],
    ['that is not there', async () => [], /sent no certificate/],
  ];

function options(role: Role, crls: readonly Uint8Array[]): VpnOptions {
  const peer = other(role);
  const connection = {
    local: { auth: 'pubkey', certs: [ca[role].pem], id: names[role] },
    remote: { auth: 'pubkey', cacerts: [ca.ca.pem], id: names[peer] },
  };
  const more = { keys: [{ data: ca[role].keyPem }], secrets: [], crls };
  return role === 'client' ? clientOptions(connection, more) : serverOptions(connection, more);
}

interface Met {
  /** What the honest side sent from the time at which it saw the lie, until the end of the session. */
  readonly answers: readonly string[];
  readonly sentence: string;
  readonly ms: number;
  readonly toldToLiar: string;
  readonly isOpen: boolean;
}

/** Has a liar meet an honest peer. */
async function meet(liar: Role, crls: readonly Uint8Array[] = []): Promise<Met> {
  const honest = other(liar);
  lie.of = ca[liar].certificate.publicKey;
  const { hostAt } = createMemoryWorld();
  const crlsOf = (role: Role) => (role === honest ? crls : []);
  const s = serverOn(hostAt('192.0.2.1'), { options: options('server', crlsOf('server')) });
  const c = clientOn(hostAt('192.0.2.7'), { options: options('client', crlsOf('client')) });
  await s.server.open();
  const begun = performance.now();
  const failure = await c.client.open().then(
    () => undefined,
    (error: Error) => error.message,
  );
  await c.client.close({ patienceMs: 300 });
  const ms = performance.now() - begun;
  await s.server.close({ patienceMs: 300 });
  const [mine, theirs] = honest === 'client' ? [c.events, s.events] : [s.events, c.events];
  return {
    answers: answersOf(mine),
    sentence: eventOf(mine, 'session-closed')?.sentence ?? failure ?? '',
    ms,
    toldToLiar: theirs.flatMap((one) => ('sentence' in one ? one.sentence : [])).join('\n'),
    isOpen: failure === undefined,
  };
}

/** Of the first session alone: a client tries again with other keys and algorithms. */
function answersOf(events: readonly VpnEvent[]): readonly string[] {
  const end = events.findIndex(
    (one) => one.kind === 'session-closed' || one.kind === 'session-retried',
  );
  return events.slice(0, end === -1 ? undefined : end).flatMap((one) => {
    if (one.kind !== 'message' || one.direction !== 'sent' || one.retransmission) return [];
    if (one.exchange === 'IKE_SA_INIT') return [];
    const isProof = one.exchange === 'IKE_AUTH' && !one.isResponse;
    const form = `${one.exchange} ${one.isResponse ? 'response' : 'request'}: ${one.payloads}`;
    return isProof ? [] : [`${form}, ${one.bytes} bytes, ${one.fragments} fragments`];
  });
}

describe.each(['client', 'server'] as const)(
  'a %s whose certificate lies (RFC 7296 §2.21.2)',
  (liar) => {
    it('opens a tunnel as long as it tells the truth', async () => {
      lie.ders = [ca[liar].certificate.der];
      expect(await meet(liar)).toMatchObject({ isOpen: true });
    });

    it('hears the same whatever the lie, and not which check it was; a sentence says it here', async () => {
      const seen = new Map<string, Met>();
      for (const [what, chain, sentence] of [...lies, ...malformed(liar)]) {
        lie.encoding = undefined;
        lie.ders = await chain(liar);
        const revoked = what === 'that is revoked' ? await revoke(lie.ders) : [];
        const met = await meet(liar, revoked);
        seen.set(what, met);
        expect(met.isOpen, what).toBe(false);
        expect(met.sentence, what).toMatch(sentence);
        expect(met.toldToLiar, what).not.toMatch(/expired|revoked|trusted CA|another use/);
        expect(met.ms, what).toBeLessThan(LIMIT_MS);
      }
      const forms = new Set([...seen.values()].map(({ answers }) => answers.join(' | ')));
      expect([...forms]).toHaveLength(1);
      expect([...forms][0]).toContain('N(AUTHENTICATION_FAILED)');
    });
  },
);

/** The honest certificate with one byte changed, all over it. */
function malformed(role: Role): typeof lies {
  const { der } = ca[role].certificate;
  const places = Array.from({ length: 12 }, (_, i) => Math.floor((i * der.length) / 12));
  return places.map((at) => [
    `with byte ${at} changed`,
    async () => [der.map((byte, index) => (index === at ? byte ^ 0x15 : byte))],
    /could not be authenticated: /,
  ]);
}

/** A CRL that has a certificate. */
async function revoke([der]: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
  const read = readCertificate(der ?? new Uint8Array());
  if (!read.ok) throw new Error(read.code);
  return [await revocationList(ca.ca, [{ ...ca.client, certificate: read.certificate }])];
}
