import { type ChildConfig, type PacketSelectors, resolveSelectors } from '@ipsec-kit/ikev2';
import {
  formatAddress,
  formatSelector,
  type IpAddress,
  type Path,
  selectorContains,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import type { OpenedChild } from './child-opener.ts';
import type { PlannedChild } from './tun-plan.ts';

/** Where a trap stands: what `dynamic` selectors mean there, and the peer that the TUN device must not swallow. */
export interface TrapPlace {
  readonly path: Path;
  /** Virtual addresses that are ours with or without a session. */
  readonly virtualAddresses: readonly IpAddress[];
}

/** What a trap catches, and what it needs of the TUN device: `dynamic` selectors stand for its place. */
export function planTrap(child: ChildConfig, { path, virtualAddresses }: TrapPlace): PlannedChild {
  const own = virtualAddresses.length > 0 ? virtualAddresses : [path.local.address];
  return {
    localSelectors: resolveSelectors(child.localSelectors, own),
    remoteSelectors: resolveSelectors(child.remoteSelectors, [path.remote.address]),
    virtualAddresses,
    dns: [],
    path,
  };
}

/** Whether two traps catch the same, with the same addresses. */
export function samePlan(a: PlannedChild, b: PlannedChild): boolean {
  const same = (some: readonly TrafficSelector[], others: readonly TrafficSelector[]): boolean =>
    some.map(formatSelector).join() === others.map(formatSelector).join();
  return (
    same(a.localSelectors, b.localSelectors) &&
    same(a.remoteSelectors, b.remoteSelectors) &&
    addressTexts(a) === addressTexts(b)
  );
}

/** The addresses that the device has and the one that it must not swallow. */
function addressTexts({ virtualAddresses, path }: PlannedChild): string {
  return [...virtualAddresses, path.remote.address].map(formatAddress).join();
}

/** Whether a Child SA takes the packet that it was asked for with. */
export function takesPacket(child: OpenedChild, { local, remote }: PacketSelectors): boolean {
  return (
    child.localSelectors.some((selector) => selectorContains(selector, local)) &&
    child.remoteSelectors.some((selector) => selectorContains(selector, remote))
  );
}
