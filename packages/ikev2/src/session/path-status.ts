import type { Deadline, Instant } from '@ipsec-kit/clock';
import type { IpAddress, Path } from '@ipsec-kit/ip';
import type { LivenessCounters, NatStatus, TrafficStamps } from '@ipsec-kit/nat-t';
import { bindingStatus } from '../binding/binding-status.ts';
import type { BindingStatus } from '../binding/session-binding.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { ownAddresses } from '../mobike/own-addresses.ts';
import { isProven } from '../mobike/unproven-path.ts';
import type { IkeSession } from './ike-session.ts';

/** How a session reaches its peer, what keeps the path alive, and what that has cost. */
export interface PathStatus {
  readonly path: Path;
  /** `lost`: no address of ours leads to the peer, and nothing is sent; `unproven`: the peer says that it is there, and has not
   * answered from there yet.
   */
  readonly state: 'in-use' | 'unproven' | 'lost';
  /** Who is behind a NAT, as far as its detection has told. */
  readonly nat: NatStatus;
  /** Both sides have MOBIKE. */
  readonly hasMobike: boolean;
  /** Milliseconds of silence outbound after which a keepalive goes out; 0 when none do. */
  readonly keepaliveMs: number;
  /** What was found out about the NAT mapping; absent where its lifetime is not measured. */
  readonly binding?: BindingStatus;
  /** When packets last came and went; a 0xFF is neither IKE nor ESP. */
  readonly stamps: TrafficStamps & { readonly outKeepalive?: Instant | undefined };
  /** Keepalives, questions by their reason, and updates of addresses so far; absent until it is established. */
  readonly counters?: LivenessCounters;
  /** Round trip of the last exchange that went through at once; absent while none is known. */
  readonly roundTripMs?: number;
  /** Our addresses that it may use, in order of preference. */
  readonly localAddresses: readonly IpAddress[];
  /** Those that the peer says it has, the one in use first. */
  readonly peerAddresses: readonly IpAddress[];
  /** What is to be done next, and why. */
  readonly next?: Deadline;
}

/** The path of a session. */
export function pathStatusOf(context: EndpointContext, session: IkeSession): PathStatus {
  const { path, nat, liveness, addressUpdates, parked, id } = session;
  const told = addressUpdates?.peerAddresses.addresses ?? [];
  const next = context.deadlines.firstOf(id);
  const binding = bindingStatus(session);
  const roundTripMs = liveness?.roundTripMs ?? 0;
  return {
    path,
    state: parked ? 'lost' : isProven(session) ? 'in-use' : 'unproven',
    nat,
    hasMobike: addressUpdates !== undefined,
    keepaliveMs: liveness?.keepaliveMs ?? 0,
    ...(binding ? { binding } : {}),
    stamps: liveness ? stampsOf(liveness.stamps) : {},
    ...(liveness ? { counters: liveness.counters } : {}),
    ...(roundTripMs > 0 ? { roundTripMs } : {}),
    localAddresses: ownAddresses(context, session),
    peerAddresses: told.length > 0 ? told : [path.remote.address],
    ...(next
      ? {
          next: {
            name: next.label,
            at: next.at,
            toleranceMs: next.toleranceMs,
            wake: next.wake,
          },
        }
      : {}),
  };
}

/** A copy, since what is recorded goes on. */
function stampsOf(stamps: PathStatus['stamps']): PathStatus['stamps'] {
  const { inIke, inEsp, outIke, outEsp, outKeepalive } = stamps;
  return { inIke, inEsp, outIke, outEsp, outKeepalive };
}
