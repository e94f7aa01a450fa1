import type { PathFact } from '../pair-activity.ts';
import type { IkeDatagram } from '../take-esp.ts';
import { BACKLOG_DEFECTS, BACKLOG_FACTS, BACKLOG_IKE_BYTES, type FromWorker } from './messages.ts';

/** What may wait for the main thread. */
const MOST_IKE_BYTES = 4 * 1024 * 1024;
const MOST_FACT_MESSAGES = 16;
const MOST_DEFECT_MESSAGES = 16;

/** The main thread as the packet loop sees it: it may be behind, and nothing here waits for it or grows without bound. */
export interface MainThread {
  /** @returns how many were taken: more is dropped, as by a full link. */
  tellIke(datagrams: readonly IkeDatagram[]): number;
  /** Tells what `drain` gives while there is room; what is not drained stays where it is. */
  tellFacts(drain: () => readonly PathFact[]): void;
  /** A hint, and nothing is lost without it: a main thread that is behind is not told. */
  hint(facts: readonly PathFact[]): void;
  tellDefect(sentence: string): void;
}

/** @param backlog - see `PacketWorkerStart.backlog`; the main thread takes off it what it has handled. */
export function createMainThread(
  backlog: Int32Array,
  tell: (message: FromWorker) => void,
): MainThread {
  const hasRoom = (index: number, most: number): boolean => Atomics.load(backlog, index) < most;
  const tellFacts = (facts: readonly PathFact[]): void => {
    Atomics.add(backlog, BACKLOG_FACTS, 1);
    tell({ kind: 'facts', facts });
  };
  return {
    tellIke: (datagrams) => {
      let taken = 0;
      for (const { message, path, marker } of datagrams) {
        if (!hasRoom(BACKLOG_IKE_BYTES, MOST_IKE_BYTES - message.length + 1)) continue;
        Atomics.add(backlog, BACKLOG_IKE_BYTES, message.length);
        tell({ kind: 'ike', message, path, marker });
        taken += 1;
      }
      return taken;
    },
    tellFacts: (drain) => {
      while (hasRoom(BACKLOG_FACTS, MOST_FACT_MESSAGES)) {
        const facts = drain();
        if (facts.length === 0) return;
        tellFacts(facts);
      }
    },
    hint: (facts) => {
      if (hasRoom(BACKLOG_FACTS, MOST_FACT_MESSAGES)) tellFacts(facts);
    },
    tellDefect: (sentence) => {
      if (!hasRoom(BACKLOG_DEFECTS, MOST_DEFECT_MESSAGES)) return;
      Atomics.add(backlog, BACKLOG_DEFECTS, 1);
      tell({ kind: 'defect', sentence });
    },
  };
}
