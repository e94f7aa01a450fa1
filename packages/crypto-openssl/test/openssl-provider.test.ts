import { createRequire } from 'node:module';
import { type CryptoProvider, Encr, Integ, type PacketCipher } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { describe, expect, it } from 'vitest';
import type { Evp, Koffi } from '../src/evp.ts';
import { bind, testedProvider } from '../src/load-openssl.ts';
import { closable, keysOf, label, openSslProvider, suites } from './fixture.ts';

const node = createNodeProvider();
const openssl = openSslProvider();
const realKoffi = (): Koffi => createRequire(import.meta.url)('koffi');
const gcm = { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE };

function realEvp(): Evp {
  const bound = bind(realKoffi, true);
  if (!('evp' in bound)) throw new Error(bound.reason);
  return bound.evp;
}

function sealedWith(cipher: PacketCipher): {
  memory: Uint8Array;
  args: [number, number, number, number, number];
} {
  const text = 8 + cipher.ivBytes;
  const memory = new Uint8Array(text + 48 + cipher.icvBytes).map((_, i) => i);
  const args: [number, number, number, number, number] = [0, 8, 8, text, 48];
  cipher.seal(memory, ...args);
  return { memory, args };
}

describe('loading', () => {
  it('says in one line that koffi is missing', () => {
    const bound = bind(() => {
      throw new Error("Cannot find module 'koffi'\nRequire stack");
    }, true);
    expect(bound).toEqual({
      reason: expect.stringMatching(/^the package koffi.*Cannot find module 'koffi'\)$/),
    });
  });

  it('says that this Node exports no OpenSSL', () => {
    const empty = {
      load: () => ({
        func: () => {
          throw new Error('no symbol EVP_x');
        },
      }),
    };
    expect(bind(() => empty as unknown as Koffi, true)).toEqual({
      reason: expect.stringContaining('does not export'),
    });
  });

  it('says that the machine lays its memory out in another way', () => {
    const loads: string[] = [];
    const koffi = (): Koffi => {
      loads.push('koffi');
      return realKoffi();
    };
    expect(bind(koffi, false)).toEqual({ reason: expect.stringContaining(process.arch) });
    expect(loads).toEqual([]);
  });

  it.runIf(openssl !== undefined).each<[string, (evp: Evp) => Partial<Evp>, string]>([
    ['seals nothing', () => ({ encryptUpdate: () => 1 }), 'seals differently'],
    ['accepts everything', () => ({ decryptFinal: () => 1 }), 'accepts a forged packet'],
    ['opens nothing', () => ({ decryptFinal: () => 0 }), 'opens differently'],
    ['tells no nonce and no ICV', () => ({ readParameters: () => 1 }), 'failed its test'],
    ['takes no nonce', () => ({ setParameters: () => 1 }), 'opens differently'],
    [
      'verifies nothing',
      (evp) => ({ cipher: (...at) => Math.max(evp.cipher(...at), 0) }),
      'accepts a forged packet',
    ],
    ['refuses keys', () => ({ encryptInit: () => 0 }), 'failed its test'],
    ['compares nothing', () => ({ compare: () => 0 }), 'accepts a forged packet'],
  ])('falls back when the OpenSSL inside Node %s', (_, broken, reason) => {
    const evp = realEvp();
    expect(testedProvider({ ...evp, ...broken(evp) }, node)).toEqual({
      ok: false,
      reason: expect.stringContaining(reason),
    });
  });

  it.runIf(openssl !== undefined)('leaves what it does not know to its base', () => {
    const provider = openssl as CryptoProvider;
    const ccm = { encryption: Encr.ENCR_AES_CCM_16, keyBits: 128, integrity: Integ.NONE };
    expect('close' in provider.createCipher(ccm, keysOf(provider, ccm))).toBe(false);
    const noCiphers = testedProvider({ ...realEvp(), cipherByName: () => 0 }, node);
    expect(noCiphers.ok && 'close' in noCiphers.provider.createCipher(gcm, keysOf(node, gcm))).toBe(
      false,
    );
    expect(() => provider.createCipher({ ...gcm, keyBits: 100 }, keysOf(node, gcm))).toThrow(
      '"suite" expected',
    );
  });
});

describe.runIf(openssl !== undefined)('a cipher of OpenSSL', () => {
  const provider = openssl as CryptoProvider;

  it.each(suites.map((suite) => [label(suite), suite] as const))(
    'refuses a wrong byte at every place of the ICV (%s)',
    (_, suite) => {
      const cipher = closable(provider.createCipher(suite, keysOf(provider, suite)));
      const { memory, args } = sealedWith(cipher);
      for (let i = 1; i <= cipher.icvBytes; i += 1) {
        const forged = memory.slice();
        forged[forged.length - i] = (forged.at(-i) ?? 0) ^ 0x80;
        expect(cipher.open(forged, ...args)).toBe(false);
      }
      expect(cipher.open(memory, ...args)).toBe(true);
      cipher.close();
    },
  );

  it('leaves nothing to read of a packet that is not authentic', () => {
    const cipher = provider.createCipher(gcm, keysOf(provider, gcm));
    const { memory, args } = sealedWith(cipher);
    memory[0] = 99;
    expect(cipher.open(memory, ...args)).toBe(false);
    expect(memory.subarray(args[3], args[3] + args[4])).toEqual(new Uint8Array(48));
  });

  it.each(suites.map((suite) => [label(suite), suite] as const))(
    'checks where it is told to work (%s)',
    (_, suite) => {
      const cipher = provider.createCipher(suite, keysOf(provider, suite));
      const iv = cipher.ivBytes;
      const memory = new Uint8Array(8 + iv + 16 + cipher.icvBytes);
      const bad: [number, number, number, number, number][] = [
        [0, 8, 8, 8 + iv, 32],
        [0, 8, 8, 9 + iv, 16],
        [-1, 8, 8, 8 + iv, 16],
        [0, Number.NaN, 8, 8 + iv, 16],
        [0, 8, memory.length, 8 + iv, 16],
        [0, 8, 8, 8 + iv, -16],
        [0, 8, 8, 8.5 + iv, 16],
      ];
      for (const args of bad) {
        expect(() => cipher.seal(memory, ...args)).toThrow(/"layout" expected/);
        expect(cipher.open(memory, ...args)).toBe(false);
      }
      expect(memory).toEqual(new Uint8Array(memory.length));
    },
  );

  it('never follows memory that was transferred away', () => {
    const cipher = provider.createCipher(gcm, keysOf(provider, gcm));
    const { memory, args } = sealedWith(cipher);
    structuredClone(memory.buffer, { transfer: [memory.buffer as ArrayBuffer] });
    expect(() => cipher.seal(memory, ...args)).toThrow(/"layout" expected/);
    expect(cipher.open(memory, ...args)).toBe(false);
  });

  it('works on several memories in turn, also small ones and views of one buffer', () => {
    const cipher = provider.createCipher(gcm, keysOf(provider, gcm));
    const buffer = new Uint8Array(300);
    const memories = [
      new Uint8Array(40),
      buffer.subarray(0, 100),
      buffer.subarray(101, 201),
      buffer,
    ];
    for (let round = 0; round < 3; round += 1) {
      for (const memory of memories) {
        memory.fill(round);
        cipher.seal(memory, 0, 8, 8, 16, 8);
        expect([...memory.subarray(16, 24)]).not.toEqual(Array(8).fill(round));
        expect(cipher.open(memory, 0, 8, 8, 16, 8)).toBe(true);
        expect([...memory.subarray(16, 24)]).toEqual(Array(8).fill(round));
      }
    }
  });

  it('outlives the erasure of its keys', () => {
    for (const suite of suites) {
      const keys = keysOf(provider, suite);
      const cipher = provider.createCipher(suite, keys);
      keys.encryption.erase();
      keys.integrity.erase();
      const { memory, args } = sealedWith(cipher);
      expect(node.createCipher(suite, keysOf(node, suite)).open(memory, ...args)).toBe(true);
    }
  });

  it.each([
    gcm,
    { encryption: Encr.ENCR_AES_CBC, keyBits: 128, integrity: Integ.AUTH_HMAC_SHA1_96 },
  ])('frees each context once and overwrites the key on close (%o)', (suite) => {
    const evp = realEvp();
    let made = 0;
    const freed: number[] = [];
    const counted: Evp = {
      ...evp,
      newContext: () => {
        made += 1;
        return evp.newContext();
      },
      newHmac: () => {
        made += 1;
        return evp.newHmac();
      },
      freeContext: (context) => {
        freed.push(context);
        evp.freeContext(context);
      },
      freeHmac: (context) => {
        freed.push(context);
        evp.freeHmac(context);
      },
    };
    const loaded = testedProvider(counted, node);
    if (!loaded.ok) throw new Error(loaded.reason);
    expect(freed.length).toBe(made);
    const cipher = closable(loaded.provider.createCipher(suite, keysOf(node, suite)));
    const { memory, args } = sealedWith(cipher);
    expect(cipher.open(memory, ...args)).toBe(true);
    cipher.close();
    cipher.close();
    expect(freed.length).toBe(made);
    expect(() => cipher.seal(memory, ...args)).toThrow('closed');
    expect(() => cipher.open(memory, ...args)).toThrow('closed');
  });

  it('frees what was forgotten', async () => {
    const evp = realEvp();
    let freed = 0;
    const counted = {
      ...evp,
      freeContext: (context: number) => {
        freed += 1;
        evp.freeContext(context);
      },
    };
    const loaded = testedProvider(counted, node);
    if (!loaded.ok) throw new Error(loaded.reason);
    const before = freed;
    const { provider: counting } = loaded;
    for (let i = 0; i < 50; i += 1) sealedWith(counting.createCipher(gcm, keysOf(node, gcm)));
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    for (let i = 0; i < 20 && freed === before; i += 1) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(freed).toBeGreaterThan(before);
  });
});
