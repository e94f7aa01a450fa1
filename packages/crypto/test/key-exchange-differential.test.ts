import { createSeededRandom, Ke, type KeyAgreement } from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { describe, expect, it } from 'vitest';

const noble = createNobleProvider();
const node = createNodeProvider();

function shared(agreement: KeyAgreement): Uint8Array {
  if (!agreement.ok) throw new Error(`refused: ${agreement.code}`);
  return agreement.sharedSecret.reveal();
}

const groups = Object.entries(Ke).filter(([name]) => !name.startsWith('ML_KEM'));
/** What takes noble a second is tried once. */
const runs = (method: number): number =>
  method === Ke.MODP_6144 || method === Ke.MODP_8192 ? 1 : 5;

describe.each(groups)('%s', (_, method) => {
  it('draws the same key pair from the same random bytes in both providers', async () => {
    for (let seed = 0; seed < runs(method); seed += 1) {
      const byNoble = await noble.generate(method, createSeededRandom(seed));
      const byNode = await node.generate(method, createSeededRandom(seed));
      expect(byNode.publicValue).toEqual(byNoble.publicValue);
      expect(byNode.publicValue).toHaveLength(noble.keyExchangePublicBytes(method) ?? 0);
    }
  });

  it('agrees on one secret whichever provider either side has', async () => {
    for (let seed = 0; seed < runs(method); seed += 1) {
      const initiator = await noble.generate(method, createSeededRandom(`${seed}/i`));
      const responder = await node.generate(method, createSeededRandom(`${seed}/r`));
      const sameResponder = await noble.generate(method, createSeededRandom(`${seed}/r`));
      const secret = shared(await noble.agree(initiator, responder.publicValue));
      expect(shared(await node.agree(responder, initiator.publicValue))).toEqual(secret);
      expect(shared(await noble.agree(sameResponder, initiator.publicValue))).toEqual(secret);
    }
  });
});
