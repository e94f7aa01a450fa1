import {
  type CryptoProvider,
  Encr,
  Integ,
  KeyMaterial,
  type RandomSource,
} from '@ipsec-kit/crypto';
import {
  buildIcmpEcho,
  buildUdpPacket,
  type Endpoint,
  type IpAddress,
  loopbackAddress,
  prefixToSelector,
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
import { openBatchDescriptor } from '@ipsec-kit/udp-adapter';
import { newPairNumbers } from '../pair-activity.ts';
import { BACKLOG_BYTES, type ToWorker, transferPair } from './messages.ts';
import { PacketLoop } from './packet-loop.ts';
import { sharedCounters } from './shared-counters.ts';

/** What a warm-up may take of the processors, compilation included: a fraction of what the process needs to start. On a busy
 * machine it takes longer, but not without end.
 */
const MOST_PROCESSOR_MS = 300;
const MOST_MS = 800;
/** Tunnels that are made one after the other: code that knows a single one would be thrown away with it. */
const TUNNELS = 3;
/** Datagrams that are carried each time, alone and together. */
const BURSTS: readonly number[] = [1, 64];
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
  let packets = 0;
  for (let i = 0; i < TUNNELS; i += 1) packets += carry(calls, crypto, random);
  return { packets };
}

/** @returns the packets that went through one tunnel. */
function carry(calls: SystemCalls, crypto: CryptoProvider, random: RandomSource): number {
  const opened = openBatchDescriptor(calls, { bind: { address: loopbackAddress(4), port: 0 } });
  if (!opened.ok) return 0;
  const { descriptor } = opened;
  const engine = createPacketEngine({ crypto, random });
  const joined = calls.mapMemory(8);
  const wakeFd = calls.eventfd(NEVER_USED_UP, EFD_SEMAPHORE);
  calls.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, joined.address);
  const [near = -1, host = -1] = rawMemory(joined).words32;
  // The objects are to be like those that a message brings.
  const { pair } = structuredClone(transferPair(ownPair(random, descriptor.endpoint)));
  const commands: ToWorker[] = [
    { kind: 'add-socket', descriptor: structuredClone(descriptor), isMarked: true },
    { kind: 'install', id: 1, pair, counters: newPairNumbers() },
  ];
  try {
    new PacketLoop({
      calls,
      queue: tunQueueOn(calls, near, OFFLOADS, { name: 'warm-up' }),
      engine,
      counters: sharedCounters(Object.keys(engine.counters().drops)),
      wakeFd,
      backlog: new Int32Array(new SharedArrayBuffer(BACKLOG_BYTES)),
      nextCommand: drive(calls, host, commands),
      tell: () => undefined,
    }).run();
  } finally {
    calls.close(host);
    calls.close(wakeFd);
  }
  return engine.counters().inPackets;
}

/** The commands of a warm-up; between them it is the host behind the device, who sends packets and takes what comes. */
function drive(calls: SystemCalls, host: number, commands: ToWorker[]): () => ToWorker | undefined {
  const untilMs = performance.now() + MOST_MS / TUNNELS;
  const untilProcessorMs = processorMs() + MOST_PROCESSOR_MS / TUNNELS;
  const packets = innerPackets().map((packet) => {
    const memory = calls.mapMemory(VNET_HEADER_BYTES + packet.length);
    memory.bytes.set(packet, VNET_HEADER_BYTES);
    return memory;
  });
  const taken = calls.mapMemory(65536);
  let turn = 0;
  let isOver = false;
  return () => {
    if (isOver) return undefined;
    const command = commands.shift();
    if (command) return command;
    isOver = processorMs() > untilProcessorMs || performance.now() > untilMs;
    if (isOver) return { kind: 'stop' };
    while (calls.read(host, taken.address, taken.bytes.length) > 0);
    turn += 1;
    const count = BURSTS[turn % BURSTS.length] ?? 1;
    for (let i = 0; i < count; i += 1) {
      const packet = packets[(turn + i) % packets.length];
      if (packet) calls.write(host, packet.address, packet.bytes.length);
    }
    return undefined;
  };
}

/** What the process has had of the processors. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** What the first packets of a tunnel tend to be. */
function innerPackets(): Uint8Array[] {
  const [source, destination] = [inner(1), inner(2)];
  const data = new Uint8Array(DATA_BYTES);
  const path = {
    local: { address: source, port: 1 },
    remote: { address: destination, port: 1 },
  };
  return [
    buildIcmpEcho({ kind: 'request', source, destination, identifier: 1, sequence: 1, data }),
    buildUdpPacket(path, data),
  ];
}

/** A pair that opens what it seals. */
function ownPair(random: RandomSource, endpoint: Endpoint): SaPair {
  const key = new Uint8Array(KEY_BYTES);
  random.fill(key);
  const half = {
    spi: 0xc123_4567,
    encryptionKey: new KeyMaterial(key),
    integrityKey: new KeyMaterial(new Uint8Array()),
  };
  const selectors = [prefixToSelector({ address: inner(0), length: 24 })];
  return {
    id: 1,
    suite: { encryption: Encr.ENCR_AES_GCM_16, keyBits: 256, integrity: Integ.NONE },
    inbound: half,
    outbound: half,
    localSelectors: selectors,
    remoteSelectors: selectors,
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
