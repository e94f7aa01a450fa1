import { DEFAULT_SIGNATURE_POLICY, signatureHashes } from '@ipsec-kit/auth';
import { ExchangeType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { EAP_TIMEOUT_MS, MAX_EAP_EXCHANGES } from '../../src/eap/eap-conversation.ts';
import { type ConnectionConfig, PROOF_TIMEOUT_MS } from '../../src/index.ts';
import { CLIENT_4500, connection, identity, Pair, type PairOptions, SERVER_4500 } from '../pair.ts';
import { newKey, SignatureWorker } from '../proof/signature-worker.ts';
import { RawPeer } from '../raw-peer.ts';
import { EapWorker, eapPacket, type Method } from './eap-worker.ts';

const BY_EAP: Partial<ConnectionConfig> = {
  localIdentity: identity('client'),
  localAuthentication: { kind: 'eap' },
  remoteAuthentication: { kind: 'signature', certificateRequests: [] },
  signatureHashes: signatureHashes(DEFAULT_SIGNATURE_POLICY),
};
const TAKES_EAP: Partial<ConnectionConfig> = {
  localIdentity: identity('server'),
  localAuthentication: { kind: 'signature' },
  remoteAuthentication: { kind: 'eap', identity: { kind: 'any' } },
};
/** The server has a shared secret in place of a key. */
const BY_PSK: PairOptions = {
  client: { remoteAuthentication: { kind: 'psk' } },
  server: { localAuthentication: { kind: 'psk' } },
};
const ONLY: Partial<ConnectionConfig> = {
  localAuthentication: { kind: 'eap' },
  remoteAuthentication: { kind: 'eap', identity: { kind: 'any' } },
};

function eapPair(
  options: PairOptions = {},
  methods: { client?: Partial<Method>; server?: Partial<Method> } = {},
) {
  const client = new EapWorker(methods.client);
  const server = new EapWorker(methods.server);
  const key = newKey('ed25519');
  const pair = new Pair({
    clientSignatures: new SignatureWorker(),
    serverSignatures: new SignatureWorker(key),
    clientEap: client,
    serverEap: server,
    ...options,
    client: { ...BY_EAP, ...options.client },
    server: { ...TAKES_EAP, ...options.server },
  });
  return { pair, client, server };
}

const failureOf = (host: Pair['client']): string | undefined =>
  host.seen('session-closed')[0]?.failure.sentence;
const auths = (host: Pair['client']): string[] =>
  host.story.filter((line) => line.includes('IKE_AUTH'));
const sizes = ({ client, server }: Pair): number[] => [client.children.size, server.children.size];

describe('EAP inside IKE_AUTH (RFC 7296 §2.16)', () => {
  it('leaves AUTH out, takes the proof of the responder, runs the conversation, and ends with AUTH of both', () => {
    const { pair } = eapPair();
    pair.open();
    expect(auths(pair.client)).toEqual([
      expect.stringMatching(/^sent IKE_AUTH request: IDi (IDr )?SA TSi TSr N\(INITIAL_CONTACT\)$/),
      'received IKE_AUTH response: IDr CERT AUTH EAP',
      'sent IKE_AUTH request: EAP',
      'received IKE_AUTH response: EAP',
      'sent IKE_AUTH request: EAP',
      'received IKE_AUTH response: EAP',
      'sent IKE_AUTH request: AUTH',
      'received IKE_AUTH response: AUTH SA TSi TSr',
    ]);
    const ids = pair.client
      .seen('message')
      .flatMap((one) =>
        one.exchange === 'IKE_AUTH' && one.direction === 'sent' ? [one.messageId] : [],
      );
    expect(ids).toEqual([1, 2, 3, 4]);
    expect(sizes(pair)).toEqual([1, 1]);
  });

  it('tells whom EAP has proven, beside whom IDi names', () => {
    const { pair, server } = eapPair({}, { server: { user: 'carol@example.org' } });
    pair.open();
    const [opened] = pair.server.seen('session-opened');
    expect(opened?.eapIdentity).toEqual(identity('carol@example.org'));
    expect(opened?.remoteIdentity).toEqual(identity('client'));
    expect(server.requests[0]).toMatchObject({ role: 'authenticator', connection: 'home' });
    expect(server.requests[0]?.packet).toBeUndefined();
    expect(pair.client.seen('session-opened')[0]?.eapIdentity).toBeUndefined();
  });

  it('makes AUTH of SK_pi and SK_pr where the method makes no key', () => {
    const { pair } = eapPair({}, { client: { key: undefined }, server: { key: undefined } });
    pair.open();
    expect(sizes(pair)).toEqual([1, 1]);
  });

  it.each([
    ['other keys', 5],
    ['a key at one end only', undefined],
  ])('refuses AUTH when both ends come to %s', (_, key) => {
    const { pair } = eapPair({}, { client: { key } });
    pair.open();
    expect(pair.client.story.at(-1)).toBe('received IKE_AUTH response: N(AUTHENTICATION_FAILED)');
    expect(failureOf(pair.server)).toContain('does not match the key of the EAP conversation');
    expect(sizes(pair)).toEqual([0, 0]);
  });

  it('erases the keys of the conversation when it is over', () => {
    const { pair, client, server } = eapPair();
    pair.open();
    for (const key of [...client.keys, ...server.keys]) {
      expect(key.reveal().every((byte) => byte === 0)).toBe(true);
    }
    expect(client.keys.length + server.keys.length).toBe(2);
    expect([...pair.client.endedEap, ...pair.server.endedEap]).toEqual([]);
  });

  it('is begun by no initiator that the responder has not proven itself to', () => {
    const { pair, client } = eapPair({ server: { localAuthentication: { kind: 'psk' } } });
    pair.open();
    expect(client.requests).toEqual([]);
    expect(failureOf(pair.client)).toContain('wants a signature of it');
  });

  it('works with a responder that proves itself by a shared secret', () => {
    const { pair } = eapPair({
      client: { remoteAuthentication: { kind: 'psk' } },
      server: { localAuthentication: { kind: 'psk' } },
    });
    pair.open();
    expect(sizes(pair)).toEqual([1, 1]);
  });
});

describe('failures of EAP (RFC 7296 §2.16, §2.21.2)', () => {
  it('sends EAP-Failure and AUTHENTICATION_FAILED, and says why on our side only', () => {
    const { pair, server } = eapPair();
    server.change = (progress, { packet }) =>
      packet
        ? { kind: 'failure', packet: eapPacket(4, 1), detail: 'the password is wrong' }
        : progress;
    pair.open();
    expect(pair.client.story.at(-1)).toBe(
      'received IKE_AUTH response: EAP N(AUTHENTICATION_FAILED)',
    );
    expect(failureOf(pair.server)).toBe(
      'The peer client could not be authenticated: the password is wrong.',
    );
    expect(failureOf(pair.client)).toBe('EAP for client failed: the server refused it.');
    expect(pair.client.closeCode).toBe('authentication-failed');
    // The responder has ended it: nothing is sent after that.
    expect(pair.client.story.filter((line) => line.includes('INFORMATIONAL'))).toEqual([]);
    pair.drive(60_000);
    expect(pair.server.machine.nextDeadline()).toBeUndefined();
  });

  it('tells a responder that the peer does not believe, and ends on both sides', () => {
    const { pair, client } = eapPair();
    client.change = (progress, { packet }) =>
      packet?.[1] === 2
        ? { kind: 'failure', detail: 'the server does not know the password' }
        : progress;
    pair.open().drive(1_000);
    expect(pair.client.story).toContain('sent INFORMATIONAL request: N(AUTHENTICATION_FAILED)');
    expect(failureOf(pair.client)).toContain('the server does not know the password');
    expect(failureOf(pair.server)).toContain('ended the EAP conversation');
    expect(pair.server.endedEap).toHaveLength(1);
  });

  it('fails when the driver has no EAP at all, or makes what is no packet', () => {
    const none = new Pair({
      serverSignatures: new SignatureWorker(newKey('ed25519')),
      clientSignatures: new SignatureWorker(),
      client: BY_EAP,
      server: TAKES_EAP,
    }).open();
    expect(failureOf(none.server)).toContain('there are no EAP methods');
    const { pair, server } = eapPair();
    server.change = () => ({ kind: 'continue', packet: Uint8Array.of(1, 1, 0, 9) });
    pair.open();
    expect(failureOf(pair.server)).toContain('made a packet that is none');
  });

  it('refuses a peer that wants EAP of a connection without, and one that does not of one with', () => {
    const psk = {
      localAuthentication: { kind: 'psk' },
      remoteAuthentication: { kind: 'psk' },
    } as const;
    const { pair } = eapPair({ server: psk });
    pair.open();
    expect(failureOf(pair.server)).toContain('it wants EAP, which home does not take of it');
    expect(failureOf(pair.client)).toContain('the peer takes EAP of us');
    const other = eapPair({ client: psk }).pair.open();
    expect(failureOf(other.server)).toContain('wants EAP of it');
  });

  it('ends a conversation that does not end', () => {
    const { pair, client, server } = eapPair({}, { server: { rounds: 200 } });
    pair.open().drive(10_000);
    expect(failureOf(pair.server)).toContain('does not end');
    expect(server.requests).toHaveLength(MAX_EAP_EXCHANGES);
    expect(client.requests.length).toBeLessThanOrEqual(MAX_EAP_EXCHANGES);
    expect([pair.client.closeCode, pair.server.closeCode]).toEqual([
      'authentication-failed',
      'authentication-failed',
    ]);
  });
});

describe('time and loss in an EAP conversation (RFC 7296 §2.1, §2.16)', () => {
  it('comes through when every message is lost once, and no step is performed twice', () => {
    const { pair, client, server } = eapPair();
    const seen = new Set<string>();
    pair.wire = (flight) => {
      const key = `${flight.from} ${flight.data.join('.')}`;
      if (seen.has(key)) return [{ flight }];
      seen.add(key);
      return [];
    };
    pair.open().drive(120_000);
    expect(sizes(pair)).toEqual([1, 1]);
    expect([client.requests.length, server.requests.length]).toEqual([3, 3]);
  });

  it('answers the last request again from the cache, and is silent while the driver works', () => {
    const { pair } = eapPair({ serverProofDelayMs: 9_000 });
    pair.open().drive(60_000);
    expect(sizes(pair)).toEqual([1, 1]);
    const again = pair.server.story.filter((line) =>
      line.startsWith('sent IKE_AUTH response again'),
    );
    expect(again).toEqual([]);
    expect(pair.client.story.some((line) => line.startsWith('sent IKE_AUTH request again'))).toBe(
      true,
    );
  });

  it('refuses the peer when the driver is silent', () => {
    const { pair } = eapPair({ ...BY_PSK, serverProofDelayMs: Number.POSITIVE_INFINITY });
    pair.open().drive(PROOF_TIMEOUT_MS + 2_000);
    expect(pair.server.closeCode).toBe('authentication-failed');
    expect(pair.client.closeCode).toBe('authentication-failed');
  });

  it('counts a peer as half-open until the end, and drops one that goes away in between', () => {
    const { pair } = eapPair({ serverSettings: { halfOpenTimeoutMs: 30_000 } });
    pair.wire = (flight) => (flight.index > 4 ? [] : [{ flight }]);
    pair.open().drive(31_000);
    expect(pair.server.closeCode).toBe('peer-unreachable');
    expect(pair.server.endedEap).toHaveLength(1);
    expect(pair.server.machine.nextDeadline()).toBeUndefined();
  });

  it('ends one that takes its time at each step', () => {
    const { pair } = eapPair({ clientProofDelayMs: 20_000 }, { server: { rounds: 30 } });
    pair.open().drive(EAP_TIMEOUT_MS + 40_000);
    expect(pair.server.seen('session-closed')).toHaveLength(1);
    expect(sizes(pair)).toEqual([0, 0]);
  });

  it('ends at once when the user of either side closes it', () => {
    const { pair } = eapPair({ ...BY_PSK, clientProofDelayMs: 5_000 });
    pair.open().drive(1_000);
    pair.client.command({ kind: 'close', sessionId: 1 });
    expect(pair.client.closeCode).toBe('closed-by-user');
    pair.drive(1_000);
    expect(pair.server.closeCode).toBe('authentication-failed');
    expect([pair.client.endedEap.length, pair.server.endedEap.length]).toEqual([1, 1]);
  });
});

describe('EAP-only authentication (RFC 5998 §3)', () => {
  it('leaves the AUTH of the responder to the key of the method, where both agree', () => {
    const { pair, client } = eapPair({ client: ONLY, server: ONLY });
    pair.open();
    const [first, second] = auths(pair.client);
    expect(first).toContain('N(EAP_ONLY_AUTHENTICATION)');
    expect(second).toBe('received IKE_AUTH response: IDr EAP');
    expect(client.requests[0]?.isOnlyProof).toBe(true);
    expect(sizes(pair)).toEqual([1, 1]);
  });

  it('is not done for an initiator that did not ask for it', () => {
    const { pair } = eapPair({ server: ONLY });
    pair.open();
    expect(failureOf(pair.server)).toContain('which the peer did not ask for');
  });

  it('is not taken by an initiator that did not ask for it', () => {
    const { pair, client } = eapPair();
    pair.wire = (flight) => (flight.from === 'server' && flight.marker ? [] : [{ flight }]);
    pair.open();
    const idr = { type: 'IDr', ...identity('server') } as const;
    const eap = { type: 'EAP', data: eapPacket(1, 1, [77]) } as const;
    const message = { exchangeType: ExchangeType.IKE_AUTH, messageId: 1, isResponse: true };
    const data = new RawPeer(pair, 'server').seal([idr, eap], message);
    const path = { local: SERVER_4500, remote: CLIENT_4500 };
    pair.deliver({ from: 'server', index: -1, path, data, marker: true });
    expect(client.requests).toEqual([]);
    pair.drive(20_000);
    expect(failureOf(pair.client)).toContain('RFC 5998');
  });

  it.each([
    ['is not mutual', { isMutual: false }],
    ['makes no key', { key: undefined }],
  ])('refuses a method that %s', (_, method) => {
    const { pair } = eapPair({ client: ONLY, server: ONLY }, { client: method, server: method });
    pair.open();
    expect(failureOf(pair.server)).toContain('cannot stand alone');
    const strict = eapPair({ client: ONLY, server: ONLY }, { client: method });
    strict.pair.open();
    expect(failureOf(strict.pair.client)).toContain('cannot stand alone');
    expect(sizes(strict.pair)).toEqual([0, 0]);
  });
});

describe('the identity that EAP has proven (RFC 7296 §2.16)', () => {
  const forUser = (name: string, user: string, methods = 'mschapv2'): ConnectionConfig =>
    connection({
      ...TAKES_EAP,
      name,
      remoteAuthentication: {
        kind: 'eap',
        methods,
        identity: { kind: 'identity', identity: identity(user) },
      },
    });

  it('chooses among connections that are alike', () => {
    const serverConnections = [forUser('staff', 'alice'), forUser('guests', 'carol')];
    const { pair } = eapPair({ serverConnections });
    pair.open();
    expect(pair.server.seen('session-opened')[0]?.connection).toBe('guests');
  });

  it('gives nobody the connection of another method, nor one that is for others', () => {
    const serverConnections = [forUser('staff', 'alice'), forUser('guests', 'carol', 'tls')];
    const { pair } = eapPair({ serverConnections });
    pair.open();
    expect(failureOf(pair.server)).toContain('EAP has proven carol');
    expect(pair.client.closeCode).toBe('authentication-failed');
  });

  it('has to be the one of IDi where nothing else is configured', () => {
    const server = { remoteAuthentication: { kind: 'eap' } } as const;
    const other = eapPair({ server }).pair.open();
    expect(failureOf(other.server)).toContain('EAP has proven carol');
    const { pair } = eapPair({ server, client: { localIdentity: identity('carol') } });
    pair.open();
    expect(sizes(pair)).toEqual([1, 1]);
  });

  it('tells peers apart that say the same IDi', () => {
    const user = { name: 'carol' };
    const server = new EapWorker();
    server.change = (progress) =>
      progress.kind === 'success'
        ? { ...progress, user: new TextEncoder().encode(user.name) }
        : progress;
    const { pair } = eapPair({
      serverEap: server,
      client: { sendInitialContact: true },
      server: { unique: 'replace' },
    });
    pair.open().drive(1_000);
    user.name = 'alice';
    pair.restartClient();
    pair.initiate(2);
    pair.drive(2_000);
    expect(pair.server.seen('session-closed')).toEqual([]);
    user.name = 'carol';
    pair.restartClient('again');
    pair.initiate(3);
    pair.drive(2_000);
    expect(pair.server.seen('session-closed')[0]?.failure.code).toBe('replaced');
  });
});
