import {
  type CipherSuite,
  type CryptoProvider,
  createSeededRandom,
  Encr,
  Integ,
  KeyMaterial,
} from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  appendPacket,
  buildUdpPacket,
  createPacketBatch,
  type PacketBatch,
  type Path,
  packetAt,
  parseEndpoint,
  parseSelector,
  writePackedPath,
} from '@ipsec-kit/ip';
import { createPacketEngine, type PacketEngine, type SaPair } from '@ipsec-kit/ipsec';

export const provider: CryptoProvider = createNodeProvider();
export const gcm: CipherSuite = {
  encryption: Encr.ENCR_AES_GCM_16,
  keyBits: 256,
  integrity: Integ.NONE,
};

export function engine(factCapacity = 64): PacketEngine {
  return createPacketEngine({ crypto: provider, random: createSeededRandom('iv'), factCapacity });
}

export function batch(capacity = 16): PacketBatch {
  return createPacketBatch({ capacity, slotBytes: 2048, headroom: 64 });
}

export function path(local: string, remote: string): Path {
  const ends = { local: parseEndpoint(local), remote: parseEndpoint(remote) };
  if (!ends.local || !ends.remote) throw new Error(`not endpoints: ${local}, ${remote}`);
  return { local: ends.local, remote: ends.remote };
}

export const clientPath: Path = path('192.0.2.1:4500', '198.51.100.1:4500');
export const serverPath: Path = { local: clientPath.remote, remote: clientPath.local };

const selectors = (texts: readonly string[]) =>
  texts.map((text) => {
    const selector = parseSelector(text);
    if (!selector) throw new Error(`not a selector: ${text}`);
    return selector;
  });

export interface PairOptions {
  readonly id?: number;
  readonly local?: readonly string[];
  readonly remote?: readonly string[];
  readonly innerMtu?: number;
  readonly outboundActive?: boolean;
  readonly limits?: SaPair['limits'];
  readonly replayWindowPackets?: number;
  readonly more?: Partial<SaPair>;
}

/** A pair as the client has it; its inbound SPI is 0x80000000 + id, the outbound one 0x10000 + id. */
export function clientPair(options: PairOptions = {}): SaPair {
  const { id = 1 } = options;
  const key = (byte: number) => new KeyMaterial(new Uint8Array(36).fill(byte));
  const none = new KeyMaterial(new Uint8Array(0));
  return {
    id,
    suite: gcm,
    inbound: { spi: 0x80000000 + id, encryptionKey: key(id), integrityKey: none },
    outbound: { spi: 0x10000 + id, encryptionKey: key(id + 100), integrityKey: none },
    localSelectors: selectors(options.local ?? ['10.0.0.0/24', '2001:db8:a::/48']),
    remoteSelectors: selectors(options.remote ?? ['10.1.0.0/16', '2001:db8:b::/48']),
    path: clientPath,
    replayWindowPackets: options.replayWindowPackets ?? 64,
    limits: options.limits ?? {},
    innerMtu: options.innerMtu ?? 1400,
    outboundActive: options.outboundActive ?? true,
    ...options.more,
  };
}

/** The same pair as the server has it. */
export function serverPair(pair: SaPair): SaPair {
  return {
    ...pair,
    inbound: pair.outbound,
    outbound: pair.inbound,
    localSelectors: pair.remoteSelectors,
    remoteSelectors: pair.localSelectors,
    path: serverPath,
  };
}

/** A client and a server with one pair. */
export function tunnel(options: PairOptions = {}): { client: PacketEngine; server: PacketEngine } {
  const pair = clientPair(options);
  const ends = { client: engine(), server: engine() };
  ends.client.install(pair);
  ends.server.install(serverPair(pair));
  return ends;
}

export function udp(from: string, to: string, bytes = 32): Uint8Array {
  return buildUdpPacket(
    path(from, to),
    Uint8Array.from({ length: bytes }, (_, i) => i),
  );
}

export function packets(from: PacketBatch): Uint8Array[] {
  return Array.from({ length: from.count }, (_, i) => packetAt(from, i).slice());
}

/** What `from` sends for these packets, and what it answers to the device. */
export function seal(
  from: PacketEngine,
  inner: readonly Uint8Array[],
  capacity = 16,
): { esp: PacketBatch; toTun: Uint8Array[] } {
  const esp = batch(capacity);
  const toTun = batch();
  for (const packet of inner) appendPacket(esp, packet);
  from.outbound(esp, toTun);
  return { esp, toTun: packets(toTun) };
}

/** What `to` takes out of these ESP packets when they come over `over`. */
export function open(
  to: PacketEngine,
  esp: readonly Uint8Array[],
  over: Path = serverPath,
  trafficClass = 0,
): Uint8Array[] {
  const received = batch(Math.max(esp.length, 1));
  for (const packet of esp) {
    writePackedPath(received.paths, received.count, over);
    received.trafficClasses?.fill(trafficClass);
    appendPacket(received, packet);
  }
  to.inbound(received);
  return packets(received);
}

/** The drops that are not 0. */
export function drops(of: PacketEngine): Record<string, number> {
  return Object.fromEntries(Object.entries(of.counters().drops).filter(([, count]) => count > 0));
}

/** Everything that was held for inbound SPIs and is delivered by now, through batches of `capacity`. */
export function released(from: PacketEngine, capacity = 16): Uint8Array[] {
  const into = batch(capacity);
  const inner: Uint8Array[] = [];
  while (from.takeReleased(into) > 0) inner.push(...packets(into));
  return inner;
}

/** Every inner packet that traps held and that may be sent by now, through batches of `capacity`. */
export function taken(from: PacketEngine, capacity = 16): Uint8Array[] {
  const into = batch(capacity);
  const inner: Uint8Array[] = [];
  while (from.takeHeld(into) > 0) inner.push(...packets(into));
  return inner;
}

/** An inner packet that carries a number; see {@link numberIn}. */
export function numbered(from: string, to: string, number: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, number);
  return buildUdpPacket(path(from, to), payload);
}

/** The number in the last four bytes of a packet. */
export function numberIn(packet: Uint8Array): number {
  return new DataView(packet.buffer, packet.byteOffset).getUint32(packet.length - 4);
}

/** The numbers from `first` to `last`. */
export function numbersFrom(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
