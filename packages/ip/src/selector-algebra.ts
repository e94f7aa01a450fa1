import { addressesEqual, compareAddresses } from './address.ts';
import {
  isAnyPort,
  isOpaquePort,
  OPAQUE_PORT,
  type PortRange,
  type TrafficSelector,
} from './traffic-selector.ts';

/** Most selectors that {@link narrowSelectors} returns: a TS payload counts them in one byte. @see RFC 7296 §3.13 */
export const MAX_SELECTORS = 255;

/** Whether both select the same packets by the same numbers. */
export function selectorsEqual(a: TrafficSelector, b: TrafficSelector): boolean {
  return (
    a.protocol === b.protocol &&
    a.startPort === b.startPort &&
    a.endPort === b.endPort &&
    addressesEqual(a.start, b.start) &&
    addressesEqual(a.end, b.end)
  );
}

/** Whether every packet that `inner` selects is selected by `outer`. Families never mix; any port includes OPAQUE. */
export function selectorContains(outer: TrafficSelector, inner: TrafficSelector): boolean {
  return (
    outer.start.version === inner.start.version &&
    (outer.protocol === 0 || outer.protocol === inner.protocol) &&
    portsContain(outer, inner) &&
    compareAddresses(outer.start, inner.start) <= 0 &&
    compareAddresses(outer.end, inner.end) >= 0
  );
}

/** The packets that both select, or `undefined` when there are none.
 * An inverted range of addresses, or of ports other than OPAQUE, selects nothing.
 * @see RFC 7296 §2.9, RFC 4301 §4.4.1.1 (ANY includes OPAQUE, a range does not)
 */
export function intersectSelectors(
  a: TrafficSelector,
  b: TrafficSelector,
): TrafficSelector | undefined {
  if (a.start.version !== b.start.version || a.end.version !== b.end.version) return undefined;
  if (a.start.version !== a.end.version) return undefined;
  if (a.protocol !== b.protocol && a.protocol !== 0 && b.protocol !== 0) return undefined;
  const ports = intersectPorts(a, b);
  if (!ports) return undefined;
  const start = compareAddresses(a.start, b.start) >= 0 ? a.start : b.start;
  const end = compareAddresses(a.end, b.end) <= 0 ? a.end : b.end;
  if (compareAddresses(start, end) > 0) return undefined;
  const { startPort, endPort } = ports;
  return { protocol: a.protocol || b.protocol, startPort, endPort, start, end };
}

/** What a responder may answer to `offered`: every intersection with `configured`, in the order of the offer,
 * without those that another one already contains; at most {@link MAX_SELECTORS}. Empty: TS_UNACCEPTABLE.
 * @see RFC 7296 §2.9
 */
export function narrowSelectors(
  offered: readonly TrafficSelector[],
  configured: readonly TrafficSelector[],
): TrafficSelector[] {
  let narrowed: TrafficSelector[] = [];
  for (const offer of offered) {
    for (const own of configured) {
      const common = intersectSelectors(offer, own);
      if (!common || narrowed.some((kept) => selectorContains(kept, common))) continue;
      narrowed = narrowed.filter((kept) => !selectorContains(common, kept));
      if (narrowed.length < MAX_SELECTORS) narrowed.push(common);
    }
  }
  return narrowed;
}

function portsContain(outer: PortRange, inner: PortRange): boolean {
  if (isAnyPort(outer)) return true;
  if (isOpaquePort(outer) || isOpaquePort(inner)) return isOpaquePort(outer) && isOpaquePort(inner);
  return outer.startPort <= inner.startPort && outer.endPort >= inner.endPort;
}

function intersectPorts(a: PortRange, b: PortRange): PortRange | undefined {
  if (isOpaquePort(a) || isOpaquePort(b)) {
    const other = isOpaquePort(a) ? b : a;
    return isAnyPort(other) || isOpaquePort(other) ? OPAQUE_PORT : undefined;
  }
  const startPort = Math.max(a.startPort, b.startPort);
  const endPort = Math.min(a.endPort, b.endPort);
  return startPort <= endPort ? { startPort, endPort } : undefined;
}
