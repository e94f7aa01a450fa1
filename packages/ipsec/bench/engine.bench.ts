import {
  type CipherShape,
  type CryptoProvider,
  createSeededRandom,
  Encr,
  Integ,
  KeyMaterial,
} from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { createOutboundSa, EspNextHeader } from '@ipsec-kit/esp';
import {
  appendPacket,
  buildUdpPacket,
  createPacketBatch,
  type IpAddress,
  type PacketBatch,
  packPath,
} from '@ipsec-kit/ip';
import { createPacketEngine, type PacketEngine, type SaPair } from '../src/index.ts';

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const suite = { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE };
const PACKET_BYTES = 1300;
const BATCH = 64;
const ROUNDS = 9;
const BATCHES = 400;
const none = new KeyMaterial(new Uint8Array(0));

/** A provider whose ciphers cost nothing: what is left is the engine. */
function withoutCiphers(): CryptoProvider {
  const provider = createNodeProvider();
  const shape: CipherShape | undefined = provider.cipherShape(suite);
  if (!shape) throw new Error('not provided');
  return {
    ...provider,
    createCipher: () => ({ ...shape, seal: () => undefined, open: () => true }),
  };
}

const address = (...bytes: number[]): IpAddress => ({ version: 4, bytes: Uint8Array.from(bytes) });
const gateway = address(10, 0, 0, 1);
const peerAddress = (peer: number): IpAddress => address(10, 1 + (peer >> 16), peer >> 8, peer);
const host = (start: IpAddress) => ({
  protocol: 0,
  startPort: 0,
  endPort: 65535,
  start,
  end: start,
});

/** One peer of a server: one address behind it. */
function pairOf(peer: number, isServer: boolean): SaPair {
  const half = (spi: number) => ({
    spi,
    encryptionKey: new KeyMaterial(new Uint8Array(36)),
    integrityKey: none,
  });
  const [inbound, outbound] = [half(0x10000 + peer), half(0x900000 + peer)];
  const [ours, theirs] = [host(gateway), host(peerAddress(peer))];
  const path = {
    local: { address: address(192, 0, 2, 1), port: 4500 },
    remote: { address: address(198, 51, peer >> 8, peer), port: 4500 },
  };
  return {
    id: peer + 1,
    suite,
    inbound: isServer ? inbound : outbound,
    outbound: isServer ? outbound : inbound,
    localSelectors: [isServer ? ours : theirs],
    remoteSelectors: [isServer ? theirs : ours],
    path: isServer ? path : { local: path.remote, remote: path.local },
    replayWindowPackets: 1024,
    limits: {},
    innerMtu: 1400,
    outboundActive: true,
  };
}

function engineWith(peers: number, isServer: boolean): PacketEngine {
  const engine = createPacketEngine({ crypto: withoutCiphers(), random: createSeededRandom(1) });
  for (let peer = 0; peer < peers; peer += 1) engine.install(pairOf(peer, isServer));
  engine.drainFacts();
  return engine;
}

const newBatch = (): PacketBatch =>
  createPacketBatch({ capacity: BATCH, slotBytes: 2048, headroom: 64 });

/** The peer of packet `i` of a turn: all over the table. */
const peerOf = (turn: number, i: number, peers: number): number =>
  ((turn * BATCH + i) * 7919) % peers;

/** Packets between the gateway and peers all over the table. */
function packets(peers: number, turn: number, isToPeer: boolean): Uint8Array[] {
  return Array.from({ length: BATCH }, (_, i) => {
    const peer = peerOf(turn, i, peers);
    const ends = [gateway, peerAddress(peer)].map((end) => ({ address: end, port: 5000 }));
    const [local, remote] = isToPeer ? ends : ends.reverse();
    if (!local || !remote) throw new Error('no ends');
    return buildUdpPacket({ local, remote }, new Uint8Array(PACKET_BYTES - 28));
  });
}

interface Measured {
  readonly nanoseconds: number;
  readonly heapBytes: number;
}

/** CPU time and heap of a packet in the best round; what comes between the batches is not counted. */
function measure(
  prepare: (turn: number) => PacketBatch,
  work: (batch: PacketBatch) => void,
): Measured {
  let nanoseconds = Number.POSITIVE_INFINITY;
  let heapBytes = Number.POSITIVE_INFINITY;
  let turn = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    let spent = 0n;
    let grown = 0;
    for (let i = 0; i < BATCHES; i += 1) {
      const batch = prepare(turn);
      turn += 1;
      const heap = process.memoryUsage().heapUsed;
      const start = process.hrtime.bigint();
      work(batch);
      spent += process.hrtime.bigint() - start;
      grown += Math.max(process.memoryUsage().heapUsed - heap, 0);
    }
    nanoseconds = Math.min(nanoseconds, Number(spent) / (BATCHES * BATCH));
    heapBytes = Math.min(heapBytes, grown / (BATCHES * BATCH));
  }
  return { nanoseconds, heapBytes };
}

function fill(batch: PacketBatch, from: readonly Uint8Array[]): PacketBatch {
  batch.count = 0;
  for (const packet of from) appendPacket(batch, packet);
  return batch;
}

/** Inner packets in, ESP out, each to another peer: longest prefix, policy, ESP header and trailer. */
function outbound(peers: number): Measured {
  const engine = engineWith(peers, true);
  const batch = newBatch();
  const toTun = newBatch();
  const turns = Array.from({ length: 40 }, (_, turn) => packets(peers, turn, true));
  const measured = measure(
    (turn) => fill(batch, turns[turn % turns.length] ?? []),
    (filled) => engine.outbound(filled, toTun),
  );
  if (batch.count !== BATCH) throw new Error('packets were dropped');
  return measured;
}

/** ESP in, inner packets out, each from another peer: SPI, replay window, trailer, selectors. */
function inbound(peers: number): Measured {
  const engine = engineWith(peers, true);
  const cipher = withoutCiphers().createCipher(suite, { encryption: none, integrity: none });
  const senders = Array.from({ length: peers }, (_, peer) =>
    createOutboundSa({ spi: pairOf(peer, true).inbound.spi, cipher }),
  );
  const paths = Array.from({ length: peers }, (_, peer) => packPath(pairOf(peer, true).path));
  const batch = newBatch();
  const turns = Array.from({ length: 40 }, (_, turn) => packets(peers, turn, false));
  const prepare = (turn: number): PacketBatch => {
    fill(batch, turns[turn % turns.length] ?? []);
    for (let i = 0; i < BATCH; i += 1) {
      const peer = peerOf(turn % turns.length, i, peers);
      const sender = senders[peer];
      const path = paths[peer];
      const at = batch.offsets[i] ?? 0;
      if (!sender || !path) throw new Error('no such peer');
      batch.lengths[i] = sender.seal(batch.memory, at, batch.lengths[i] ?? 0, EspNextHeader.IPv4);
      batch.offsets[i] = at - sender.headroom;
      batch.paths.set(path, i * path.length);
    }
    return batch;
  };
  const measured = measure(prepare, (filled) => engine.inbound(filled));
  if (batch.count !== BATCH) throw new Error('packets were dropped');
  return measured;
}

export async function bench(): Promise<Row[]> {
  return [1, 100, 10_000].flatMap((peers) =>
    Object.entries({ outbound, inbound }).flatMap(([name, run]) => {
      const { nanoseconds, heapBytes } = run(peers);
      const what = `engine ${name}, ${peers} peers, no cipher`;
      return [
        { name: what, value: nanoseconds, unit: 'ns/packet' },
        { name: `${what}: heap`, value: heapBytes, unit: 'B/packet' },
      ];
    }),
  );
}
