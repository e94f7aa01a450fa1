import type { SessionEvent } from '@ipsec-kit/ikev2';
import type { PeerProof } from './peer-proof.ts';

/** Which proof each session stands on. An IKE SA is proven before it is known whose session it will be, so proofs are kept by its
 * SPIs until an event names both.
 */
export interface SessionProofs {
  /** A peer is about to be believed. */
  add(spis: Spis, proof: PeerProof): void;
  /** To be told of every event. @returns the session that stands on another proof from now on, or on none. */
  note(event: SessionEvent): ProofChange | undefined;
  of(sessionId: number): PeerProof | undefined;
}

/** What an event means for the proof of a session. */
export type ProofChange =
  | { readonly kind: 'proven'; readonly sessionId: number; readonly proof: PeerProof }
  | { readonly kind: 'rekeyed' | 'closed'; readonly sessionId: number };

type Spis = { readonly initiator: bigint; readonly responder: bigint };

interface Entry {
  readonly proof: PeerProof;
  key: string;
  sessionId?: number;
}

/** Proofs of IKE SAs that are not a session's yet; the exchange that proves one opens it, or fails. */
const MAX_UNCLAIMED = 256;

/** Makes an empty {@link SessionProofs}; at most two proofs for each session that stands. */
export function createSessionProofs(): SessionProofs {
  const entries = new Map<string, Entry>();
  /** Of a session: the proof in use, and the one before it, to which a reauthentication that fails goes back. */
  const owned = new Map<number, { current: Entry; before?: Entry }>();
  const unclaimed = new Set<Entry>();

  function drop(entry: Entry | undefined): void {
    if (!entry) return;
    if (entries.get(entry.key) === entry) entries.delete(entry.key);
    unclaimed.delete(entry);
  }

  function add(spis: Spis, proof: PeerProof): void {
    const entry: Entry = { key: keyOf(spis), proof };
    drop(entries.get(entry.key));
    entries.set(entry.key, entry);
    unclaimed.add(entry);
    const [oldest] = unclaimed;
    if (unclaimed.size > MAX_UNCLAIMED) drop(oldest);
  }

  function claim(sessionId: number, spis: Spis): ProofChange | undefined {
    const entry = entries.get(keyOf(spis));
    if (!entry) return undefined;
    const mine = owned.get(sessionId);
    if (mine?.current === entry) return undefined;
    unclaimed.delete(entry);
    disown(entry);
    if (mine) {
      if (mine.before !== entry) drop(mine.before);
      mine.before = mine.current;
      mine.current = entry;
    } else owned.set(sessionId, { current: entry });
    entry.sessionId = sessionId;
    return { kind: 'proven', sessionId, proof: entry.proof };
  }

  /** Of two sessions that were taken for one, the second gets what was kept for the first. */
  function disown(entry: Entry): void {
    const owner = entry.sessionId === undefined ? undefined : owned.get(entry.sessionId);
    if (owner?.before === entry) delete owner.before;
  }

  function release(sessionId: number): ProofChange | undefined {
    const mine = owned.get(sessionId);
    if (!mine) return undefined;
    owned.delete(sessionId);
    drop(mine.current);
    drop(mine.before);
    return { kind: 'closed', sessionId };
  }

  /** The same proof under the SPIs of another IKE SA. */
  function move(sessionId: number, spis: Spis): ProofChange | undefined {
    const entry = owned.get(sessionId)?.current;
    if (!entry) return undefined;
    if (entries.get(entry.key) === entry) entries.delete(entry.key);
    entry.key = keyOf(spis);
    entries.set(entry.key, entry);
    return { kind: 'rekeyed', sessionId };
  }

  return {
    add,
    note(event) {
      switch (event.kind) {
        case 'session-opened':
        case 'session-reauthenticated':
        case 'reauthentication-failed':
          return claim(event.sessionId, event.spis);
        case 'session-rekeyed':
          return move(event.sessionId, event.spis);
        case 'session-interrupted':
        case 'session-closed':
          return release(event.sessionId);
        default:
          return undefined;
      }
    },
    of: (sessionId) => owned.get(sessionId)?.current.proof,
  };
}

function keyOf({ initiator, responder }: Spis): string {
  return `${initiator} ${responder}`;
}
