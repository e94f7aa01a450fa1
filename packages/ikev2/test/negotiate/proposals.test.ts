import { Encr, Integ, Ke, Prf, TransformType as T } from '@ipsec-kit/crypto';
import { type Proposal, ProtocolId, type Transform } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import {
  chooseProposal,
  isConsistentAnswer,
  offerProposals,
} from '../../src/negotiate/proposals.ts';

const NO_SPI = new Uint8Array(0);
const GCM: Transform = { type: T.ENCR, id: Encr.ENCR_AES_GCM_16, keyBits: 256 };
const CBC: Transform = { type: T.ENCR, id: Encr.ENCR_AES_CBC, keyBits: 256 };
const CBC128: Transform = { type: T.ENCR, id: Encr.ENCR_AES_CBC, keyBits: 128 };
const HMAC: Transform = { type: T.INTEG, id: Integ.AUTH_HMAC_SHA2_256_128 };
const NONE: Transform = { type: T.INTEG, id: Integ.NONE };
const PRF: Transform = { type: T.PRF, id: Prf.PRF_HMAC_SHA2_256 };
const X25519: Transform = { type: T.KE, id: Ke.CURVE25519 };
const P256: Transform = { type: T.KE, id: Ke.ECP_256 };

const ike = (...transforms: Transform[]): Proposal => ({
  number: 1,
  protocol: ProtocolId.IKE,
  spi: NO_SPI,
  transforms,
});
const choose = (offered: Proposal[], configured: Transform[][], method?: number) =>
  chooseProposal(
    offered,
    configured.map((transforms) => ({ transforms })),
    ProtocolId.IKE,
    method,
  )?.proposal;

describe('choosing a proposal (RFC 7296 §2.7, §3.3.6)', () => {
  it('takes one transform of each type, ours first', () => {
    const chosen = choose(
      [ike(CBC128, CBC, HMAC, PRF, P256, X25519)],
      [[CBC, CBC128, HMAC, PRF, X25519, P256]],
    );
    expect(chosen?.transforms).toEqual([CBC, HMAC, PRF, X25519]);
  });

  it('prefers our first proposal over the peer’s first, and keeps the number of the offer', () => {
    const second = { ...ike(GCM, PRF, X25519), number: 2 };
    const chosen = choose(
      [ike(CBC, HMAC, PRF, X25519), second],
      [
        [GCM, PRF, X25519],
        [CBC, HMAC, PRF, X25519],
      ],
    );
    expect(chosen?.number).toBe(2);
  });

  it('takes the method of the KE payload where both allow it, and only then', () => {
    const configured = [[CBC, HMAC, PRF, X25519, P256]];
    const offered = [ike(CBC, HMAC, PRF, P256, X25519)];
    expect(choose(offered, configured, Ke.ECP_256)?.transforms.at(-1)).toEqual(P256);
    expect(choose(offered, configured, Ke.MODP_2048)?.transforms.at(-1)).toEqual(X25519);
  });

  it('refuses another key length, a missing type and a type that it does not know', () => {
    const configured = [[CBC, HMAC, PRF, X25519]];
    expect(choose([ike(CBC128, HMAC, PRF, X25519)], configured)).toBeUndefined();
    expect(choose([ike(CBC, HMAC, PRF)], configured)).toBeUndefined();
    expect(choose([ike(CBC, HMAC, PRF, X25519, { type: 6, id: 35 })], configured)).toBeUndefined();
  });

  it('passes over a transform with an unknown attribute, not over its siblings', () => {
    const odd = { ...CBC, unknownAttributes: [Uint8Array.of(1, 2, 3, 4)] };
    const configured = [[CBC, CBC128, HMAC, PRF, X25519]];
    expect(choose([ike(odd, CBC128, HMAC, PRF, X25519)], configured)?.transforms[0]).toEqual(
      CBC128,
    );
    expect(choose([ike(odd, HMAC, PRF, X25519)], configured)).toBeUndefined();
  });

  it('takes an AEAD with INTEG NONE and with none at all, from either side (RFC 7296 §3.3.3)', () => {
    expect(choose([ike(GCM, NONE, PRF, X25519)], [[GCM, PRF, X25519]])).toBeDefined();
    expect(choose([ike(GCM, PRF, X25519)], [[GCM, NONE, PRF, X25519]])).toBeDefined();
    expect(choose([ike(GCM, HMAC, PRF, X25519)], [[GCM, PRF, X25519]])).toBeUndefined();
  });

  it('takes a key exchange NONE for none at all, and no other (RFC 7296 §1.2, §3.3.6)', () => {
    const esp = (...transforms: Transform[]): Proposal => ({
      number: 1,
      protocol: ProtocolId.ESP,
      spi: Uint8Array.of(0, 0, 1, 0),
      transforms,
    });
    const noMethod: Transform = { type: T.KE, id: 0 };
    const own = [{ transforms: [GCM] }];
    const take = (...transforms: Transform[]) =>
      chooseProposal([esp(...transforms)], own, ProtocolId.ESP)?.proposal.transforms;
    expect(take(GCM, noMethod)).toEqual([GCM, noMethod]);
    expect(take(GCM, P256, noMethod)).toEqual([GCM, noMethod]);
    expect(take(GCM, P256)).toBeUndefined();
  });

  it('never crosses protocols', () => {
    const esp = { ...ike(CBC, HMAC, PRF, X25519), protocol: ProtocolId.ESP };
    expect(choose([esp], [[CBC, HMAC, PRF, X25519]])).toBeUndefined();
  });
});

describe('checking an answer (RFC 7296 §3.3.6)', () => {
  const offered = offerProposals(
    [{ transforms: [CBC, CBC128, HMAC, PRF, X25519] }],
    ProtocolId.IKE,
    NO_SPI,
  );

  it('accepts exactly one proposal with one transform of each offered type', () => {
    expect(isConsistentAnswer([ike(CBC128, HMAC, PRF, X25519)], offered)).toBe(true);
  });

  it('refuses what was not offered, two of one type, two proposals and another number', () => {
    const good = ike(CBC, HMAC, PRF, X25519);
    expect(isConsistentAnswer([ike(GCM, PRF, X25519)], offered)).toBe(false);
    expect(isConsistentAnswer([ike(CBC, HMAC, PRF, P256)], offered)).toBe(false);
    expect(isConsistentAnswer([ike(CBC, CBC128, HMAC, PRF, X25519)], offered)).toBe(false);
    expect(isConsistentAnswer([ike(CBC, HMAC, PRF)], offered)).toBe(false);
    expect(isConsistentAnswer([good, good], offered)).toBe(false);
    expect(isConsistentAnswer([{ ...good, number: 9 }], offered)).toBe(false);
    expect(isConsistentAnswer([], offered)).toBe(false);
  });
});
