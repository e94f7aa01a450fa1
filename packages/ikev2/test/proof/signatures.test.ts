import { DEFAULT_SIGNATURE_POLICY, signatureHashes } from '@ipsec-kit/auth';
import { AuthMethod, CertEncoding, HashAlgorithm } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import type { ConnectionConfig, RemoteAuthentication } from '../../src/index.ts';
import { connection, identity, Pair, type PairOptions } from '../pair.ts';
import { newKey, SignatureWorker } from './signature-worker.ts';

const AUTHORITY = new Uint8Array(20).fill(7);
const HASHES = signatureHashes(DEFAULT_SIGNATURE_POLICY);
const ask = (...authorities: Uint8Array[]): RemoteAuthentication => ({
  kind: 'signature',
  certificateRequests: authorities.map((data) => ({
    encoding: CertEncoding.X509_CERTIFICATE_SIGNATURE,
    data,
  })),
});
const BY_SIGNATURE: Partial<ConnectionConfig> = {
  localAuthentication: { kind: 'signature' },
  remoteAuthentication: ask(AUTHORITY),
  signatureHashes: HASHES,
};
const named = (name: string): ConnectionConfig['remoteIdentity'] => ({
  kind: 'identity',
  identity: identity(name),
});

function signaturePair(
  options: PairOptions = {},
  keys = { client: [newKey('ed25519')], server: [newKey('P-256')] },
) {
  const client = new SignatureWorker(...keys.client);
  const server = new SignatureWorker(...keys.server);
  const pair = new Pair({
    clientSignatures: client,
    serverSignatures: server,
    ...options,
    client: { ...BY_SIGNATURE, remoteIdentity: named('server'), ...options.client },
    server: { ...BY_SIGNATURE, ...options.server },
  });
  return { pair, client, server };
}

describe('authentication with signatures (RFC 7427 §3, §4)', () => {
  it('announces hashes in both directions, asks for certificates, and sends them before AUTH', () => {
    const { pair, client, server } = signaturePair();
    pair.open();
    expect(pair.client.story.slice(0, 4)).toEqual([
      expect.stringMatching(/^sent IKE_SA_INIT request: .*N\(SIGNATURE_HASH_ALGORITHMS\)/),
      expect.stringMatching(
        /^received IKE_SA_INIT response: .*N\(SIGNATURE_HASH_ALGORITHMS\).*CERTREQ/,
      ),
      expect.stringMatching(/^sent IKE_AUTH request: IDi CERT CERTREQ IDr AUTH /),
      expect.stringMatching(/^received IKE_AUTH response: IDr CERT AUTH /),
    ]);
    expect(pair.client.children.size).toBe(1);
    expect(pair.server.children.size).toBe(1);
    expect(client.signed[0]?.peerHashes).toEqual(HASHES);
    expect(client.signed[0]?.certificateRequests[0]?.data).toEqual(AUTHORITY);
    expect(server.signed[0]?.certificateRequests[0]?.data).toEqual(AUTHORITY);
    expect(server.verified[0]).toMatchObject({ role: 'initiator', isReauthentication: false });
    expect(client.plans[0]?.method).toBe(AuthMethod.DIGITAL_SIGNATURE);
  });

  it.each([
    ['psk', 'signature'],
    ['signature', 'psk'],
  ] as const)(
    'mixes: the client proves itself by %s, the server by %s (RFC 7296 §2.15)',
    (own, peer) => {
      const auth = (kind: 'psk' | 'signature') => (kind === 'psk' ? ({ kind } as const) : ask());
      const { pair } = signaturePair({
        client: { localAuthentication: { kind: own }, remoteAuthentication: auth(peer) },
        server: { localAuthentication: { kind: peer }, remoteAuthentication: auth(own) },
      });
      pair.open();
      expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
    },
  );

  it('goes back to the methods of before with a peer that announces no hashes (RFC 7296 §3.8)', () => {
    const keys = { client: [newKey('rsa')], server: [newKey('P-256')] };
    const { signatureHashes: _, ...old } = BY_SIGNATURE;
    const server = new SignatureWorker(...keys.server);
    const client = new SignatureWorker(...keys.client);
    const pair = new Pair({
      clientSignatures: client,
      serverSignatures: server,
      client: { ...BY_SIGNATURE, remoteIdentity: named('server') },
      server: old,
    }).open();
    expect(pair.client.children.size).toBe(1);
    expect(client.plans[0]?.method).toBe(AuthMethod.RSA_DIGITAL_SIGNATURE);
    // The client has announced its hashes, so the server may use them.
    expect(client.signed[0]?.peerHashes).toBeUndefined();
    expect(server.plans[0]?.method).toBe(AuthMethod.DIGITAL_SIGNATURE);
  });

  it('tells the peer nothing but AUTHENTICATION_FAILED, and our side why (RFC 7296 §2.21.2)', () => {
    const { pair, server } = signaturePair();
    server.refuse = () => 'its certificate has expired';
    pair.open();
    expect(pair.client.story.at(-1)).toBe('received IKE_AUTH response: N(AUTHENTICATION_FAILED)');
    expect(pair.server.seen('session-closed')[0]?.failure.sentence).toBe(
      'The peer client could not be authenticated: its certificate has expired.',
    );
    const toClient = pair.client.seen('session-closed')[0]?.failure.sentence;
    expect(toClient).not.toContain('expired');
    expect(toClient).toContain('trusts the CA of our certificate');
  });

  it('reports a responder that it does not believe, and ends the IKE SA (RFC 7296 §2.21.2)', () => {
    const { pair, client } = signaturePair();
    client.refuse = () => 'no trusted CA leads to its certificate';
    pair.open().drive(1_000);
    expect(pair.client.story).toContain('sent INFORMATIONAL request: N(AUTHENTICATION_FAILED)');
    expect(pair.server.closeCode).toBe('authentication-failed');
    expect(pair.client.seen('session-closed')[0]?.failure.sentence).toContain('no trusted CA');
    expect(pair.client.children.size + pair.server.children.size).toBe(0);
  });

  it('tries the next key when the peer refuses the first, and no more than four', () => {
    const keys = { client: [newKey('ed25519'), newKey('P-256')], server: [newKey('P-256')] };
    const picky = signaturePair({}, keys);
    picky.server.refuse = (_, attempt) => (attempt === 1 ? 'an unknown key' : undefined);
    picky.pair.open().drive(2_000);
    expect(picky.pair.client.children.size).toBe(1);
    expect(picky.client.plans.map(({ algorithm }) => algorithm.kind)).toEqual(['ed25519', 'ecdsa']);
    expect(picky.pair.client.seen('session-retried')).toHaveLength(1);
    const hostile = signaturePair({}, { ...keys, client: [newKey('rsa')] });
    hostile.server.refuse = () => 'nobody is let in';
    hostile.pair.open().drive(60_000);
    expect(hostile.client.signed.map(({ refusals }) => refusals)).toEqual([0, 1, 2, 3]);
    expect(hostile.pair.client.closeCode).toBe('authentication-failed');
  });

  it('refuses a peer that authenticates in another way than configured, and says both ways', () => {
    const { pair } = signaturePair({ client: { localAuthentication: { kind: 'psk' } } });
    pair.open();
    expect(pair.server.seen('session-closed')[0]?.failure.sentence).toMatch(
      /Shared.*Key.*but home wants a signature/i,
    );
    const other = signaturePair({ client: { remoteAuthentication: { kind: 'psk' } } });
    other.pair.open().drive(1_000);
    expect(other.pair.client.seen('session-closed')[0]?.failure.sentence).toMatch(
      /Digital.*Signature.*but home wants a pre-shared key/i,
    );
  });

  it('finds the connection whose authorities believe the peer, though another fits as well', () => {
    const server = { ...BY_SIGNATURE, localIdentity: identity('server') };
    const { pair, server: worker } = signaturePair({
      serverConnections: [
        connection({ ...server, name: 'by-psk', remoteAuthentication: { kind: 'psk' } }),
        connection({ ...server, name: 'staff', remoteAuthentication: ask(AUTHORITY) }),
        connection({ ...server, name: 'guests', remoteAuthentication: ask(new Uint8Array(20)) }),
      ],
    });
    worker.refuse = ({ connection: name }) => (name === 'guests' ? undefined : 'an unknown CA');
    pair.open();
    expect(pair.server.seen('session-opened')[0]?.connection).toBe('guests');
    expect(worker.verified.map(({ connection: name }) => name)).toEqual(['staff', 'guests']);
    const asked = pair.client.story.findLast((line) => line.startsWith('received IKE_SA_INIT'));
    expect(asked).toMatch(/CERTREQ$/);
  });
});

describe('slow work on proofs', () => {
  it('answers a request once, however often it comes while it is worked on (RFC 7296 §2.1)', () => {
    const { pair, server } = signaturePair({
      clientProofDelayMs: 6_000,
      serverProofDelayMs: 6_000,
    });
    pair.open().drive(30_000);
    expect(pair.client.children.size).toBe(1);
    expect(server.verified).toHaveLength(1);
    expect(server.signed).toHaveLength(1);
    expect(
      pair.client.story.filter((line) => /IKE_AUTH request again/.test(line)).length,
    ).toBeGreaterThan(0);
    expect(pair.server.story.filter((line) => line.startsWith('sent IKE_AUTH'))).toHaveLength(1);
  });

  it('counts a peer as half-open until it is authenticated (RFC 7296 §2.6)', () => {
    const { pair } = signaturePair({
      serverProofDelayMs: 3_000,
      serverSettings: { cookieThreshold: 1 },
    });
    pair.open();
    expect(pair.client.story.join()).not.toContain('N(COOKIE)');
    pair.initiate(2);
    pair.drive(100);
    expect(pair.client.story.join()).toContain('N(COOKIE)');
    const before = pair.client.story.length;
    pair.drive(20_000).initiate(3);
    pair.drive(100);
    expect(pair.client.story.slice(before).join()).not.toContain('N(COOKIE)');
  });

  it('ends what is never answered, and tells the peer no more than that it failed', () => {
    const mute = Number.POSITIVE_INFINITY;
    const client = signaturePair({ clientProofDelayMs: mute }).pair.open().drive(31_000).client;
    expect(client.seen('session-closed')[0]?.failure.sentence).toContain('it takes too long');
    const { pair } = signaturePair({ serverProofDelayMs: mute });
    pair.open().drive(31_000);
    expect(pair.client.story.at(-1)).toBe('received IKE_AUTH response: N(AUTHENTICATION_FAILED)');
    expect(pair.server.seen('session-closed')[0]?.failure.sentence).toContain('it takes too long');
  });
});

describe('what is announced', () => {
  it('is nothing where no connection uses signatures', () => {
    const pair = new Pair().open();
    expect(pair.client.story.join()).not.toMatch(/SIGNATURE_HASH|CERTREQ/);
  });

  it('asks for any certificate where the authorities are too many for IKE_SA_INIT (RFC 4945 §3.2.7.2)', () => {
    const many = Array.from({ length: 30 }, (_, index) => new Uint8Array(20).fill(index));
    const { pair, client } = signaturePair({ server: { remoteAuthentication: ask(...many) } });
    pair.open();
    expect(client.signed[0]?.certificateRequests).toEqual([
      { encoding: CertEncoding.X509_CERTIFICATE_SIGNATURE, data: new Uint8Array(0) },
    ]);
  });

  it('never has SHA-1 by default', () => {
    expect(HASHES).not.toContain(HashAlgorithm.SHA1);
  });
});
