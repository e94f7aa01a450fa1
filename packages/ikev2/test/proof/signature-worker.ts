import { generateKeyPairSync } from 'node:crypto';
import {
  DEFAULT_SIGNATURE_POLICY,
  encodeSignatureAuth,
  planSignatures,
  readSignatureAuth,
  type SignaturePlan,
  verifySignature,
} from '@ipsec-kit/auth';
import { KeyMaterial, readPublicKey, type SigningKey } from '@ipsec-kit/crypto';
import { createNodeSignatures } from '@ipsec-kit/crypto/node';
import { CertEncoding } from '@ipsec-kit/ikev2-codec';
import type { SignatureWork, SignRequest, VerifyPeerRequest } from '../../src/index.ts';

const provider = createNodeSignatures();

function imported(pkcs8: Buffer): SigningKey {
  const result = provider.importPrivateKey(new KeyMaterial(Uint8Array.from(pkcs8)));
  if (!result.ok) throw new Error(result.code);
  return result.key;
}

const DER = { format: 'der', type: 'pkcs8' } as const;

export function newKey(kind: 'ed25519' | 'P-256' | 'rsa'): SigningKey {
  if (kind === 'ed25519') return imported(generateKeyPairSync('ed25519').privateKey.export(DER));
  if (kind === 'rsa') {
    return imported(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(DER));
  }
  return imported(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(DER));
}

/** Signs with keys, and believes the keys that it is told, as raw public keys: what an endpoint asks of its driver. */
export class SignatureWorker implements SignatureWork {
  readonly signed: SignRequest[] = [];
  readonly plans: SignaturePlan[] = [];
  readonly verified: VerifyPeerRequest[] = [];
  /** Refuses what it verifies: with a reason. */
  refuse: (request: VerifyPeerRequest, attempt: number) => string | undefined = () => undefined;
  readonly #keys: readonly SigningKey[];

  constructor(...keys: readonly SigningKey[]) {
    this.#keys = keys;
  }

  sign(request: SignRequest): ReturnType<SignatureWork['sign']> {
    this.signed.push(request);
    const { peerHashes, refusals, octets } = request;
    const ways = this.#keys.flatMap((key) =>
      planSignatures(key.info, peerHashes, DEFAULT_SIGNATURE_POLICY).map((plan) => ({ key, plan })),
    );
    const way = ways[refusals];
    if (!way) return { kind: 'sign', proof: undefined, sentence: 'There is no key.' };
    const { key, plan } = way;
    this.plans.push(plan);
    const signature = key.sign(plan.algorithm, octets);
    if (signature instanceof Promise) throw new Error('a synchronous key is wanted');
    const certificates = [{ encoding: CertEncoding.RAW_PUBLIC_KEY, data: key.publicKey }];
    const data = encodeSignatureAuth(plan, signature);
    const hasMore = refusals + 1 < ways.length;
    return { kind: 'sign', proof: { method: plan.method, data, certificates, hasMore } };
  }

  verifyPeer(request: VerifyPeerRequest): ReturnType<SignatureWork['verifyPeer']> {
    this.verified.push(request);
    const detail = this.refuse(request, this.verified.length) ?? this.#fault(request);
    if (detail !== undefined) return { kind: 'verify-peer', verdict: { ok: false, detail } };
    return { kind: 'verify-peer', verdict: { ok: true } };
  }

  #fault({ certificates, auth, octets }: VerifyPeerRequest): string | undefined {
    const publicKey = certificates[0]?.data ?? new Uint8Array(0);
    const info = readPublicKey(publicKey);
    if (!info.ok) return 'it sent no key';
    const read = readSignatureAuth(auth.method, auth.data, info.key, DEFAULT_SIGNATURE_POLICY);
    if (!read.ok) return `its AUTH is ${read.code}`;
    const check = { publicKey, message: octets, ...read };
    return verifySignature(provider, check) === true ? undefined : 'its signature is wrong';
  }
}
