import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { Encr, Integ, KeyMaterial } from '@ipsec-kit/crypto';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import {
  createPacketBatch,
  type Endpoint,
  type IpAddress,
  loopbackAddress,
  type Path,
  parseSelector,
  type TrafficSelector,
  writePackedPath,
} from '@ipsec-kit/ip';
import { createPacketEngine, type SaPair } from '@ipsec-kit/ipsec';
import { expect, vi } from 'vitest';
import {
  type CarriedSockets,
  type PacketPath,
  type PacketWorker,
  type PacketWorkerOptions,
  type PathFact,
  startPacketWorker,
} from '../src/index.ts';

export const address: IpAddress = loopbackAddress(4);
export const near: TrafficSelector | undefined = parseSelector('10.201.0.1');
export const far: TrafficSelector | undefined = parseSelector('10.202.0.1');
if (!near || !far) throw new Error('a test value cannot be parsed');
export const IKE: Uint8Array = Uint8Array.from({ length: 40 }, (_, i) => i + 1);
const MARKER: readonly number[] = [0, 0, 0, 0];

/** A worker between a TUN device and two ports of the loopback interface, and a peer. */
export interface Bench {
  readonly worker: PacketWorker;
  readonly sockets: CarriedSockets;
  readonly path: PacketPath;
  readonly peer: Socket;
  readonly ike: { message: Uint8Array; path: Path; marker: boolean }[];
  readonly facts: PathFact[];
  readonly errors: Error[];
  /** From the port without or with markers to the peer. */
  way(port: 'plain' | 'marked'): Path;
  close(): Promise<void>;
}

/** Opens it; `stateDirectory` is the caller's. */
export async function openBench(options: PacketWorkerOptions): Promise<Bench> {
  const started = await startPacketWorker(options);
  if (!started.ok) throw new Error(started.reason);
  const { worker } = started;
  const peer = createSocket('udp4');
  peer.bind(0, '127.0.0.1');
  await once(peer, 'listening');
  const bind = [0, 0].map((port) => ({ address, port }));
  const sockets = await worker.openSockets(bind);
  const [plain = 0, marked = 0] = sockets.ports;
  const ike: Bench['ike'] = [];
  const facts: PathFact[] = [];
  const errors: Error[] = [];
  const path = worker.connect({
    isMarkedPort: (port) => port === marked,
    onIke: (message, from, marker) => ike.push({ message, path: from, marker }),
    onFacts: (more) => facts.push(...more),
    onError: (error) => errors.push(error),
  });
  const remote: Endpoint = { address, port: peer.address().port };
  return {
    worker,
    sockets,
    path,
    peer,
    ike,
    facts,
    errors,
    way: (port) => ({ local: { address, port: port === 'plain' ? plain : marked }, remote }),
    async close() {
      peer.close();
      await path.stop();
      await sockets.close();
      await worker.tun.close();
    },
  };
}

/** IKE from the peer comes without its marker and with its path, and goes back with the marker where it had one.
 * @returns what the peer got, and gets from now on.
 */
export async function expectIkeBothWays(one: Bench): Promise<readonly Uint8Array[]> {
  const came: Uint8Array[] = [];
  one.peer.on('message', (datagram) => came.push(Uint8Array.from(datagram)));
  const marked = Uint8Array.of(...MARKER, ...IKE);
  one.peer.send(IKE, one.way('plain').local.port, '127.0.0.1');
  one.peer.send(marked, one.way('marked').local.port, '127.0.0.1');
  await vi.waitFor(() => expect(one.ike).toHaveLength(2));
  expect(one.ike).toContainEqual({ message: IKE, path: one.way('plain'), marker: false });
  expect(one.ike).toContainEqual({ message: IKE, path: one.way('marked'), marker: true });
  for (const { message, path, marker } of one.ike) one.path.sendIke(message, path, marker);
  await vi.waitFor(() => expect(came).toHaveLength(2));
  expect(came).toContainEqual(IKE);
  expect(came).toContainEqual(marked);
  return came;
}

/** A pair as the worker has it: its inbound SPI is 0x1000 + id, the outbound one 0x2000 + id. */
export function pair(id: number, way: Path, key = 7): SaPair {
  const half = (spi: number): SaPair['inbound'] => ({
    spi,
    encryptionKey: new KeyMaterial(new Uint8Array(36).fill(key)),
    integrityKey: new KeyMaterial(new Uint8Array()),
  });
  if (!near || !far) throw new Error('no selectors');
  return {
    id,
    suite: { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE },
    inbound: half(0x1000 + id),
    outbound: half(0x2000 + id),
    localSelectors: [near],
    remoteSelectors: [far],
    path: way,
    replayWindowPackets: 64,
    limits: {},
    innerMtu: 1400,
    outboundActive: true,
  };
}

/** Packets from `far` to `near` as the peer of pair `id` seals them. */
export function sealedByPeer(id: number, count: number): Uint8Array[] {
  const engine = createPacketEngine({ crypto: createNodeProvider(), random: systemRandom() });
  const endpoint = { address, port: 1 };
  const own = pair(id, { local: endpoint, remote: endpoint });
  engine.install({
    ...own,
    inbound: own.outbound,
    outbound: own.inbound,
    localSelectors: own.remoteSelectors,
    remoteSelectors: own.localSelectors,
  });
  const shape = { capacity: count, slotBytes: 512, headroom: 64 };
  const batch = createPacketBatch(shape);
  for (let i = 0; i < count; i += 1) {
    const at = i * shape.slotBytes + shape.headroom;
    const header = [0x45, 0, 0, 28, 0, i, 0, 0, 64, 253, 0, 0, 10, 202, 0, 1, 10, 201, 0, 1];
    batch.memory.set(header, at);
    batch.offsets[i] = at;
    batch.lengths[i] = 28;
    writePackedPath(batch.paths, i, { local: endpoint, remote: endpoint });
  }
  batch.count = count;
  engine.outbound(batch, createPacketBatch(shape));
  return Array.from({ length: batch.count }, (_, i) => {
    const at = batch.offsets[i] ?? 0;
    return batch.memory.slice(at, at + (batch.lengths[i] ?? 0));
  });
}
