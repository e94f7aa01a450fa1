import { DEFAULT_SIGNATURE_POLICY, signatureHashes } from '@ipsec-kit/auth';
import {
  decodeMessage,
  ExchangeType,
  encodeMessage,
  NotifyType,
  notify,
} from '@ipsec-kit/ikev2-codec';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConnectionConfig } from '../../src/index.ts';
import { decodePpkId, encodePpkId } from '../../src/ppk/ppk-id.ts';
import { EapWorker } from '../eap/eap-worker.ts';
import { hybrid } from '../hybrid/hybrid-pair.ts';
import { connection, type Flight, identity, Pair, type PairOptions } from '../pair.ts';
import { newKey, SignatureWorker } from '../proof/signature-worker.ts';
import { knows, offers, ppk } from './ppk-pair.ts';

const eap: Pick<PairOptions, 'clientEap' | 'serverEap'> = {
  clientEap: new EapWorker(),
  serverEap: new EapWorker(),
};
const byEap = {
  client: { localAuthentication: { kind: 'eap' }, localIdentity: identity('carol') },
  server: { remoteAuthentication: { kind: 'eap' } },
} as const;

const hashes = signatureHashes(DEFAULT_SIGNATURE_POLICY);
const signs: Partial<ConnectionConfig> = {
  localAuthentication: { kind: 'signature' },
  remoteAuthentication: { kind: 'signature', certificateRequests: [] },
  signatureHashes: hashes,
};

/** How two sides come out: both open and the same use of a key, or the sentences that they end with. */
function outcome(pair: Pair): string {
  const [ours, theirs] = [pair.client, pair.server].map((host) => {
    const opened = host.seen('session-opened')[0];
    const closed = host.seen('session-closed')[0];
    return opened && !closed ? (opened.ppk ?? 'none') : `closed: ${closed?.failure.code}`;
  });
  return `${ours}, ${theirs}`;
}

/** Time enough for a refusal to be believed. */
function opened(options: PairOptions): string {
  const pair = new Pair(options);
  pair.initiate();
  return outcome(pair.drive(5_000));
}

const FAILED = 'closed: authentication-failed, closed: authentication-failed';

describe('post-quantum pre-shared keys as both sides have them (RFC 8784 §3, Table 1)', () => {
  const carol = offers();
  const required = offers({ required: true });
  it.each<[string, Partial<ConnectionConfig>, Partial<ConnectionConfig>, string]>([
    ['nobody has one', {}, {}, 'none, none'],
    ['both have it', carol, knows(['carol']), 'used, used'],
    ['both have it and want it', required, knows(['carol'], { required: true }), 'used, used'],
    ['the initiator alone has one', carol, {}, 'unused, none'],
    [
      'the initiator alone has one and wants it',
      required,
      {},
      'closed: authentication-failed, closed: undefined',
    ],
    ['the responder alone has one', {}, knows(['carol']), 'none, unused'],
    ['the responder alone has one and wants it', {}, knows(['carol'], { required: true }), FAILED],
    ['the responder has others', carol, knows(['dave']), 'unused, unused'],
    ['the responder has others and wants one', carol, knows(['dave'], { required: true }), FAILED],
    ['the responder has others and the initiator wants one', required, knows(['dave']), FAILED],
    [
      'the responder takes one alone, another than that',
      carol,
      knows(['carol'], { own: { ...ppk('dave'), idType: 'fixed' } }),
      'unused, unused',
    ],
    ['the two have not the same', carol, knows(['carol'], { key: 'another' }), FAILED],
  ])('%s', (_, client, server, wanted) => {
    expect(opened({ client, server })).toBe(wanted);
    const proven = {
      clientSignatures: new SignatureWorker(newKey('ed25519')),
      serverSignatures: new SignatureWorker(newKey('P-256')),
    };
    expect(
      opened({ ...proven, client: { ...signs, ...client }, server: { ...signs, ...server } }),
    ).toBe(wanted);
    expect(
      opened({
        ...eap,
        client: { ...byEap.client, ...client },
        server: { ...byEap.server, ...server },
      }),
    ).toBe(wanted);
    const both = { proposals: [hybrid(36)] };
    expect(opened({ client: { ...both, ...client }, server: { ...both, ...server } })).toBe(wanted);
  });

  it('go by names of the opaque type as well (RFC 8784 §5.1)', () => {
    const own = { ...ppk('carol'), idType: 'opaque' as const };
    const pair = new Pair({ client: offers({ own }), server: knows(['carol']) });
    expect(outcome(pair.open())).toBe('used, used');
  });

  it('are signed for twice where the responder may do without, and once where not', () => {
    const signed = [carol, required].map((client) => {
      const clientSignatures = new SignatureWorker(newKey('ed25519'));
      const serverSignatures = new SignatureWorker(newKey('ed25519'));
      const pair = new Pair({
        clientSignatures,
        serverSignatures,
        clientProofDelayMs: 50,
        client: { ...signs, ...client },
        server: { ...signs, ...knows(['carol']) },
      });
      pair.initiate();
      pair.drive(5_000);
      expect(outcome(pair)).toBe('used, used');
      return clientSignatures.signed.length;
    });
    expect(signed).toEqual([2, 1]);
  });

  it('choose among connections: one that has the key goes before one that has none for it', () => {
    const one = (name: string, more: Partial<ConnectionConfig>) =>
      connection({ name, localIdentity: identity('server'), ...more });
    const serverConnections = [
      one('plain', {}),
      one('keyed', knows(['carol'], { required: true })),
    ];
    const pair = new Pair({ client: required, serverConnections });
    pair.open();
    expect(pair.server.seen('session-opened').map((event) => event.connection)).toEqual(['keyed']);
  });

  it('stay in all that follows: rekeys of the IKE SA and of the Child SA open on both sides', () => {
    const pair = new Pair({ client: required, server: knows(['carol']) }).open();
    for (const host of [pair.client, pair.server]) {
      const sessionId = host.seen('session-opened')[0]?.sessionId ?? 0;
      for (const kind of ['rekey-ike', 'rekey-child'] as const) {
        const childId = [...host.children.keys()].at(-1) ?? 0;
        host.command(kind === 'rekey-ike' ? { kind, sessionId } : { kind, sessionId, childId });
        pair.drive(2_000);
      }
    }
    expect(outcome(pair)).toBe('used, used');
    expect(pair.client.seen('session-rekeyed')).toHaveLength(2);
    expect(pair.client.seen('child-rekeyed').length).toBeGreaterThanOrEqual(2);
  });

  it('survive the loss of any one datagram (RFC 7296 §2.1)', () => {
    const options = { client: offers(), server: knows(['carol']) };
    const count = new Pair(options).open().flights.length;
    for (let lost = 0; lost < count; lost += 1) {
      const pair = new Pair(options);
      pair.wire = (flight) => (flight.index === lost ? [] : [{ flight }]);
      pair.initiate();
      pair.drive(30_000);
      expect(outcome(pair)).toBe('used, used');
    }
  });
});

/** The same IKE_SA_INIT message without USE_PPK, or with it. */
function edited({ data, ...flight }: Flight, announces: boolean): Flight {
  const decoded = decodeMessage(data);
  if (!decoded.ok) throw new Error(decoded.error.code);
  const { header, payloads } = decoded.value;
  const rest = payloads.filter((one) => one.type !== 'N' || one.notify !== NotifyType.USE_PPK);
  return {
    ...flight,
    data: encodeMessage({
      header,
      payloads: announces ? [...rest, notify(NotifyType.USE_PPK)] : rest,
    }),
  };
}

const isInit = (flight: Flight, from: Flight['from']): boolean =>
  flight.from === from && flight.data[18] === ExchangeType.IKE_SA_INIT;

describe('an attacker who takes the announcement away', () => {
  it.each(['client', 'server'] as const)(
    'from the %s is found out by AUTH (RFC 8784 §6)',
    (from) => {
      const pair = new Pair({ client: offers(), server: knows(['carol']) });
      pair.wire = (flight) => [{ flight: isInit(flight, from) ? edited(flight, false) : flight }];
      expect(outcome(pair.open())).toContain('closed: authentication-failed');
      expect(pair.client.seen('session-opened')).toEqual([]);
    },
  );

  it('in front of the true answer does not stop an initiator that wants a key (RFC 8784 §6)', () => {
    const pair = new Pair({ client: offers({ required: true }), server: knows(['carol']) });
    pair.wire = (flight) =>
      isInit(flight, 'server')
        ? [{ flight: edited(flight, false) }, { flight, delayMs: 300 }]
        : [{ flight }];
    pair.initiate();
    pair.drive(3_000);
    expect(outcome(pair)).toBe('used, used');
  });

  it('or puts one in for an initiator that has none gets a refusal without a hint', () => {
    const pair = new Pair({ client: {}, server: knows(['carol']) });
    pair.wire = (flight) => [{ flight: isInit(flight, 'client') ? edited(flight, true) : flight }];
    expect(outcome(pair.open())).toBe(FAILED);
    expect(pair.server.seen('session-closed')[0]?.failure.sentence).toMatch(
      /has announced a post-quantum pre-shared key and names none/,
    );
    expect(pair.client.story.at(-1)).toBe('received IKE_AUTH response: N(AUTHENTICATION_FAILED)');
  });
});

describe('an initiator that must use a key', () => {
  it('and has none to name does not begin', () => {
    const pair = new Pair({ client: { ppk: { required: true, keys: [] } } });
    pair.initiate();
    pair.drive(100);
    expect(pair.flights).toEqual([]);
    expect(pair.client.seen('session-closed')[0]?.failure.sentence).toMatch(
      /names none; set ppk_id/,
    );
  });

  it('and is answered without ends the IKE SA with AUTHENTICATION_FAILED', () => {
    // A responder that announces, and then goes on without: none of ours does.
    const pair = new Pair({ client: offers({ required: true }), server: {} });
    pair.wire = (flight) => [{ flight: isInit(flight, 'server') ? edited(flight, true) : flight }];
    expect(outcome(pair.open())).toContain('closed: authentication-failed, ');
  });
});

describe('PPK_ID (RFC 8784 §5.1)', () => {
  it('is a type and a name, and anything else is nobody’s', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 1023 }), fc.boolean(), (id, isFixed) => {
        expect(decodePpkId(encodePpkId(isFixed ? 'fixed' : 'opaque', id))).toEqual(id);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (data) => {
        const id = decodePpkId(data);
        const isKnown = data[0] === 1 || data[0] === 2;
        expect(id !== undefined).toBe(isKnown && data.length > 1 && data.length <= 1024);
      }),
    );
  });
});
