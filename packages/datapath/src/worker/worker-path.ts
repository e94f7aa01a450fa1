import type { PairElsewhere } from '@ipsec-kit/ipsec';
import { natKeepalive, prependMarker } from '@ipsec-kit/nat-t';
import type { PacketPath, PacketPathHandlers } from '../packet-path.ts';
import {
  newPairNumbers,
  passingClock,
  readPairActivity,
  readPairCounters,
} from '../pair-activity.ts';
import {
  BACKLOG_DEFECTS,
  BACKLOG_FACTS,
  BACKLOG_IKE_BYTES,
  type FromWorker,
  transferPair,
} from './messages.ts';
import { sharedCounters } from './shared-counters.ts';
import type { WorkerChannel } from './worker-channel.ts';

/** What is told by a worker and does not concern its device. */
export type PathMessage = Extract<FromWorker, { kind: 'ike' | 'facts' | 'defect' }>;

/** The packet path of a worker, and who is to be told what it says. */
export interface WorkerPath {
  readonly path: PacketPath;
  /** Makes a pair known that another worker of the group has. */
  installElsewhere(pair: PairElsewhere, outboundSpi: number): Promise<void>;
  /** Resolves when all that was commanded before is obeyed. */
  sync(): Promise<void>;
  note(message: PathMessage): void;
}

/** Makes the control side of a packet worker. */
export function createWorkerPath(channel: WorkerChannel, handlers: PacketPathHandlers): WorkerPath {
  const { ready, backlog } = channel;
  const counters = sharedCounters(ready.dropReasons, ready.counters);
  const pairs = new Map<number, Float64Array>();
  const keepalive = natKeepalive();
  const nowMs = passingClock();
  let isStopped = false;

  function guarded(tell: () => void): void {
    if (isStopped) return;
    try {
      tell();
    } catch (error) {
      handlers.onError?.(error instanceof Error ? error : new Error(String(error)));
    }
  }

  const path: PacketPath = {
    get counters() {
      return counters.datapath();
    },
    async install(pair): Promise<void> {
      const memory = newPairNumbers();
      // One that stands already is refused, and keeps its counters.
      if (!pairs.has(pair.id)) pairs.set(pair.id, new Float64Array(memory));
      const { pair: transferred, buffers } = transferPair(pair);
      await channel.request(
        (id) => ({ kind: 'install', id, pair: transferred, counters: memory }),
        buffers,
      );
    },
    activateOutbound: (pairId) => channel.send({ kind: 'activate', pairId }),
    deactivateOutbound: (pairId) => channel.send({ kind: 'deactivate', pairId }),
    movePeer: (pairId, to) => channel.send({ kind: 'move-peer', pairId, path: to }),
    changeInnerMtu: (pairId, innerMtu) => channel.send({ kind: 'inner-mtu', pairId, innerMtu }),
    sendDummy: (pairId, bytes) => channel.send({ kind: 'dummy', pairId, bytes }),
    sendProbe: (pairId, probe) => channel.send({ kind: 'probe', pairId, probe }),
    askForSource: (pairId) => channel.send({ kind: 'ask-source', pairId }),
    remove(pairId): void {
      pairs.delete(pairId);
      channel.send({ kind: 'remove', pairId });
    },
    reserveSpi: (spi) => channel.send({ kind: 'reserve-spi', spi }),
    releaseSpi: (spi) => channel.send({ kind: 'release-spi', spi }),
    installTrap: (trap) => channel.send({ kind: 'install-trap', trap }),
    removeTrap: (trapId) => channel.send({ kind: 'remove-trap', trapId }),
    rearmTrap: (trapId) => channel.send({ kind: 'rearm-trap', trapId }),
    pairCounters(pairId) {
      const numbers = pairs.get(pairId);
      return numbers ? readPairCounters(numbers) : undefined;
    },
    pairActivity(pairId) {
      const numbers = pairs.get(pairId);
      return numbers ? readPairActivity(numbers, nowMs()) : undefined;
    },
    engineCounters: () => counters.engine(),
    sendIke(message, to, marker): void {
      const datagram = marker ? prependMarker(message) : message;
      channel.send({ kind: 'send', datagram, path: to });
    },
    sendKeepalive: (to) => channel.send({ kind: 'send', datagram: keepalive, path: to }),
    async stop(): Promise<void> {
      isStopped = true;
      await channel.stop();
    },
  };

  return {
    path,
    installElsewhere: (pair, outboundSpi) =>
      channel.request((id) => ({ kind: 'install-elsewhere', id, pair, outboundSpi })),
    sync: () => channel.request((id) => ({ kind: 'sync', id })),
    note(message): void {
      switch (message.kind) {
        case 'ike':
          Atomics.sub(backlog, BACKLOG_IKE_BYTES, message.message.length);
          guarded(() => handlers.onIke(message.message, message.path, message.marker));
          return;
        case 'facts':
          // Not before the IKE machine has the answer to an installation that was done just before.
          setImmediate(() => {
            Atomics.sub(backlog, BACKLOG_FACTS, 1);
            guarded(() => handlers.onFacts(message.facts));
          });
          return;
        case 'defect':
          Atomics.sub(backlog, BACKLOG_DEFECTS, 1);
          guarded(() => handlers.onError?.(new Error(message.sentence)));
          return;
      }
    },
  };
}
