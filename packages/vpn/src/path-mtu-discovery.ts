import type { PacketPath } from '@ipsec-kit/datapath';
import type { IpAddress } from '@ipsec-kit/ip';
import type { PathMtu } from '@ipsec-kit/ipsec';
import type { ProbeEnds } from './probe-ends.ts';

/** Pause when none has answered; doubled each time. */
export const FIRST_PAUSE_MS = 1_000;
/** How many hosts that show up are asked on a path without waiting for the end of the pause. */
export const MOST_EARLY = 16;

/** The discovery of one session. */
export interface PathMtuDiscovery {
  readonly sessionId: number;
  /** Child SAs that its user knows, the last one is probed through. */
  readonly childIds: number[];
  machine: PathMtu | undefined;
  /** What packets are kept to; `undefined` while nothing was found to be too large, or to come through. */
  usedBytes: number | undefined;
  /** Who has sent something, the last one first. */
  seen: readonly IpAddress[];
  /** Who answers; `undefined` while somebody is looked for. */
  ends: ProbeEnds | undefined;
  /** How many of those that there may be were asked in this round, and by which probes, the last ones of all rounds. */
  asked: number;
  readonly greetings: Map<number, ProbeEnds>;
  /** How many more may be asked before their time. */
  earlyLeft: number;
  pauseMs: number;
  /** Packets that went out in all, and those of each Child SA when they were last counted. */
  outPackets: number;
  readonly counted: Map<number, number>;
  /** Of them, those before the last round of greetings. */
  packetsAtPause: number;
}

/** A discovery that has not begun. */
export function newDiscovery(sessionId: number): PathMtuDiscovery {
  return {
    sessionId,
    childIds: [],
    machine: undefined,
    usedBytes: undefined,
    seen: [],
    ends: undefined,
    asked: 0,
    greetings: new Map(),
    earlyLeft: MOST_EARLY,
    pauseMs: FIRST_PAUSE_MS,
    outPackets: 0,
    counted: new Map(),
    packetsAtPause: 0,
  };
}

/** Outbound packets of all Child SAs that the session has had. */
export function countOutbound(
  discovery: PathMtuDiscovery,
  packets: Pick<PacketPath, 'pairCounters'>,
): number {
  const { counted, childIds } = discovery;
  for (const childId of childIds) {
    const now = packets.pairCounters(childId)?.outPackets ?? 0;
    discovery.outPackets += Math.max(now - (counted.get(childId) ?? 0), 0);
    counted.set(childId, now);
  }
  return discovery.outPackets;
}

/** The one timer of a discovery. */
export function pathMtuTimer(sessionId: number): string {
  return `path-mtu ${sessionId}`;
}
