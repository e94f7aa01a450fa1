import { execFileSync } from 'node:child_process';
import {
  type CipherSuite,
  type CryptoProvider,
  createSeededRandom,
  Encr,
  Integ,
  KeyMaterial,
} from '@ipsec-kit/crypto';
import { createNobleProvider } from '@ipsec-kit/crypto/noble';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { createInboundSa, createOutboundSa } from '../src/index.ts';

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const suites: readonly (CipherSuite & { readonly name: string; readonly openssl: string })[] = [
  {
    name: 'AES_GCM_16_256',
    openssl: 'aes-256-gcm',
    encryption: Encr.ENCR_AES_GCM_16,
    keyBits: 256,
    integrity: Integ.NONE,
  },
  {
    name: 'CHACHA20_POLY1305',
    openssl: 'chacha20-poly1305',
    encryption: Encr.ENCR_CHACHA20_POLY1305,
    keyBits: 256,
    integrity: Integ.NONE,
  },
];
const sizes = [64, 1400];
/** Packets that are opened in a row, and the memory for each. */
const BLOCK = 50;
const SLOT_BYTES = 2048;

/** Microseconds a packet of the best of five rounds: the machines that run this are noisy. */
function microsecondsEach(count: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < count; i += 1) work();
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1000 / count);
  }
  return best;
}

/** Microseconds a packet of opening alone, in the best of 5 rounds: what is opened has to be fresh each time, so a block
 * of packets is sealed in front of each measurement.
 */
function openingEach(
  count: number,
  seal: (at: number) => number,
  open: (at: number, length: number) => void,
): number {
  const lengths = new Uint16Array(BLOCK);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    let spent = 0;
    for (let done = 0; done < count; done += BLOCK) {
      for (let i = 0; i < BLOCK; i += 1) lengths[i] = seal(i * SLOT_BYTES);
      const start = process.hrtime.bigint();
      for (let i = 0; i < BLOCK; i += 1) open(i * SLOT_BYTES, lengths[i] ?? 0);
      spent += Number(process.hrtime.bigint() - start);
    }
    best = Math.min(best, spent / 1000 / (Math.ceil(count / BLOCK) * BLOCK));
  }
  return best;
}

function keyed(
  provider: CryptoProvider,
  suite: CipherSuite,
): ReturnType<CryptoProvider['createCipher']> {
  const shape = provider.cipherShape(suite);
  if (!shape) throw new Error(`${provider.name} lacks the suite`);
  const key = (length: number): KeyMaterial => new KeyMaterial(new Uint8Array(length).fill(7));
  return provider.createCipher(suite, {
    encryption: key(shape.encryptionKeyBytes),
    integrity: key(shape.integrityKeyBytes),
  });
}

function sealAndOpen(
  provider: CryptoProvider,
  suite: CipherSuite & { name: string },
  bytes: number,
): Row[] {
  const random = createSeededRandom(1);
  const count = provider.name === 'noble' ? 1500 : 20_000;
  const memory = new Uint8Array(BLOCK * SLOT_BYTES);
  const sender = createOutboundSa({ spi: 1, cipher: keyed(provider, suite), random, limits: {} });
  const sealing = microsecondsEach(count, () => void sender.seal(memory, 128, bytes, 4));
  const other = createOutboundSa({ spi: 2, cipher: keyed(provider, suite), random, limits: {} });
  const receiver = createInboundSa({
    spi: 2,
    cipher: keyed(provider, suite),
    replayWindowPackets: 64,
    limits: {},
  });
  const opening = openingEach(
    count,
    (at) => other.seal(memory, at + 128, bytes, 4),
    (at, length) => {
      if (receiver.open(memory, at + 128 - other.headroom, length) !== bytes)
        throw new Error('did not open');
    },
  );
  const name = `ESP ${suite.name} ${bytes} B, ${provider.name}`;
  return [
    { name: `${name}: seal`, value: sealing, unit: 'µs/packet' },
    { name: `${name}: open`, value: opening, unit: 'µs/packet' },
  ];
}

/** `openssl speed` of the same cipher and size: the limit. */
function openssl(suite: { name: string; openssl: string }, bytes: number): Row[] {
  try {
    const args = ['speed', '-mr', '-seconds', '1', '-bytes', String(bytes), '-evp', suite.openssl];
    const report = execFileSync('openssl', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const rate = Number(/^\+F:\d+:[^:]+:([\d.]+)/m.exec(report)?.[1]);
    return [
      {
        name: `ESP ${suite.name} ${bytes} B, openssl speed: cipher alone`,
        value: (bytes / rate) * 1e6,
        unit: 'µs/packet',
      },
    ];
  } catch {
    process.stderr.write('no openssl here: its rows are left out\n');
    return [];
  }
}

export async function bench(): Promise<Row[]> {
  const providers = [createNodeProvider(), createNobleProvider()];
  return suites.flatMap((suite) =>
    sizes.flatMap((bytes) => [
      ...openssl(suite, bytes),
      ...providers.flatMap((provider) => sealAndOpen(provider, suite, bytes)),
    ]),
  );
}
