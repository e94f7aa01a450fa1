import { createHmac } from 'node:crypto';
import {
  initiatorSignedOctets,
  pskAuth,
  responderSignedOctets,
  verifyPskAuth,
} from '@ipsec-kit/auth';
import { KeyMaterial, Prf } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { idPayloadBody } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const hmac = (hash: string, key: Uint8Array, ...data: Uint8Array[]): Buffer =>
  createHmac(hash, key).update(Buffer.concat(data)).digest();
const HASHES = [
  [Prf.PRF_HMAC_SHA1, 'sha1'],
  [Prf.PRF_HMAC_SHA2_256, 'sha256'],
  [Prf.PRF_HMAC_SHA2_384, 'sha384'],
  [Prf.PRF_HMAC_SHA2_512, 'sha512'],
] as const;
const providers = [createNobleProvider(), createNodeProvider()];

describe.each(providers.map((provider) => [provider.name, provider] as const))(
  'with the %s provider',
  (_, provider) => {
    it.each(HASHES)(
      'both ends sign message, nonce of the peer and MACed identity with PRF %d (RFC 7296 §2.15)',
      (prf, hash) => {
        const request = bytes('the whole IKE_SA_INIT request');
        const response = bytes('the whole IKE_SA_INIT response');
        const skPi = bytes('key of the initiator');
        const skPr = bytes('key of the responder');
        // RestOfInitIDPayload: type, three reserved octets, data.
        const idI = idPayloadBody({ type: 'IDi', idType: 2, data: bytes('client') });
        const idR = idPayloadBody({ type: 'IDr', idType: 1, data: Uint8Array.of(10, 0, 0, 1) });
        expect(Buffer.from(idI).toString('hex')).toBe('02000000636c69656e74');
        expect(
          initiatorSignedOctets({
            provider,
            prf,
            request,
            responderNonce: bytes('nonce of the responder'),
            skPi: new KeyMaterial(skPi),
            initiatorIdBody: idI,
          }),
        ).toEqual(
          Uint8Array.from([
            ...request,
            ...bytes('nonce of the responder'),
            ...hmac(hash, skPi, idI),
          ]),
        );
        expect(
          responderSignedOctets({
            provider,
            prf,
            response,
            initiatorNonce: bytes('nonce of the initiator'),
            skPr: new KeyMaterial(skPr),
            responderIdBody: idR,
          }),
        ).toEqual(
          Uint8Array.from([
            ...response,
            ...bytes('nonce of the initiator'),
            ...hmac(hash, skPr, idR),
          ]),
        );
      },
    );

    it('both ends sign what went through IKE_INTERMEDIATE too (RFC 9242 §3.3.2)', () => {
      const common = { provider, prf: 5, intAuth: bytes('IntAuth') };
      const initiator = {
        ...common,
        request: bytes('request'),
        responderNonce: bytes('Nr'),
        skPi: new KeyMaterial(bytes('SK_pi')),
        initiatorIdBody: bytes('IDi'),
      };
      const responder = {
        ...common,
        response: bytes('response'),
        initiatorNonce: bytes('Ni'),
        skPr: new KeyMaterial(bytes('SK_pr')),
        responderIdBody: bytes('IDr'),
      };
      expect(initiatorSignedOctets(initiator)).toEqual(
        Uint8Array.from([
          ...bytes('requestNr'),
          ...hmac('sha256', bytes('SK_pi'), bytes('IDi')),
          ...bytes('IntAuth'),
        ]),
      );
      expect(responderSignedOctets(responder)).toEqual(
        Uint8Array.from([
          ...bytes('responseNi'),
          ...hmac('sha256', bytes('SK_pr'), bytes('IDr')),
          ...bytes('IntAuth'),
        ]),
      );
    });

    it.each(HASHES)(
      'the AUTH value of a pre-shared key is prf(prf(key, pad), octets) with PRF %d (RFC 7296 §2.15)',
      (prf, hash) => {
        for (const secret of ['', 'x', 'correct horse battery staple', 'k'.repeat(300)]) {
          const octets = bytes('signed octets');
          const padded = hmac(hash, bytes(secret), bytes('Key Pad for IKEv2'));
          const key = new KeyMaterial(bytes(secret));
          const value = pskAuth(provider, prf, key, octets);
          expect(Buffer.from(value)).toEqual(hmac(hash, padded, octets));
          expect(verifyPskAuth(provider, prf, key, octets, value)).toBe(true);
          expect(Buffer.from(key.reveal()).toString()).toBe(secret);
        }
      },
    );

    it('a wrong key, other octets, a flipped bit or another length is refused', () => {
      const prf = Prf.PRF_HMAC_SHA2_256;
      const key = new KeyMaterial(bytes('secret'));
      const octets = bytes('signed octets');
      const value = pskAuth(provider, prf, key, octets);
      const refuses = (secret: string, text: string, auth: Uint8Array) =>
        !verifyPskAuth(provider, prf, new KeyMaterial(bytes(secret)), bytes(text), auth);
      expect(refuses('Secret', 'signed octets', value)).toBe(true);
      expect(refuses('secret', 'signed octetz', value)).toBe(true);
      expect(refuses('secret', 'signed octets', value.subarray(1))).toBe(true);
      expect(refuses('secret', 'signed octets', Uint8Array.from([...value, 0]))).toBe(true);
      expect(refuses('secret', 'signed octets', new Uint8Array(0))).toBe(true);
      for (let bit = 0; bit < 256; bit += 1) {
        const forged = value.slice();
        forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(refuses('secret', 'signed octets', forged)).toBe(true);
      }
    });
  },
);
