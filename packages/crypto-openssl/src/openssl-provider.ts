import type { CipherSuite, CryptoProvider, KeyMaterial } from '@ipsec-kit/crypto';
import { ChaChaCipher } from './chacha-cipher.ts';
import type { Evp } from './evp.ts';
import { GcmCipher } from './gcm-cipher.ts';
import { HmacCipher } from './hmac-cipher.ts';
import { freeContexts, type NativeContexts } from './native-contexts.ts';
import type { OpenSslPacketCipher } from './packet-cipher.ts';
import { createScratch, type Scratch } from './scratch.ts';
import { suiteAlgorithms } from './suite-algorithms.ts';

/** Puts the packet ciphers of OpenSSL on top of another provider, which does everything else, also suites that are not
 * known here.
 */
export function createProviderOn(evp: Evp, base: CryptoProvider): CryptoProvider {
  const scratch = createScratch(evp);
  const forgotten = new FinalizationRegistry<NativeContexts>((contexts) =>
    freeContexts(evp, contexts),
  );
  return {
    name: 'openssl',
    prfShape: (prf) => base.prfShape(prf),
    prf: (prf, key, ...data) => base.prf(prf, key, ...data),
    sha1: (...data) => base.sha1(...data),
    cipherShape: (suite) => base.cipherShape(suite),
    createCipher(suite, keys) {
      const made = createOpenSslCipher(evp, scratch, base, suite, keys);
      if (!made) return base.createCipher(suite, keys);
      forgotten.register(made.cipher, made.contexts);
      return made.cipher;
    },
    keyExchangePublicBytes: (method, role) => base.keyExchangePublicBytes(method, role),
    generate: (method, random) => base.generate(method, random),
    respond: (method, peerPublicValue, random) => base.respond(method, peerPublicValue, random),
    agree: (secret, peerPublicValue) => base.agree(secret, peerPublicValue),
  };
}

function createOpenSslCipher(
  evp: Evp,
  scratch: Scratch,
  base: CryptoProvider,
  suite: CipherSuite,
  keys: { readonly encryption: KeyMaterial; readonly integrity: KeyMaterial },
): { cipher: OpenSslPacketCipher; contexts: NativeContexts } | undefined {
  const shape = base.cipherShape(suite);
  const names = suiteAlgorithms(suite);
  // What is wrong with suite or keys is the base's to say.
  if (
    !shape ||
    !names ||
    keys.encryption.length !== shape.encryptionKeyBytes ||
    keys.integrity.length !== shape.integrityKeyBytes
  ) {
    return undefined;
  }
  const algorithm = evp.cipherByName(names.cipher);
  const digest = names.kind === 'hmac' ? evp.digestByName(names.digest) : 0;
  if (algorithm === 0 || (names.kind === 'hmac' && digest === 0)) return undefined;
  const contexts = { encrypt: 0, decrypt: 0, hmac: 0, key: keys.encryption.reveal().slice() };
  if (names.kind !== 'hmac') {
    const Cipher = names.kind === 'gcm' ? GcmCipher : ChaChaCipher;
    return { cipher: new Cipher(shape, evp, scratch, algorithm, contexts), contexts };
  }
  const { saltBytes } = names;
  const options = { algorithm, digest, saltBytes, integrityKey: keys.integrity.reveal() };
  return { cipher: new HmacCipher(shape, evp, scratch, options, contexts), contexts };
}
