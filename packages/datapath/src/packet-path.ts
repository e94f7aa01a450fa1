import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import type { Path } from '@ipsec-kit/ip';
import {
  createPacketEngine,
  type EngineCounters,
  type PathProbe,
  type SaPair,
  type SaPairCounters,
  type Trap,
} from '@ipsec-kit/ipsec';
import type { TunAdapter } from '@ipsec-kit/tun-adapter';
import type { UdpAdapter } from '@ipsec-kit/udp-adapter';
import { createActivityWatch } from './activity-watch.ts';
import { createDatapath } from './datapath.ts';
import type { DatapathCounters } from './datapath-counters.ts';
import {
  type PairActivity,
  type PathFact,
  passingClock,
  sendFailedFacts,
} from './pair-activity.ts';
import type { PlaceSpi } from './workers/spi-placement.ts';

/** Whom a packet path tells. No handler may throw; what one throws is caught, counted and told to `onError`. */
export interface PacketPathHandlers {
  /** Whether a local UDP port has the framing of port 4500; see `DatapathOptions`. */
  readonly isMarkedPort: (localPort: number) => boolean;
  /** An IKE message, without marker, in memory of its own. */
  readonly onIke: (message: Uint8Array, path: Path, marker: boolean) => void;
  /** What the packet path noticed; never empty. */
  readonly onFacts: (facts: readonly PathFact[]) => void;
  /** A defect, not a bad packet. */
  readonly onError?: (error: Error) => void;
}

/** What one of several workers has done. */
export interface WorkerCounters {
  /** Pairs that belong to it now. */
  readonly pairs: number;
  /** Packets that it has opened, and sealed. */
  readonly inPackets: number;
  readonly outPackets: number;
  /** Packets that it has read and given to the worker that they belong to, and those for which that one had no room. */
  readonly handedOver: number;
  readonly handoverDrops: number;
}

/** A packet engine and its loop as the control plane sees them, whichever thread they run in. Commands take effect in the
 * order of the calls, before any IKE message that is sent after them.
 */
export interface PacketPath {
  readonly counters: DatapathCounters;
  /** Adds a pair; see `PacketEngine.install`. What waited for it goes on then.
   * @returns nothing when it stands, or a promise that resolves when it does and rejects when it cannot.
   * @throws when it cannot, where that is known at once.
   */
  install(pair: SaPair): void | Promise<void>;
  /** Lets a pair send from now on, first of all what waited for it. */
  activateOutbound(pairId: number): void;
  /** Lets a pair send no more, while it goes on receiving; see `PacketEngine.deactivateOutbound`. */
  deactivateOutbound(pairId: number): void;
  movePeer(pairId: number, path: Path): void;
  /** Lets the packets of a pair be as large as this from now on. */
  changeInnerMtu(pairId: number, innerMtu: number): void;
  /** Sends a dummy packet; see `PacketEngine.sealDummy`. */
  sendDummy(pairId: number, bytes: number): void;
  /** Probes the path of a pair; the answer is the fact `probe-answered`. See `PacketEngine.sealProbe`. */
  sendProbe(pairId: number, probe: PathProbe): void;
  /** See `PacketEngine.askForSource`. */
  askForSource(pairId: number): void;
  remove(pairId: number): void;
  /** Where the SPI of an SA decides which worker it belongs to: changes one that was drawn. @see PlaceSpi */
  readonly placeSpi?: PlaceSpi;
  reserveSpi(spi: number): void;
  releaseSpi(spi: number): void;
  installTrap(trap: Trap): void;
  removeTrap(trapId: number): void;
  rearmTrap(trapId: number): void;
  pairCounters(pairId: number): SaPairCounters | undefined;
  /** How long ago packets of a pair passed, to 20 ms (with more than 100 pairs 1 ms more for each 100): it counts the time that
   * the device slept where the system tells it.
   */
  pairActivity(pairId: number): PairActivity | undefined;
  engineCounters(): EngineCounters;
  /** Where there are several workers: what each has done. */
  workers?(): readonly WorkerCounters[];
  sendIke(message: Uint8Array, path: Path, marker: boolean): void;
  sendKeepalive(path: Path): void;
  /** Takes no more packets. Resolves when nothing uses sockets and device any more. */
  stop(): Promise<void>;
}

/** What a path in the thread of the caller is made of. */
export interface InlinePathOptions extends PacketPathHandlers {
  readonly tun: TunAdapter;
  readonly udp: UdpAdapter;
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  /** The clock that the age of packets is told by, in milliseconds; default one of this machine that counts suspend,
   * where there is FFI.
   */
  readonly nowMs?: () => number;
}

/** A packet path in the thread of the caller, over any adapters: portable, and for the memory twins. */
export function createInlinePath(options: InlinePathOptions): PacketPath {
  const engine = createPacketEngine({ crypto: options.crypto, random: options.random });
  const { udp, nowMs = passingClock(), onFacts } = options;
  const activity = createActivityWatch(engine, nowMs, onFacts, () => {
    const refused = udp.takeRefused?.();
    return refused ? sendFailedFacts(refused, refused.code) : [];
  });
  const datapath = createDatapath({ ...options, engine, onCarried: () => activity.carried() });
  return {
    counters: datapath.counters,
    install(pair): void {
      engine.install(pair);
      activity.add(pair.id);
      // Not before the IKE machine knows of it: the first packet is a fact about a child that it has.
      setImmediate(() => datapath.flush());
    },
    activateOutbound(pairId): void {
      engine.activateOutbound(pairId);
      datapath.flush();
    },
    deactivateOutbound: (pairId) => engine.deactivateOutbound(pairId),
    movePeer: (pairId, path) => engine.movePeer(pairId, path),
    changeInnerMtu: (pairId, innerMtu) => engine.changeInnerMtu(pairId, innerMtu),
    sendDummy: datapath.sendDummy,
    sendProbe: datapath.sendProbe,
    askForSource: (pairId) => engine.askForSource(pairId),
    remove(pairId): void {
      activity.remove(pairId);
      engine.remove(pairId);
    },
    reserveSpi: (spi) => engine.reserveSpi(spi),
    releaseSpi: (spi) => engine.releaseSpi(spi),
    installTrap: (trap) => engine.installTrap(trap),
    removeTrap: (trapId) => engine.removeTrap(trapId),
    rearmTrap: (trapId) => engine.rearmTrap(trapId),
    pairCounters: (pairId) => engine.pairCounters(pairId),
    pairActivity: (pairId) => activity.activityOf(pairId),
    engineCounters: () => engine.counters(),
    sendIke: datapath.sendIke,
    sendKeepalive: datapath.sendKeepalive,
    async stop(): Promise<void> {
      datapath.stop();
    },
  };
}
