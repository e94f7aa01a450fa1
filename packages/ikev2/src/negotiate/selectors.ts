import type { RawTrafficSelector, TsPayload } from '@ipsec-kit/ikev2-codec';
import {
  addressToBigInt,
  addressToSelector,
  type IpAddress,
  intersectSelectors,
  lastAddress,
  narrowSelectors,
  selectorContains,
  type TrafficSelector,
  unspecifiedAddress,
} from '@ipsec-kit/ip';
import type { ConfiguredSelector } from '../config.ts';

/** The selectors of a configuration with `dynamic` replaced by the addresses of its side.
 * @param hosts - the virtual addresses of the side, or its own address when it has none;
 * the unspecified address stands for every address of its family (a virtual address that is still to be given).
 */
export function resolveSelectors(
  configured: readonly ConfiguredSelector[],
  hosts: readonly IpAddress[],
): TrafficSelector[] {
  return configured.flatMap((entry) => {
    if (entry.kind === 'fixed') return [entry.selector];
    const ports = { startPort: entry.startPort, endPort: entry.endPort };
    return hosts.map((host) => {
      if (!host.bytes.every((byte) => byte === 0)) {
        return addressToSelector(host, entry.protocol, ports);
      }
      const start = unspecifiedAddress(host.version);
      const end = lastAddress({ address: start, length: 0 });
      return { protocol: entry.protocol, ...ports, start, end };
    });
  });
}

/** The selectors of a TS payload that are address ranges. Others (raw) cannot be honoured, and inverted ranges select
 * nothing: both are left out. @see RFC 7296 §3.13.1
 */
export function readSelectors(payload: TsPayload): TrafficSelector[] {
  return payload.selectors
    .filter(isTrafficSelector)
    .filter((selector) => intersectSelectors(selector, selector) !== undefined);
}

function isTrafficSelector(
  selector: TrafficSelector | RawTrafficSelector,
): selector is TrafficSelector {
  return 'protocol' in selector;
}

/** Both directions after narrowing; nothing when one of them is empty. @see RFC 7296 §2.9 */
export interface NarrowedSelectors {
  readonly local: readonly TrafficSelector[];
  readonly remote: readonly TrafficSelector[];
}

/** What we as responder make of the peer's offer.
 * @returns `undefined` when nothing is left on one side: TS_UNACCEPTABLE.
 */
export function narrowOffer(
  offered: NarrowedSelectors,
  configured: NarrowedSelectors,
): NarrowedSelectors | undefined {
  const local = narrowSelectors(offered.local, configured.local);
  const remote = narrowSelectors(offered.remote, configured.remote);
  return local.length > 0 && remote.length > 0 ? { local, remote } : undefined;
}

/** Whether an answer stays inside what was offered. A responder may narrow, never widen. @see RFC 7296 §2.9 */
export function isWithinOffer(
  answer: readonly TrafficSelector[],
  offered: readonly TrafficSelector[],
): boolean {
  return (
    answer.length > 0 &&
    answer.every((selector) => offered.some((outer) => selectorContains(outer, selector)))
  );
}

/** Whether a replacement would carry less than what it replaces, on either side: only a part of it, and nothing else.
 * Other selectors than before, as of a side that has moved, are not narrower ones.
 * @see RFC 7296 §2.9.2 (the new SA MUST NOT have narrower selectors than the original)
 */
export function isNarrower(fresh: NarrowedSelectors, current: NarrowedSelectors): boolean {
  return isPart(fresh.local, current.local) || isPart(fresh.remote, current.remote);
}

function isPart(fresh: readonly TrafficSelector[], current: readonly TrafficSelector[]): boolean {
  return isWithinOffer(fresh, current) && !current.every((selector) => isCovered(selector, fresh));
}

/** Whether several selectors together select all that one does: their address ranges may continue one another. */
function isCovered(selector: TrafficSelector, by: readonly TrafficSelector[]): boolean {
  const { start, end } = selector;
  const ranges = by
    .filter((each) => each.start.version === start.version)
    .filter((each) => selectorContains({ ...each, start, end }, selector))
    .map((each) => [addressToBigInt(each.start), addressToBigInt(each.end)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  let next = addressToBigInt(start);
  for (const [first, last] of ranges) if (first <= next && last >= next) next = last + 1n;
  return next > addressToBigInt(end);
}
