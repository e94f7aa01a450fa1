import type { Path } from '@ipsec-kit/ip';
import type { PairElsewhere, PathProbe, SaHalf, SaPair, Trap } from '@ipsec-kit/ipsec';
import type { BatchDescriptor } from '@ipsec-kit/udp-adapter';
import type { PathFact } from '../pair-activity.ts';
import type { WorkerGroup } from '../workers/worker-group.ts';

/** What a worker is started with. */
export interface PacketWorkerStart {
  /** A queue of the device, made with vnet headers; the main thread keeps it open. */
  readonly tunFd: number;
  readonly tunName: string;
  /** What is written to instead: see `TunDevice.writeFd`. */
  readonly tunWriteFd?: number;
  /** Wakes the worker: a command waits. */
  readonly wakeFd: number;
  /** What was sent to the main thread and not handled there yet: bytes of IKE messages, and messages with facts. */
  readonly backlog: SharedArrayBuffer;
  /** Absent: it is alone. */
  readonly group?: WorkerGroup;
}

/** Index of the bytes of IKE messages in `PacketWorkerStart.backlog`, as 32-bit numbers. */
export const BACKLOG_IKE_BYTES = 0;
/** Index of the messages with facts. */
export const BACKLOG_FACTS = 1;
/** Index of the messages about defects. */
export const BACKLOG_DEFECTS = 2;
export const BACKLOG_BYTES = 12;

/** One direction of a pair whose keys are the worker's to erase. */
export interface TransferredHalf {
  readonly spi: number;
  readonly encryptionKey: Uint8Array<ArrayBuffer>;
  readonly integrityKey: Uint8Array<ArrayBuffer>;
}

/** A pair on its way to the worker. */
export interface TransferredPair extends Omit<SaPair, 'inbound' | 'outbound'> {
  readonly inbound: TransferredHalf;
  readonly outbound: TransferredHalf;
}

/** Commands, obeyed in their order and before any packet. Those with an `id` are answered with `done`. */
export type ToWorker =
  | {
      readonly kind: 'install';
      readonly id: number;
      readonly pair: TransferredPair;
      /** Where its counters and stamps go: see `newPairNumbers`. */
      readonly counters: SharedArrayBuffer;
    }
  /** A pair that another worker of the group has installed. */
  | {
      readonly kind: 'install-elsewhere';
      readonly id: number;
      readonly pair: PairElsewhere;
      readonly outboundSpi: number;
    }
  /** Nothing: its answer says that everything before was obeyed. */
  | { readonly kind: 'sync'; readonly id: number }
  | { readonly kind: 'activate' | 'remove'; readonly pairId: number }
  | { readonly kind: 'deactivate'; readonly pairId: number }
  | { readonly kind: 'ask-source'; readonly pairId: number }
  | { readonly kind: 'move-peer'; readonly pairId: number; readonly path: Path }
  | { readonly kind: 'inner-mtu'; readonly pairId: number; readonly innerMtu: number }
  | { readonly kind: 'dummy'; readonly pairId: number; readonly bytes: number }
  | { readonly kind: 'probe'; readonly pairId: number; readonly probe: PathProbe }
  | { readonly kind: 'reserve-spi' | 'release-spi'; readonly spi: number }
  | { readonly kind: 'install-trap'; readonly trap: Trap }
  | { readonly kind: 'remove-trap' | 'rearm-trap'; readonly trapId: number }
  | { readonly kind: 'send'; readonly datagram: Uint8Array; readonly path: Path }
  | {
      readonly kind: 'add-socket';
      readonly descriptor: BatchDescriptor;
      /** Whether it has the framing of port 4500. */
      readonly isMarked: boolean;
    }
  | { readonly kind: 'remove-socket'; readonly id: number; readonly fd: number }
  | { readonly kind: 'stop' };

/** What the worker tells. */
export type FromWorker =
  | {
      readonly kind: 'ready';
      /** See `sharedCounters`. */
      readonly counters: SharedArrayBuffer;
      readonly dropReasons: readonly string[];
      /** Sentences about what is slower than it could be. */
      readonly notes: readonly string[];
    }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'done'; readonly id: number; readonly failure?: string }
  | {
      readonly kind: 'ike';
      readonly message: Uint8Array;
      readonly path: Path;
      readonly marker: boolean;
    }
  | { readonly kind: 'facts'; readonly facts: readonly PathFact[] }
  | { readonly kind: 'defect'; readonly sentence: string }
  /** The device cannot be used any more. */
  | { readonly kind: 'device-failed'; readonly errno: number };

/** Copies a pair for the worker. @returns it, and the buffers that are to be moved there and not copied again. */
export function transferPair(pair: SaPair): {
  readonly pair: TransferredPair;
  readonly buffers: readonly ArrayBuffer[];
} {
  const inbound = transferHalf(pair.inbound);
  const outbound = transferHalf(pair.outbound);
  const buffers = [inbound, outbound].flatMap((half) => [
    half.encryptionKey.buffer,
    half.integrityKey.buffer,
  ]);
  return { pair: { ...pair, inbound, outbound }, buffers };
}

function transferHalf({ spi, encryptionKey, integrityKey }: SaHalf): TransferredHalf {
  return {
    spi,
    encryptionKey: Uint8Array.from(encryptionKey.reveal()),
    integrityKey: Uint8Array.from(integrityKey.reveal()),
  };
}
