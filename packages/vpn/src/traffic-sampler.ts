import { addMs, type Clock, type Instant } from '@ipsec-kit/clock';
import type { ChildTraffic } from '@ipsec-kit/ikev2';
import type { ChildInstaller } from './child-installer.ts';
import type { ControlPath } from './driver-contract.ts';

/** Makes what samples Child SAs: it says what those have carried that carried anything since the last call, and when they last did.
 * @returns takes the ids of the Child SAs to look at, default all that stand.
 */
export function createTrafficSampler(
  installer: Pick<ChildInstaller, 'children'>,
  control: Pick<ControlPath, 'pairCounters' | 'pairActivity'>,
  clock: Pick<Clock, 'now'>,
): (childIds?: Iterable<number>) => readonly ChildTraffic[] {
  const told = new Map<number, { readonly inPackets: number; readonly outPackets: number }>();

  function sampleOne(childId: number, now: Instant): ChildTraffic | undefined {
    const counters = control.pairCounters(childId);
    const activity = control.pairActivity(childId);
    if (!counters || !activity) return undefined;
    const { inPackets, outPackets } = counters;
    const before = told.get(childId) ?? { inPackets: 0, outPackets: 0 };
    const hasInbound = inPackets !== before.inPackets;
    const hasOutbound = outPackets !== before.outPackets;
    if (!hasInbound && !hasOutbound) return undefined;
    told.set(childId, { inPackets, outPackets });
    const { lastInboundAgoMs, lastOutboundAgoMs } = activity;
    // Two clocks give the same packet another time at each look: a direction in which nothing came keeps the stamp it has.
    return {
      childId,
      packetsOut: outPackets,
      ...(hasInbound && lastInboundAgoMs !== undefined
        ? { lastInboundAt: addMs(now, -lastInboundAgoMs) }
        : {}),
      ...(hasOutbound && lastOutboundAgoMs !== undefined
        ? { lastOutboundAt: addMs(now, -lastOutboundAgoMs) }
        : {}),
    };
  }

  return (childIds) => {
    const now = clock.now();
    if (!childIds) {
      for (const childId of told.keys()) if (!installer.children.has(childId)) told.delete(childId);
    }
    const sampled = [...(childIds ?? installer.children.keys())];
    return sampled.flatMap((childId) => sampleOne(childId, now) ?? []);
  };
}
