import { keyExchangeGroup } from './key-exchange-groups.ts';
import {
  agreeMlKem,
  generateMlKem,
  isMlKemSecret,
  mlKemParameters,
  respondMlKem,
} from './noble/ml-kem-key-exchange.ts';
import type { CryptoProvider, KeyAgreement, KeyExchangeSecret, KeyResponse } from './provider.ts';
import type { RandomSource } from './random-source.ts';

/** The Diffie-Hellman groups as one provider computes them. */
export interface DiffieHellman {
  generate(method: number, random: RandomSource): KeyExchangeSecret;
  agree(secret: KeyExchangeSecret, peerPublicValue: Uint8Array): KeyAgreement;
}

/** The key exchanges of a provider: its Diffie-Hellman groups, and ML-KEM beside them. */
export function createKeyExchanges(
  groups: DiffieHellman,
): Pick<CryptoProvider, 'keyExchangePublicBytes' | 'generate' | 'agree' | 'respond'> {
  return {
    keyExchangePublicBytes(method, role = 'initiator') {
      const kem = mlKemParameters(method);
      if (kem === undefined) return keyExchangeGroup(method)?.publicBytes;
      return role === 'initiator' ? kem.encapsulationKeyBytes : kem.ciphertextBytes;
    },
    generate(method, random) {
      return mlKemParameters(method)
        ? generateMlKem(method, random)
        : groups.generate(method, random);
    },
    agree(secret, peerPublicValue) {
      return isMlKemSecret(secret)
        ? agreeMlKem(secret, peerPublicValue)
        : groups.agree(secret, peerPublicValue);
    },
    respond(method, peerPublicValue, random): KeyResponse {
      if (mlKemParameters(method)) return respondMlKem(method, peerPublicValue, random);
      const secret = groups.generate(method, random);
      const agreement = groups.agree(secret, peerPublicValue);
      return agreement.ok ? { ...agreement, publicValue: secret.publicValue } : agreement;
    },
  };
}
