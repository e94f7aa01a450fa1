import { createPacketBatch, type PacketBatch, type Path } from '@ipsec-kit/ip';
import type { PacketEngine, PathProbe } from '@ipsec-kit/ipsec';
import { natKeepalive, prependMarker } from '@ipsec-kit/nat-t';
import type { TunAdapter } from '@ipsec-kit/tun-adapter';
import type { UdpAdapter } from '@ipsec-kit/udp-adapter';
import { type DatapathCounters, nothingCounted } from './datapath-counters.ts';
import { keepaliveFacts, type PathFact, sendFailedFacts } from './pair-activity.ts';
import { createHeldSender } from './send-held.ts';
import { type TakenDatagrams, takeEsp } from './take-esp.ts';

/** ICMP errors to the host that may wait for one batch of outbound packets; each is at most 1280 bytes (RFC 4443 §2.4). */
const MOST_ERRORS_PER_BATCH = 64;
const ERROR_SLOT_BYTES = 1536;
/** A probe or dummy of any size that a link carries, and what sealing adds. */
const OWN_SLOT_BYTES: number = 64 + 16384 + 128;

/** What the loop connects, and whom it tells. No handler may throw; what one throws is caught, counted and told to `onError`. */
export interface DatapathOptions {
  /** Inner packets; the loop takes over its `onPackets`. */
  readonly tun: TunAdapter;
  /** Outer datagrams; the loop takes over its `onDatagrams`. */
  readonly udp: UdpAdapter;
  readonly engine: PacketEngine;
  /** Whether a local UDP port has the framing of port 4500: ESP as it is, IKE behind the non-ESP marker.
   * On all other ports everything is IKE without marker, as on port 500. @see RFC 3948 §2.2
   */
  readonly isMarkedPort: (localPort: number) => boolean;
  /** An IKE message, without marker, in memory of its own. All of a batch come before the ESP of that batch is opened:
   * a message that changes SAs is not overtaken.
   */
  readonly onIke: (message: Uint8Array, path: Path, marker: boolean) => void;
  /** Packets have passed the engine: called once for each batch. */
  readonly onCarried?: () => void;
  /** What was noticed in a batch; never empty. */
  readonly onFacts: (facts: readonly PathFact[]) => void;
  /** An error thrown by a handler or the engine: a defect, not a bad packet. */
  readonly onError?: (error: Error) => void;
}

/** The loop between TUN, packet engine and UDP; it runs until it is stopped. */
export interface Datapath {
  readonly counters: DatapathCounters;
  /** Sends an IKE message, behind the non-ESP marker when `marker` is set. */
  sendIke(message: Uint8Array, path: Path, marker: boolean): void;
  /** Sends a NAT-keepalive: one byte 0xFF, never marked. @see RFC 3948 §2.3 */
  sendKeepalive(path: Path): void;
  /** Sends a dummy packet that passes for an inner packet of that many bytes; nothing when the pair is gone. @see RFC 4303 §2.6 */
  sendDummy(pairId: number, bytes: number): void;
  /** Probes the path of a pair; the answer is the fact `probe-answered`. Nothing when the pair is gone. */
  sendProbe(pairId: number, probe: PathProbe): void;
  /** Sends on what the engine held until an SA stood: to be called after a change of SAs or traps, as after `install`
   * or `activateOutbound`. Without that it goes with the next batch, before what is in it; see
   * `PacketEngine.takeReleased` and `takeHeld`. Tells the facts that arise from it.
   */
  flush(): void;
  /** Takes no more packets. The adapters stay open: who made them closes them. */
  stop(): void;
}

/** Connects the adapters to the engine, in the thread of the caller. ESP leaves without marker on the very socket that
 * carries marked IKE, so both share one NAT mapping. @see RFC 3948 §2.1, RFC 7296 §2.23
 */
export function createDatapath(options: DatapathOptions): Datapath {
  const { tun, udp, engine, isMarkedPort } = options;
  const counters = nothingCounted();
  const toHost = createPacketBatch({
    capacity: MOST_ERRORS_PER_BATCH,
    slotBytes: ERROR_SLOT_BYTES,
    headroom: 64,
  });
  const own = createPacketBatch({ capacity: 1, slotBytes: OWN_SLOT_BYTES, headroom: 64 });
  const keepalive = natKeepalive();
  const taken: TakenDatagrams = { ike: [], keepalives: [] };

  function defect(error: unknown): void {
    counters.defects += 1;
    try {
      options.onError?.(error instanceof Error ? error : new Error(String(error)));
    } catch {
      counters.defects += 1;
    }
  }

  function reportFacts(): void {
    for (let facts = engine.drainFacts(); facts.length > 0; facts = engine.drainFacts()) {
      options.onFacts(facts);
    }
  }

  function sealAndSend(batch: PacketBatch): void {
    toHost.count = 0;
    engine.outbound(batch, toHost);
    if (batch.count > 0) {
      udp.send(batch);
      options.onCarried?.();
    }
    if (toHost.count > 0) {
      counters.errorsToHost += toHost.count;
      tun.write(toHost);
    }
  }

  const sendHeld = createHeldSender({
    engine,
    counters,
    toHost: (batch) => tun.write(batch),
    toPeers: sealAndSend,
  });

  function deliverIke(): void {
    counters.ikeReceived += taken.ike.length;
    for (const { message, path, marker } of taken.ike.splice(0)) {
      try {
        options.onIke(message, path, marker);
      } catch (error) {
        defect(error);
      }
    }
  }

  function fromUdp(batch: PacketBatch): void {
    takeEsp(batch, isMarkedPort, taken, counters);
    if (taken.keepalives.length > 0) options.onFacts(keepaliveFacts(taken.keepalives));
    if (taken.ike.length > 0) deliverIke();
    const hasSent = sendHeld();
    if (batch.count === 0) {
      if (hasSent) reportFacts();
      return;
    }
    counters.espReceived += batch.count;
    engine.inbound(batch);
    if (batch.count > 0) tun.write(batch);
    options.onCarried?.();
    reportFacts();
  }

  function fromTun(batch: PacketBatch): void {
    sendHeld();
    sealAndSend(batch);
    reportFacts();
  }

  function sendOwn(): void {
    udp.send(own);
    options.onCarried?.();
  }

  const guarded =
    (handle: (batch: PacketBatch) => void) =>
    (batch: PacketBatch): void => {
      try {
        handle(batch);
      } catch (error) {
        taken.ike.length = 0;
        taken.keepalives.length = 0;
        defect(error);
      }
    };
  udp.onDatagrams(guarded(fromUdp));
  udp.onRefused?.(({ local, remote, code }) => {
    const facts = sendFailedFacts({ local, remote }, code);
    if (facts.length > 0) options.onFacts(facts);
  });
  tun.onPackets(guarded(fromTun));

  return {
    counters,
    sendIke(message: Uint8Array, path: Path, marker: boolean): void {
      counters.ikeSent += 1;
      udp.sendOne(marker ? prependMarker(message) : message, path.local, path.remote);
    },
    sendKeepalive(path: Path): void {
      counters.keepalivesSent += 1;
      udp.sendOne(keepalive, path.local, path.remote);
    },
    sendDummy(pairId, bytes): void {
      own.count = 0;
      if (engine.sealDummy(pairId, bytes, own)) sendOwn();
    },
    sendProbe(pairId, probe): void {
      own.count = 0;
      if (engine.sealProbe(pairId, probe, own)) sendOwn();
    },
    flush(): void {
      try {
        sendHeld();
        reportFacts();
      } catch (error) {
        defect(error);
      }
    },
    stop(): void {
      udp.onDatagrams(() => undefined);
      tun.onPackets(() => undefined);
    },
  };
}
