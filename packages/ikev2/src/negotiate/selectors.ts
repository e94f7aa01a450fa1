import type { RawTrafficSelector, TsPayload } from '@ipsec-kit/ikev2-codec';
import {
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
