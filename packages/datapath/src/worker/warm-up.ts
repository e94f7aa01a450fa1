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
import { natKeepalive } from '@ipsec-kit/nat-t';
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
/** Tunnels that are made one after the other: code that was compiled while there was a single one would be thrown away with it. */
const TUNNELS = 3;
/** Turns of all but the last one, which goes on until its time is over. */
const FIRST_TURNS = 64;
/** After so many turns with one packet there is one with many, and with all that is rare: what has never happened when code is
 * compiled makes it void when it does, and it would take a thousand packets to compile it again.
 */
const RARE_TURNS = 32;
const BURST_PACKETS = 64;
const DATA_BYTES = 100;
/** The numbers are told more often than in a real tunnel, whose loop is to know how. */
const LOOK_MS = 1;
/** Behind a marker of four zeros. */
const IKE_BYTES = 32;
const VNET_HEADER_BYTES = 10;
const KEY_BYTES = 36;
const RESERVED_SPI = 0x81;
const UNKNOWN_SPI = 0x82;
const ESP_BYTES = 64;
/** Each read takes 1 of it: the loop never waits. @see eventfd(2) */
const EFD_SEMAPHORE = 1;
const NEVER_USED_UP = 0x7fff_ffff;
const OFFLOADS = { checksum: true, tcp: true, udp: true };

/** What came out of a warm-up: nothing where there is no loopback interface. */
export interface WarmUp {
  /** Packets that were sealed. */
  readonly sealed: number;
  /** Those of them that came back and were opened. */
  readonly opened: number;
}

/** Carries packets through a tunnel whose both ends are one socket of the loopback interface, with keys that nobody knows,
 * until the engine of JavaScript has compiled the code that carries them: the first packets of an idle tunnel would
 * otherwise be carried by its interpreter, several times slower. Nothing of it is left afterwards.
 */
export function warmUp(calls: SystemCalls, crypto: CryptoProvider, random: RandomSource): WarmUp {
  let [sealed, opened] = [0, 0];
  for (let i = 1; i <= TUNNELS; i += 1) {
    const turns = i < TUNNELS ? FIRST_TURNS : Number.POSITIVE_INFINITY;
    const { outPackets, inPackets } = carry(calls, crypto, random, turns);
    sealed += outPackets;
    opened += inPackets;
  }
  return { sealed, opened };
}

/** @returns what went through one tunnel. */
function carry(
  calls: SystemCalls,
  crypto: CryptoProvider,
  random: RandomSource,
  turns: number,
): { readonly outPackets: number; readonly inPackets: number } {
  const bind = { address: loopbackAddress(4), port: 0 };
  const marked = openBatchDescriptor(calls, { bind, reportsTooBig: true });
  if (!marked.ok) return { outPackets: 0, inPackets: 0 };
  const { descriptor } = marked;
  const unmarked = openBatchDescriptor(calls, { bind, reportsTooBig: true });
  const engine = createPacketEngine({ crypto, random });
  const joined = calls.mapMemory(8);
  const wakeFd = calls.eventfd(NEVER_USED_UP, EFD_SEMAPHORE);
  calls.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, joined.address);
  const [near = -1, host = -1] = rawMemory(joined).words32;
  const backlog = new Int32Array(new SharedArrayBuffer(BACKLOG_BYTES));
  const { pair } = transferPair(ownPair(random, descriptor.endpoint));
  const sockets: ToWorker[] = [descriptor, ...(unmarked.ok ? [unmarked.descriptor] : [])].map(
    (one) => ({
      kind: 'add-socket',
      descriptor: one,
      isMarked: one === descriptor,
    }),
  );
  const next = drive(calls, host, turns, [
    ...sockets,
    { kind: 'reserve-spi', spi: RESERVED_SPI },
    { kind: 'install', id: 1, pair, counters: newPairNumbers() },
  ]);
  const isLast = turns === Number.POSITIVE_INFINITY;
  try {
    new PacketLoop({
      calls,
      queue: tunQueueOn(calls, near, OFFLOADS, { name: 'warm-up' }),
      engine,
      counters: sharedCounters(Object.keys(engine.counters().drops)),
      wakeFd,
      backlog,
      // Not the same functions each time: the real loop has others.
      nextCommand: isLast ? next : () => next(),
      tell: isLast ? () => backlog.fill(0) : () => backlog.fill(0),
      lookMs: LOOK_MS,
    }).run();
  } finally {
    calls.close(host);
    calls.close(wakeFd);
  }
  return engine.counters();
}

/** The commands of a warm-up; between them it is the host behind the device, who sends packets and takes what comes. */
function drive(
  calls: SystemCalls,
  host: number,
  turns: number,
  commands: ToWorker[],
): () => ToWorker | undefined {
  const untilMs = performance.now() + MOST_MS;
  const untilProcessorMs = processorMs() + MOST_PROCESSOR_MS;
  const packets = innerPackets().map((packet) => {
    const memory = calls.mapMemory(VNET_HEADER_BYTES + packet.length);
    memory.bytes.set(packet, VNET_HEADER_BYTES);
    return memory;
  });
  const rare = commands.flatMap((command) =>
    command.kind === 'add-socket'
      ? rareCommands(command.descriptor.endpoint, command.isMarked)
      : [],
  );
  const taken = calls.mapMemory(65536);
  let turn = 0;
  let isOver = false;
  return () => {
    if (isOver) return undefined;
    const command = commands.shift();
    // The objects are to be like those that a message brings.
    if (command) return structuredClone(command);
    const isRare = turn % RARE_TURNS === 0;
    if (isRare) {
      isOver = turn >= turns || processorMs() > untilProcessorMs || performance.now() > untilMs;
      if (isOver) return { kind: 'stop' };
      commands.push(...rare);
    }
    while (calls.read(host, taken.address, taken.bytes.length) > 0);
    turn += 1;
    const count = isRare ? BURST_PACKETS : 1;
    for (let i = 0; i < count; i += 1) {
      // Two of a kind in a row: the second is known, and goes another way.
      const packet = packets[((turn + i) >> 1) % packets.length];
      if (packet) calls.write(host, packet.address, packet.bytes.length);
    }
    return undefined;
  };
}

/** What happens seldom in a tunnel whose peer is itself: IKE, a keepalive, a probe of the path. */
function rareCommands(endpoint: Endpoint, isMarked: boolean): ToWorker[] {
  const path = { local: endpoint, remote: endpoint };
  const datagrams: ToWorker[] = [
    { kind: 'send', datagram: new Uint8Array(IKE_BYTES), path },
    { kind: 'send', datagram: natKeepalive(), path },
    { kind: 'send', datagram: espOf(RESERVED_SPI), path },
    { kind: 'send', datagram: espOf(UNKNOWN_SPI), path },
  ];
  // There is no ESP at the other socket: a pair that were moved there would never open a packet again.
  if (!isMarked) return datagrams;
  const [source, destination] = [inner(1), inner(2)];
  const probe = { source, destination, identifier: 2, sequence: 1, bytes: 1000 };
  return [
    ...datagrams,
    { kind: 'ask-source', pairId: 1 },
    { kind: 'move-peer', pairId: 1, path },
    { kind: 'inner-mtu', pairId: 1, innerMtu: 1400 },
    { kind: 'probe', pairId: 1, probe },
    { kind: 'dummy', pairId: 1, bytes: 100 },
  ];
}

/** Looks like an ESP packet, and is none. */
function espOf(spi: number): Uint8Array {
  const datagram = new Uint8Array(ESP_BYTES);
  datagram[3] = spi;
  return datagram;
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
