import { DEFAULT_SIGNATURE_POLICY, signatureHashes } from '@ipsec-kit/auth';
import { type CryptoProvider, Ke } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { ExchangeType, TransformType } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { EapWorker } from '../eap/eap-worker.ts';
import { type Flight, identity, ikeProposal, Pair, type PairOptions } from '../pair.ts';
import { newKey, SignatureWorker } from '../proof/signature-worker.ts';
import { changing, hybrid, hybridPair } from './hybrid-pair.ts';

const INTERMEDIATE = ExchangeType.IKE_INTERMEDIATE;
/** Small enough for three fragments each way. */
const SMALL = { fragmentBytes: 600 };

function expectOpen(pair: Pair, intermediate: number): void {
  for (const host of [pair.client, pair.server]) {
    expect(host.seen('session-opened')).toHaveLength(1);
    expect(host.seen('session-closed')).toHaveLength(0);
    expect(host.children.size).toBe(1);
    expect(host.seen('ike-sa-keyed')).toHaveLength(1 + intermediate);
  }
  const [ours, theirs] = [pair.client, pair.server].map((host) => host.seen('ike-sa-keyed').at(-1));
  expect(ours?.keys.skEi.reveal()).toEqual(theirs?.keys.skEi.reveal());
}

function exchanges(pair: Pair): string[] {
  return pair.client.story.filter((line) => line.startsWith('sent'));
}

describe('an IKE SA with additional key exchanges (RFC 9370 §2.2)', () => {
  it('runs them between IKE_SA_INIT and IKE_AUTH, on port 4500 (RFC 9242 §3.2)', () => {
    const pair = hybridPair().open();
    expectOpen(pair, 1);
    expect(exchanges(pair).map((line) => line.split(':')[0])).toEqual([
      'sent IKE_SA_INIT request',
      'sent IKE_INTERMEDIATE request',
      'sent IKE_AUTH request',
    ]);
    expect(exchanges(pair)[0]).toContain('INTERMEDIATE_EXCHANGE_SUPPORTED');
    const sent = pair.flights.filter(({ data }) => data[18] === INTERMEDIATE);
    expect(sent.every(({ marker, path }) => marker && path.local.port === 4500)).toBe(true);
  });

  it('runs several, each with the keys of the one before', () => {
    expectOpen(hybridPair({}, Ke.ML_KEM_512, Ke.ML_KEM_1024, Ke.ECP_384).open(), 3);
  });

  it('takes its time when the computations do', () => {
    const pair = hybridPair({ answerDelayMs: 700 });
    pair.initiate();
    pair.drive(20_000);
    expectOpen(pair, 1);
  });

  for (const settings of [{}, SMALL]) {
    const how = settings === SMALL ? 'in fragments' : 'in few datagrams';
    const options: PairOptions = { clientSettings: settings, serverSettings: settings };
    const count = hybridPair(options, Ke.ML_KEM_768, Ke.ML_KEM_512).open().flights.length;

    it(`survives the loss of any one datagram, ${how} (RFC 7296 §2.1)`, () => {
      for (let lost = 0; lost < count; lost += 1) {
        const pair = hybridPair(options, Ke.ML_KEM_768, Ke.ML_KEM_512);
        pair.wire = (flight) => (flight.index === lost ? [] : [{ flight }]);
        pair.initiate();
        pair.drive(60_000);
        expectOpen(pair, 2);
      }
    });

    it(`takes any one datagram twice, at once or late, ${how}`, () => {
      for (const delayMs of [0, 15, 700]) {
        for (let doubled = 0; doubled < count; doubled += 1) {
          const pair = hybridPair(options, Ke.ML_KEM_768, Ke.ML_KEM_512);
          pair.wire = (flight) =>
            flight.index === doubled ? [{ flight }, { flight, delayMs }] : [{ flight }];
          pair.initiate();
          pair.drive(60_000);
          expectOpen(pair, 2);
        }
      }
    });
  }

  it('answers the last request again under the keys that it came with (RFC 9242 §3.3.1)', () => {
    const pair = hybridPair();
    let lost: Flight | undefined;
    pair.wire = (flight) => {
      if (flight.from === 'client' || flight.data[18] !== INTERMEDIATE || lost) return [{ flight }];
      lost = flight;
      return [];
    };
    pair.initiate();
    pair.drive(3_000);
    expect(pair.server.seen('ike-sa-keyed')).toHaveLength(2);
    expect(pair.client.seen('ike-sa-keyed')).toHaveLength(1);
    pair.drive(10_000);
    expectOpen(pair, 1);
    const again = pair.server.story.filter((line) => line.includes('response again'));
    expect(again).toEqual(['sent IKE_INTERMEDIATE response again: ']);
  });

  it('gives up when the peer is gone in the middle, and as responder forgets the half-open one', () => {
    const pair = hybridPair();
    pair.wire = (flight) => (flight.data[18] === INTERMEDIATE ? [] : [{ flight }]);
    pair.initiate();
    pair.drive(300_000);
    expect(pair.client.closeCode).toBe('peer-unreachable');
    expect(pair.server.machine.nextDeadline()).toBeUndefined();
  });

  it('begins anew, with other keys, where the connection has tries left', () => {
    const pair = hybridPair({ client: { keyingTries: 2 } });
    const until = pair.now + 170_000;
    pair.wire = (flight) =>
      flight.data[18] === INTERMEDIATE && pair.now < until ? [] : [{ flight }];
    pair.initiate();
    pair.drive(300_000);
    expect(pair.client.seen('session-retried')).toHaveLength(1);
    expect(pair.client.seen('session-opened')).toHaveLength(1);
  });
});

describe('whoever proves who they are, and how (RFC 9242 §3.3.2)', () => {
  const certificate = { kind: 'signature', certificateRequests: [] } as const;
  const hashes = signatureHashes(DEFAULT_SIGNATURE_POLICY);

  it('signatures cover the exchanges of both sides', () => {
    const both = {
      localAuthentication: { kind: 'signature' },
      remoteAuthentication: certificate,
      signatureHashes: hashes,
    } as const;
    const pair = hybridPair({
      client: { localIdentity: identity('client'), ...both },
      server: { localIdentity: identity('server'), ...both },
      clientSignatures: new SignatureWorker(newKey('ed25519')),
      serverSignatures: new SignatureWorker(newKey('ed25519')),
    }).open();
    expectOpen(pair, 1);
  });

  it('so do EAP and the signature before it', () => {
    const pair = hybridPair({
      client: {
        localIdentity: identity('client'),
        localAuthentication: { kind: 'eap' },
        remoteAuthentication: certificate,
        signatureHashes: hashes,
      },
      server: {
        localIdentity: identity('server'),
        localAuthentication: { kind: 'signature' },
        remoteAuthentication: { kind: 'eap', identity: { kind: 'any' } },
      },
      clientSignatures: new SignatureWorker(),
      serverSignatures: new SignatureWorker(newKey('ed25519')),
      clientEap: new EapWorker(),
      serverEap: new EapWorker(),
    }).open();
    expectOpen(pair, 1);
  });

  it('a reauthentication runs them as well, and moves the children over', () => {
    const pair = hybridPair({ client: { makeBeforeBreak: true } }).open();
    pair.client.command({ kind: 'reauthenticate', sessionId: 1 });
    pair.drive(20_000);
    for (const host of [pair.client, pair.server]) {
      expect(host.seen('session-reauthenticated')).toHaveLength(1);
      expect(host.seen('session-closed')).toHaveLength(0);
      expect(host.seen('ike-sa-keyed')).toHaveLength(4);
      expect(host.children.size).toBe(1);
    }
  });

  it('an AUTH without them is no proof: what one side has changed on the way is noticed', () => {
    const pair = hybridPair({ provider: forgetful(), serverProvider: createNodeProvider() });
    pair.initiate();
    pair.drive(60_000);
    expect(pair.server.seen('session-opened')).toHaveLength(0);
    expect(pair.client.closeCode).toBe('authentication-failed');
  });
});

/** A provider that makes an empty IntAuth: whoever has it signs IKE_SA_INIT alone. */
function forgetful(): CryptoProvider {
  const inner = createNodeProvider();
  const isIntermediate = (parts: readonly Uint8Array[]): boolean =>
    parts.some((part) => part.length > 28 && part[18] === INTERMEDIATE && part[16] === 46);
  const prf: CryptoProvider['prf'] = (id, key, ...parts) =>
    isIntermediate(parts) ? new Uint8Array(32) : inner.prf(id, key, ...parts);
  return Object.assign(Object.create(inner), inner, { prf });
}

describe('hybrid meets another configuration (RFC 9370 §2.2.1)', () => {
  const both = [hybrid(Ke.ML_KEM_768), ikeProposal()];

  it('goes without where one side has no such proposal, in either role', () => {
    for (const [ours, theirs] of [
      [both, [ikeProposal()]],
      [[ikeProposal()], both],
    ]) {
      const pair = new Pair({
        client: { proposals: ours ?? [] },
        server: { proposals: theirs ?? [] },
      }).open();
      expectOpen(pair, 0);
    }
  });

  it('takes the hybrid one where both have it, whichever stands first at the initiator', () => {
    const reversed = both.toReversed();
    const pair = new Pair({ client: { proposals: reversed }, server: { proposals: both } }).open();
    expectOpen(pair, 1);
  });

  it('runs none where NONE is allowed and the other side wants none', () => {
    const optional = {
      transforms: [...(both[0]?.transforms ?? []), { type: TransformType.ADDKE1, id: 0 }],
    };
    const plain = { proposals: [ikeProposal()] };
    expectOpen(new Pair({ client: { proposals: [optional] }, server: plain }).open(), 0);
    expectOpen(new Pair({ client: plain, server: { proposals: [optional] } }).open(), 0);
    const hybridOnly = { proposals: [hybrid(Ke.ML_KEM_768)] };
    expectOpen(new Pair({ client: { proposals: [optional] }, server: hybridOnly }).open(), 1);
  });

  it('ends with NO_PROPOSAL_CHOSEN where it must be hybrid and cannot', () => {
    const pair = new Pair({
      client: { proposals: [hybrid(Ke.ML_KEM_768)] },
      server: { proposals: [ikeProposal()] },
    });
    pair.initiate();
    pair.drive(20_000);
    expect(pair.client.closeCode).toBe('no-proposal-chosen');
  });
});

describe('what goes wrong in IKE_INTERMEDIATE (RFC 9242 §3.4, RFC 9370 §2.2.2)', () => {
  const cases = [
    ['a value of a wrong length', (data: Uint8Array) => data.subarray(1)],
    ['an empty value', () => new Uint8Array(0)],
    ['a value that is twice as long', (data: Uint8Array) => Uint8Array.from([...data, ...data])],
  ] as const;
  for (const [what, change] of cases) {
    it(`ends the attempt at ${what} of the initiator, with INVALID_SYNTAX`, () => {
      const pair = hybridPair({ provider: changing('generate', change) });
      pair.initiate();
      pair.drive(60_000);
      expect(pair.server.seen('session-opened')).toHaveLength(0);
      expect(pair.server.closeCode).toBe('invalid-ke-payload');
      expect(pair.client.closeCode).toBe('invalid-syntax');
    });

    it(`ends the attempt at ${what} of the responder`, () => {
      const pair = hybridPair({ serverProvider: changing('respond', change) });
      pair.initiate();
      pair.drive(60_000);
      expect(pair.client.closeCode).toBe('invalid-ke-payload');
      expect(pair.server.seen('session-opened')).toHaveLength(0);
    });
  }

  it('refuses an encapsulation key that is not reduced (FIPS 203 §7.2)', () => {
    const pair = hybridPair({ provider: changing('generate', (data) => data.fill(0xff)) });
    pair.initiate();
    pair.drive(60_000);
    expect(pair.server.closeCode).toBe('invalid-ke-payload');
    expect(pair.server.seen('session-closed')[0]?.failure.sentence).toContain('invalid-key');
  });

  it('agrees on nothing after a forged ciphertext: nobody is authenticated (FIPS 203 §6.3)', () => {
    const forge = (data: Uint8Array): Uint8Array => data.map((byte) => byte ^ 1);
    const pair = hybridPair({ serverProvider: changing('respond', forge) });
    pair.initiate();
    pair.drive(300_000);
    for (const host of [pair.client, pair.server]) {
      expect(host.seen('session-opened')).toHaveLength(0);
      expect(host.children.size).toBe(0);
    }
    expect(pair.server.machine.nextDeadline()).toBeUndefined();
  });

  it('takes a failure of our own computation for the end of the attempt, not for an exception', () => {
    for (const options of [
      { provider: changing('generate', () => undefined) },
      { serverProvider: changing('respond', () => undefined) },
    ]) {
      const pair = hybridPair(options);
      pair.initiate();
      pair.drive(300_000);
      expect(pair.client.seen('session-opened')).toHaveLength(0);
      expect(pair.client.seen('session-closed')).toHaveLength(1);
      expect(pair.server.machine.nextDeadline()).toBeUndefined();
    }
  });
});
