import { execFileSync } from 'node:child_process';
import {
  type CipherSuite,
  type CryptoProvider,
  createSeededRandom,
  Encr,
  Integ,
  KeyMaterial,
  type PacketCipher,
} from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { createInboundSa, createOutboundSa } from '@ipsec-kit/esp';
import { loadOpenSslProvider } from '../src/index.ts';

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const suites: readonly (CipherSuite & {
  readonly name: string;
  readonly openssl?: string;
  readonly esn?: boolean;
})[] = [
  {
    name: 'AES_GCM_16_128',
    openssl: 'aes-128-gcm',
    encryption: Encr.ENCR_AES_GCM_16,
    keyBits: 128,
    integrity: Integ.NONE,
  },
  {
    name: 'AES_GCM_16_256',
    openssl: 'aes-256-gcm',
    encryption: Encr.ENCR_AES_GCM_16,
    keyBits: 256,
    integrity: Integ.NONE,
  },
  {
    name: 'AES_GCM_16_256 ESN',
    encryption: Encr.ENCR_AES_GCM_16,
    keyBits: 256,
    integrity: Integ.NONE,
    esn: true,
  },
  {
    name: 'CHACHA20_POLY1305',
    openssl: 'chacha20-poly1305',
    encryption: Encr.ENCR_CHACHA20_POLY1305,
    keyBits: 256,
    integrity: Integ.NONE,
  },
  {
    name: 'AES_CBC_256 HMAC_SHA2_256_128',
    encryption: Encr.ENCR_AES_CBC,
    keyBits: 256,
    integrity: Integ.AUTH_HMAC_SHA2_256_128,
  },
  {
    name: 'AES_CTR_256 HMAC_SHA2_256_128',
    encryption: Encr.ENCR_AES_CTR,
    keyBits: 256,
    integrity: Integ.AUTH_HMAC_SHA2_256_128,
  },
];
const sizes = [64, 1400];
const PACKETS = 50_000;
/** Packets that are opened in a row, and the memory for each. */
const BLOCK = 50;
const SLOT_BYTES = 2048;

/** What the process has had of the processors, in microseconds: `openssl speed` counts that, and no time of others. */
function processorMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Microseconds a packet of the best of nine rounds: the machines that run this are noisy. */
function microsecondsEach(work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 9; round += 1) {
    const start = processorMicroseconds();
    for (let i = 0; i < PACKETS; i += 1) work();
    best = Math.min(best, (processorMicroseconds() - start) / PACKETS);
  }
  return best;
}

/** Microseconds a packet of opening alone, in the best of 9 rounds: what is opened has to be fresh each time, so a block
 * of packets is sealed in front of each measurement.
 */
function openingEach(
  count: number,
  seal: (at: number) => number,
  open: (at: number, length: number) => void,
): number {
  const lengths = new Uint16Array(BLOCK);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 9; round += 1) {
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

/** Bytes on the heap for each packet, in the round with the fewest collections: none. */
function heapBytesEach(work: () => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < PACKETS; i += 1) work();
    const grown = process.memoryUsage().heapUsed - before;
    if (grown >= 0) least = Math.min(least, grown);
  }
  return least / PACKETS;
}

function keyed(provider: CryptoProvider, suite: CipherSuite): PacketCipher {
  const shape = provider.cipherShape(suite);
  if (!shape) throw new Error(`${provider.name} lacks the suite`);
  const key = (length: number): KeyMaterial => new KeyMaterial(new Uint8Array(length).fill(7));
  return provider.createCipher(suite, {
    encryption: key(shape.encryptionKeyBytes),
    integrity: key(shape.integrityKeyBytes),
  });
}

function wholePackets(
  provider: CryptoProvider,
  suite: (typeof suites)[number],
  bytes: number,
): Row[] {
  const { esn = false } = suite;
  const random = createSeededRandom(1);
  const memory = new Uint8Array(BLOCK * SLOT_BYTES);
  const outbound = (spi: number) =>
    createOutboundSa({ spi, cipher: keyed(provider, suite), random, limits: {}, esn });
  const sender = outbound(1);
  const seal = (): void => void sender.seal(memory, 128, bytes, 4);
  const sealing = microsecondsEach(seal);
  const other = outbound(2);
  const receiver = createInboundSa({
    spi: 2,
    cipher: keyed(provider, suite),
    replayWindowPackets: 1024,
    limits: {},
    esn,
  });
  const opening = openingEach(
    PACKETS,
    (at) => other.seal(memory, at + 128, bytes, 4),
    (at, length) => {
      if (receiver.open(memory, at + 128 - other.headroom, length) !== bytes)
        throw new Error('did not open');
    },
  );
  const name = `ESP ${suite.name} ${bytes} B, ${provider.name}`;
  const limit = suite.openssl === undefined ? undefined : opensslMicroseconds(suite.openssl, bytes);
  return [
    ...(limit === undefined
      ? []
      : [
          { name: `${name} speed: cipher alone`, value: limit, unit: 'µs/packet' },
          { name: `${name}: seal, of the cipher alone`, value: sealing / limit, unit: 'times' },
        ]),
    { name: `${name}: seal`, value: sealing, unit: 'µs/packet' },
    { name: `${name}: open`, value: opening, unit: 'µs/packet' },
    { name: `${name}: seal, heap`, value: heapBytesEach(seal), unit: 'B/packet' },
  ];
}

/** `openssl speed` of the same cipher and size: the limit, in the better of two runs. */
function opensslMicroseconds(cipher: string, bytes: number): number | undefined {
  try {
    const args = ['speed', '-mr', '-seconds', '1', '-bytes', String(bytes), '-evp', cipher];
    const rates = [1, 2].map(() => {
      const report = execFileSync('openssl', args, {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      return Number(/^\+F:\d+:[^:]+:([\d.]+)/m.exec(report)?.[1]);
    });
    return (bytes / Math.max(...rates)) * 1e6;
  } catch {
    process.stderr.write('no openssl here: its rows are left out\n');
    return undefined;
  }
}

export async function bench(): Promise<Row[]> {
  const loaded = loadOpenSslProvider(createNodeProvider());
  if (!loaded.ok) {
    process.stderr.write(`${loaded.reason}: nothing to measure\n`);
    return [];
  }
  return suites.flatMap((suite) =>
    sizes.flatMap((bytes) => wholePackets(loaded.provider, suite, bytes)),
  );
}
