import { Ke } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { ExchangeType, NotifyType, notify } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { MAX_POSTPONEMENTS } from '../../src/collisions/retry-pause.ts';
import { SERIES_PATIENCE_MS } from '../../src/exchanges/follow-up-responder.ts';
import { child, type Flight, type Host, Pair, type PairOptions } from '../pair.ts';
import { RawPeer } from '../raw-peer.ts';
import { decrypt, type HandKeys, hmac, keysOf, payloadsOf, stream } from './by-hand.ts';
import { changing, hybridEsp, hybridPair, listening } from './hybrid-pair.ts';

const SIDES = ['client', 'server'] as const;
const TWO = [Ke.ML_KEM_768, Ke.ML_KEM_512];
const FOLLOWUP = ExchangeType.IKE_FOLLOWUP_KE;
const CREATE = ExchangeType.CREATE_CHILD_SA;

function sessionOf(host: Host): number {
  return host.seen('session-opened')[0]?.sessionId ?? -1;
}

/** What is done to the session and how often it shows at each end. */
const WORKS = {
  'a new Child SA': {
    begin: (host: Host) =>
      host.command({ kind: 'create-child', sessionId: sessionOf(host), child: 'net' }),
    seen: (host: Host) => host.seen('child-opened').length - 1,
    children: 2,
  },
  'a rekey of a Child SA': {
    begin: (host: Host) => {
      const childId = [...host.children.keys()].at(-1) ?? -1;
      host.command({ kind: 'rekey-child', sessionId: sessionOf(host), childId });
    },
    seen: (host: Host) => host.seen('child-rekeyed').length,
    children: 1,
  },
  'a rekey of the IKE SA': {
    begin: (host: Host) => host.command({ kind: 'rekey-ike', sessionId: sessionOf(host) }),
    seen: (host: Host) => host.seen('session-rekeyed').length,
    children: 1,
  },
} as const;
type Work = keyof typeof WORKS;

/** Both ends hold the same SAs, which work, and nothing is left over. */
function expectAgreement(pair: Pair, children = 1): void {
  const [ours, theirs] = [[...pair.client.children.values()], [...pair.server.children.values()]];
  expect([ours.length, theirs.length]).toEqual([children, children]);
  for (const one of ours) {
    const other = theirs.find(({ inboundSpi }) => inboundSpi === one.outboundSpi);
    expect(other?.inboundKeys.encryption.reveal()).toEqual(one.outboundKeys.encryption.reveal());
    expect(other?.outboundKeys.encryption.reveal()).toEqual(one.inboundKeys.encryption.reveal());
  }
  for (const name of SIDES) {
    const host = pair[name];
    const confirmed = host.seen('liveness-confirmed').length;
    host.command({ kind: 'check-liveness', sessionId: sessionOf(host) });
    pair.drive(1_000);
    expect(host.seen('liveness-confirmed')).toHaveLength(confirmed + 1);
    expect(host.seen('session-closed')).toHaveLength(0);
    expect(host.removedTwice).toBe(0);
  }
}

function expectDone(pair: Pair, work: Work): void {
  for (const name of SIDES) expect([name, WORKS[work].seen(pair[name])]).toEqual([name, 1]);
  expectAgreement(pair, WORKS[work].children);
}

describe('additional key exchanges after CREATE_CHILD_SA (RFC 9370 §2.2.4)', () => {
  for (const work of Object.keys(WORKS) as Work[]) {
    for (const side of SIDES) {
      it(`complete ${work} that the ${side} begins`, () => {
        const pair = hybridPair({}, ...TWO).open();
        const before = pair[side].story.length;
        WORKS[work].begin(pair[side]);
        pair.drive(10_000);
        const requests = pair[side].story.slice(before).filter((line) => line.startsWith('sent'));
        expect(requests.slice(0, 3).map((line) => line.split(':')[0])).toEqual([
          'sent CREATE_CHILD_SA request',
          'sent IKE_FOLLOWUP_KE request',
          'sent IKE_FOLLOWUP_KE request',
        ]);
        expectDone(pair, work);
      });

      it(`complete ${work} of the ${side} when any one datagram is lost, or comes twice`, () => {
        const clean = hybridPair({}, ...TWO).open();
        const first = clean.flights.length;
        WORKS[work].begin(clean[side]);
        clean.drive(3_000);
        const count = clean.flights.length - first;
        for (let at = first; at < first + count; at += 1) {
          for (const again of [undefined, 0, 15, 900]) {
            const pair = hybridPair({}, ...TWO).open();
            pair.wire = (flight) => {
              if (flight.index !== at) return [{ flight }];
              return again === undefined ? [] : [{ flight }, { flight, delayMs: again }];
            };
            WORKS[work].begin(pair[side]);
            pair.drive(40_000);
            expectDone(pair, work);
          }
        }
      });
    }

    it(`complete ${work} when the computations take their time`, () => {
      const pair = hybridPair({ answerDelayMs: 300 }, ...TWO);
      pair.initiate();
      pair.drive(5_000);
      WORKS[work].begin(pair.client);
      pair.drive(10_000);
      expectDone(pair, work);
    });
  }

  it('repeat over and over, by either side', () => {
    const pair = hybridPair().open();
    for (let round = 0; round < 6; round += 1) {
      WORKS['a rekey of the IKE SA'].begin(pair[SIDES[round % 2] ?? 'client']);
      pair.drive(2_000);
      WORKS['a rekey of a Child SA'].begin(pair[SIDES[(round >> 1) % 2] ?? 'client']);
      pair.drive(10_000);
      expectAgreement(pair);
    }
    for (const name of SIDES) expect(pair[name].seen('session-rekeyed')).toHaveLength(6);
  });
});

/** Datagrams of one side since a flight, in order, by exchange type. */
function since(pair: Pair, at: number, from: Flight['from'], exchange: number): Uint8Array[] {
  return pair.flights
    .slice(at)
    .filter((flight) => flight.from === from && flight.data[18] === exchange)
    .map(({ data }) => data);
}

function bodyOf(first: number, bytes: Uint8Array, type: number): Buffer {
  const found = payloadsOf(first, bytes).find((payload) => payload.type === type);
  if (!found) throw new Error(`no payload ${type}`);
  return found.body;
}

/** Keys of an IKE SA without additional key exchanges, and those that follow a CREATE_CHILD_SA exchange of the client, by hand. */
function byHand(work: Work): { pair: Pair; keys: HandKeys; seed: Buffer; nonces: Buffer } {
  const { provider, secrets } = listening();
  const children = [child({ proposals: [hybridEsp(...TWO)] })];
  const plain = new Pair({
    provider,
    serverProvider: createNodeProvider(),
    client: { children },
    server: { children },
  });
  const pair =
    work === 'a rekey of the IKE SA'
      ? hybridPair({ provider, serverProvider: createNodeProvider() }, ...TWO).open()
      : plain.open();
  const [request] = since(pair, 0, 'client', ExchangeType.IKE_SA_INIT);
  const [response] = since(pair, 0, 'server', ExchangeType.IKE_SA_INIT);
  if (!request || !response) throw new Error('no IKE_SA_INIT');
  const nonceOf = (data: Uint8Array): Buffer => bodyOf(data[16] ?? 0, data.subarray(28), 40);
  const initNonces = Buffer.concat([nonceOf(request), nonceOf(response)]);
  const spis = response.subarray(0, 16);
  const [first, ...additional] = secrets.splice(0);
  if (!first) throw new Error('no shared secret');
  let keys = keysOf(hmac(initNonces, first), initNonces, spis);
  for (const secret of additional)
    keys = keysOf(hmac(keys.skD, secret, initNonces), initNonces, spis);
  const at = pair.flights.length;
  WORKS[work].begin(pair.client);
  pair.drive(3_000);
  const question = decrypt(since(pair, at, 'client', CREATE), keys.skEi, keys.skAi);
  const answer = decrypt(since(pair, at, 'server', CREATE), keys.skEr, keys.skAr);
  const [ni, nr] = [question, answer].map((one) => bodyOf(one.first, one.inside, 40));
  const [sk0, ...more] = secrets;
  if (!ni || !nr || !sk0) throw new Error('nonces and a shared secret expected');
  expect(more).toHaveLength(TWO.length);
  const nonces = Buffer.concat([ni, nr]);
  return { pair, keys, nonces, seed: Buffer.concat([sk0, nonces, ...more]) };
}

describe('keys after IKE_FOLLOWUP_KE, by hand (RFC 9370 §2.2.4)', () => {
  it('of a new IKE SA follow from SK_d, SK(0), the nonces, SK(1) and SK(2)', () => {
    const { pair, keys, seed, nonces } = byHand('a rekey of the IKE SA');
    const keyed = pair.client.seen('ike-sa-keyed').at(-1);
    const spis = Buffer.alloc(16);
    spis.writeBigUInt64BE(keyed?.initiatorSpi ?? 0n, 0);
    spis.writeBigUInt64BE(keyed?.responderSpi ?? 0n, 8);
    const wanted = keysOf(hmac(keys.skD, seed), nonces, spis);
    for (const name of ['skEi', 'skEr', 'skAi', 'skAr'] as const) {
      expect(Buffer.from(keyed?.keys[name].reveal() ?? [])).toEqual(wanted[name]);
    }
  });

  for (const work of ['a new Child SA', 'a rekey of a Child SA'] as const) {
    it(`of ${work} do so likewise`, () => {
      const { pair, keys, seed } = byHand(work);
      const made = [...pair.client.children.values()].at(-1);
      const wanted = stream(keys.skD, seed, 2 * 36);
      expect(Buffer.from(made?.outboundKeys.encryption.reveal() ?? [])).toEqual(
        wanted.subarray(0, 36),
      );
      expect(Buffer.from(made?.inboundKeys.encryption.reveal() ?? [])).toEqual(wanted.subarray(36));
    });
  }
});

describe('a series that stops half-way (RFC 9370 §2.2.4)', () => {
  for (const work of Object.keys(WORKS) as Work[]) {
    it(`is STATE_NOT_FOUND after a while, and ${work} is begun anew`, () => {
      const pair = hybridPair({}, ...TWO).open();
      let blocked = true;
      pair.wire = (flight) =>
        blocked && flight.from === 'client' && flight.data[18] === FOLLOWUP ? [] : [{ flight }];
      WORKS[work].begin(pair.client);
      pair.drive(SERIES_PATIENCE_MS + 2_000);
      blocked = false;
      pair.drive(60_000);
      const refused = pair.client.story.filter((line) => line.includes('STATE_NOT_FOUND'));
      expect(refused).toHaveLength(1);
      expectDone(pair, work);
    });

    it(`leaves nothing behind at the responder of ${work}`, () => {
      const pair = hybridPair({}, ...TWO).open();
      pair.wire = (flight) => (flight.data[18] === FOLLOWUP ? [] : [{ flight }]);
      WORKS[work].begin(pair.client);
      pair.drive(SERIES_PATIENCE_MS + 2_000);
      expect(pair.server.children.size).toBe(1);
      expect(pair.server.machine.nextDeadline()?.name).not.toContain('series');
      pair.drive(300_000);
      // RFC 7296 §2.4: a peer that does not answer a request is dead.
      expect(pair.client.closeCode).toBe('peer-dead');
      expect(pair.client.children.size).toBe(0);
    });

    it(`deletes the IKE SA when every attempt at ${work} ends so`, () => {
      const pair = hybridPair({}, ...TWO).open();
      pair.wire = (flight) => {
        const isFirst = flight.from === 'client' && flight.data[18] === FOLLOWUP;
        return [{ flight, delayMs: isFirst ? SERIES_PATIENCE_MS + 1_500 : 0 }];
      };
      WORKS[work].begin(pair.client);
      pair.drive(3_600_000);
      const notFound = pair.client.story.filter((line) => line.includes('STATE_NOT_FOUND'));
      expect(notFound).toHaveLength(MAX_POSTPONEMENTS + 1);
      expect(pair.client.story).toContain('sent INFORMATIONAL request: D');
    });
  }

  it('is unknown to a peer that never began one, with another link, or under an IKE SA that was replaced', () => {
    const children = [child({ proposals: [hybridEsp(Ke.ML_KEM_768)] })];
    const pair = new Pair({ client: { children }, server: { children } }).open();
    const raw = new RawPeer(pair, 'client');
    const ke = { type: 'KE', method: Ke.ML_KEM_768, data: new Uint8Array(1184) } as const;
    const link = notify(NotifyType.ADDITIONAL_KEY_EXCHANGE, Uint8Array.of(1, 2, 3));
    for (const payloads of [[ke], [ke, link]]) {
      const answer = raw.request(payloads, { exchangeType: FOLLOWUP });
      expect(answer?.payloads.map((payload) => payload.type === 'N' && payload.notify)).toEqual([
        NotifyType.STATE_NOT_FOUND,
      ]);
    }
    expect(pair.server.seen('session-closed')).toHaveLength(0);
    const answer = raw.request([link], { exchangeType: FOLLOWUP });
    expect(answer?.payloads[0]).toMatchObject({ type: 'N', notify: NotifyType.INVALID_SYNTAX });
    expect(pair.server.seen('session-closed')).toHaveLength(1);
  });
});

const TELLING = new Set(['rekey-failed', 'child-failed', 'session-closed']);

describe('values that are not valid, after CREATE_CHILD_SA', () => {
  const half = (data: Uint8Array): Uint8Array => data.subarray(0, data.length / 2);
  for (const work of Object.keys(WORKS) as Work[]) {
    const options: readonly [string, PairOptions][] = [
      ['key', { provider: changing('generate', half) }],
      ['ciphertext', { serverProvider: changing('respond', half) }],
      ['failure at the initiator', { provider: changing('generate', () => undefined) }],
      ['failure at the responder', { serverProvider: changing('respond', () => undefined) }],
    ];
    for (const [what, option] of options) {
      it(`a bad ${what} for ${work} is told, and neither side keeps half of it`, () => {
        const children = [child({ proposals: [hybridEsp(Ke.ML_KEM_768)] })];
        const isIke = work === 'a rekey of the IKE SA';
        // The IKE SA itself is opened without, by a proposal that only its rekey does not take.
        const pair = isIke
          ? ikeRekeyPair(option)
          : new Pair({ ...option, client: { children }, server: { children } }).open();
        WORKS[work].begin(pair.client);
        pair.drive(20_000);
        const { client, server } = pair;
        expect(WORKS[work].seen(client)).toBe(0);
        const isClosed = client.seen('session-closed').length > 0;
        expect(client.children.size).toBe(isClosed ? 0 : 1);
        // A responder that answers nonsense in the last exchange has what the initiator cannot have, until that deletes it.
        if (what !== 'ciphertext') expect(WORKS[work].seen(server)).toBe(0);
        if (what !== 'ciphertext' || !isIke) {
          expect(server.children.size).toBe(client.children.size);
          expect(server.seen('session-closed').length > 0).toBe(isClosed);
        }
        const told = client.events.filter(({ kind }) => TELLING.has(kind)).length;
        const isPutOff = client.story.some((line) => line.includes('TEMPORARY_FAILURE'));
        expect(told > 0 || isPutOff).toBe(true);
      });
    }
  }
});

/** A pair that is open, and whose computations go wrong from then on. */
function ikeRekeyPair(option: PairOptions): Pair {
  const isOpen = { value: false };
  const later = (bad: PairOptions['provider']): PairOptions['provider'] => {
    if (!bad) return undefined;
    const good = createNodeProvider();
    return {
      ...bad,
      generate: (...args) => (isOpen.value ? bad : good).generate(...args),
      respond: (...args) => (isOpen.value ? bad : good).respond(...args),
    };
  };
  const provider = later(option.provider);
  const serverProvider = later(option.serverProvider) ?? createNodeProvider();
  const pair = hybridPair({ ...(provider ? { provider } : {}), serverProvider }).open();
  isOpen.value = true;
  return pair;
}
