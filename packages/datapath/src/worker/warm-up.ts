import {
  type CryptoProvider,
  Encr,
  Integ,
  KeyMaterial,
  type RandomSource,
} from '@ipsec-kit/crypto';
import {
  addressToSelector,
  buildUdpPacket,
  type Endpoint,
  type IpAddress,
  loopbackAddress,
} from '@ipsec-kit/ip';
import { createPacketEngine, type SaPair } from '@ipsec-kit/ipsec';
import {
  AF_UNIX,
  rawMemory,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  type SystemCalls,
} from '@ipsec-kit/posix';
import { tunQueueOn } from '@ipsec-kit/tun-adapter';
import { type BatchDescriptor, openBatchDescriptor } from '@ipsec-kit/udp-adapter';
import { BACKLOG_BYTES, type ToWorker } from './messages.ts';
import { PacketLoop } from './packet-loop.ts';
import { sharedCounters } from './shared-counters.ts';

/** How long a worker may warm up: a fraction of what the process needs to start. */
const MOST_MS = 60;
/** Datagrams that are carried each time, alone and together. */
const BURSTS: readonly number[] = [1, 4];
const DATA_BYTES = 100;
const VNET_HEADER_BYTES = 10;
const KEY_BYTES = 36;
/** Each read takes 1 of it: the loop never waits. @see eventfd(2) */
const EFD_SEMAPHORE = 1;
const NEVER_USED_UP = 0x7fff_ffff;
const OFFLOADS = { checksum: true, tcp: true, udp: true };

/** What came out of a warm-up. */
export interface WarmUp {
  /** Packets that went through the tunnel; 0 where there is no loopback interface. */
  readonly packets: number;
}

/** Carries packets through a tunnel whose both ends are one socket of the loopback interface, with keys that nobody knows,
 * until the engine of JavaScript has compiled the code that carries them: the first packets of an idle tunnel would
 * otherwise be carried by its interpreter, several times slower. Nothing of it is left afterwards.
 */
export function warmUp(calls: SystemCalls, crypto: CryptoProvider, random: RandomSource): WarmUp {
  const opened = openBatchDescriptor(calls, { bind: { address: loopbackAddress(4), port: 0 } });
  if (!opened.ok) return { packets: 0 };
  const engine = createPacketEngine({ crypto, random });
  const addresses = [inner(1), inner(2)] as const;
  const { endpoint } = opened.descriptor;
  const keys = [new Uint8Array(KEY_BYTES), new Uint8Array(KEY_BYTES)];
  for (const key of keys) random.fill(key);
  engine.install(ownPair(1, endpoint, keys, addresses));
  engine.install(ownPair(2, endpoint, keys, addresses));
  const joined = calls.mapMemory(8);
  const wakeFd = calls.eventfd(NEVER_USED_UP, EFD_SEMAPHORE);
  calls.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, joined.address);
  const [near = -1, host = -1] = rawMemory(joined).words32;
  const [local, remote] = addresses;
  const packet = buildUdpPacket(
    { local: { address: local, port: 1 }, remote: { address: remote, port: 1 } },
    new Uint8Array(DATA_BYTES),
  );
  try {
    new PacketLoop({
      calls,
      queue: tunQueueOn(calls, near, OFFLOADS, { name: 'warm-up' }),
      engine,
      counters: sharedCounters(Object.keys(engine.counters().drops)),
      wakeFd,
      backlog: new Int32Array(new SharedArrayBuffer(BACKLOG_BYTES)),
      nextCommand: drive(calls, host, opened.descriptor, packet),
      tell: () => undefined,
    }).run();
  } finally {
    engine.remove(1);
    engine.remove(2);
    calls.close(host);
    calls.close(wakeFd);
  }
  return { packets: engine.counters().inPackets };
}

/** The commands of a warm-up; between them it is the host behind the device, who sends packets and takes what comes. */
function drive(
  calls: SystemCalls,
  host: number,
  descriptor: BatchDescriptor,
  packet: Uint8Array,
): () => ToWorker | undefined {
  const untilMs = performance.now() + MOST_MS;
  const sent = calls.mapMemory(VNET_HEADER_BYTES + packet.length);
  const taken = calls.mapMemory(65536);
  sent.bytes.set(packet, VNET_HEADER_BYTES);
  let turn = 0;
  let isOver = false;
  return () => {
    if (isOver) return undefined;
    turn += 1;
    if (turn === 1) return { kind: 'add-socket', descriptor, isMarked: true };
    isOver = performance.now() > untilMs;
    if (isOver) return { kind: 'stop' };
    while (calls.read(host, taken.address, taken.bytes.length) > 0);
    const count = BURSTS[turn % BURSTS.length] ?? 1;
    for (let i = 0; i < count; i += 1) calls.write(host, sent.address, sent.bytes.length);
    return undefined;
  };
}

/** One of two pairs, each of which opens what the other one seals. @param keys - of both directions. */
function ownPair(
  id: 1 | 2,
  endpoint: Endpoint,
  keys: readonly Uint8Array[],
  [first, second]: readonly [IpAddress, IpAddress],
): SaPair {
  const half = (direction: number): SaPair['inbound'] => ({
    spi: 0x100 + direction,
    encryptionKey: new KeyMaterial(Uint8Array.from(keys[direction] ?? [])),
    integrityKey: new KeyMaterial(new Uint8Array()),
  });
  const isFirst = id === 1;
  return {
    id,
    suite: { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE },
    inbound: half(isFirst ? 0 : 1),
    outbound: half(isFirst ? 1 : 0),
    localSelectors: [addressToSelector(isFirst ? first : second)],
    remoteSelectors: [addressToSelector(isFirst ? second : first)],
    path: { local: endpoint, remote: endpoint },
    replayWindowPackets: 64,
    limits: {},
    innerMtu: 1400,
    outboundActive: true,
  };
}

/** An address of the range for documentation, which is in nobody's way. @see RFC 5737 §3 */
function inner(host: number): IpAddress {
  return { version: 4, bytes: Uint8Array.of(192, 0, 2, host) };
}
