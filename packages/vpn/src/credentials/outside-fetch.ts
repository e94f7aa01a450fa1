import {
  addressToSelector,
  formatAddress,
  type IpAddress,
  type Prefix,
  parseAddress,
  prefixContains,
  selectorContains,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import type { EvidenceFetch } from '@ipsec-kit/x509';
import { fetchEvidence } from '@ipsec-kit/x509/node';

/** What a fetch needs to know of its way. */
export interface OutsideFetchOptions {
  /** Addresses of a DNS name. */
  readonly resolve: (name: string) => Promise<readonly IpAddress[]>;
  /** Whether what is sent there goes into a tunnel that does not stand: it would wait for what waits for it. */
  readonly isCaught: (address: IpAddress) => boolean;
}

/** What a tunnel takes of the traffic of this host. */
export interface TakenTraffic {
  /** Child SAs that stand, and those that traffic would open. */
  readonly standing: readonly { readonly remoteSelectors: readonly TrafficSelector[] }[];
  readonly trapped: readonly { readonly remoteSelectors: readonly TrafficSelector[] }[];
  /** Addresses that are given to clients. */
  readonly poolPrefixes: readonly Prefix[];
}

/** Whether what is sent to an address goes into a tunnel and no Child SA takes it: it would be held until one does, or be lost. */
export function isCaught(
  address: IpAddress,
  { standing, trapped, poolPrefixes }: TakenTraffic,
): boolean {
  const takes = ({ remoteSelectors }: TakenTraffic['standing'][number]): boolean =>
    remoteSelectors.some((selector) =>
      selectorContains(
        { ...selector, protocol: 0, startPort: 0, endPort: 65_535 },
        addressToSelector(address),
      ),
    );
  if (standing.some(takes)) return false;
  return trapped.some(takes) || poolPrefixes.some((prefix) => prefixContains(prefix, address));
}

/** Makes what fetches CRLs and OCSP responses over HTTP: past the tunnel that waits for them, or through one that stands; never
 * begins one. A responder that could only be reached through the tunnel which waits counts as one that does not answer.
 * @returns a function that resolves with the body or `undefined`, in the time that the fetch may take, and never rejects.
 */
export function createOutsideFetch({
  resolve,
  isCaught,
}: OutsideFetchOptions): (fetch: EvidenceFetch) => Promise<Uint8Array | undefined> {
  return async (fetch) => {
    const until = performance.now() + fetch.timeoutMs;
    const name = hostOf(fetch.url);
    if (name === undefined) return undefined;
    const literal = parseAddress(name);
    const found = literal ? [literal] : await inTime(resolve(name), fetch.timeoutMs);
    // Looked at now, and these are the ones that are asked: no name is looked up again behind it.
    const open = (found ?? []).filter((address) => !isCaught(address));
    const timeoutMs = Math.ceil(until - performance.now());
    if (open.length === 0 || timeoutMs <= 0) return undefined;
    const addresses = open.map((one) => ({ address: formatAddress(one), family: one.version }));
    // A connection that was kept would go where another fetch was allowed to go.
    return fetchEvidence({ ...fetch, timeoutMs }, { agent: false, lookup: lookupOf(addresses) });
  };
}

interface Found {
  readonly address: string;
  readonly family: number;
}

type Lookup = NonNullable<NonNullable<Parameters<typeof fetchEvidence>[1]>['lookup']>;

function lookupOf(addresses: readonly Found[]): Lookup {
  const [first] = addresses;
  return (_name, options, done) => {
    if (options.all) done(null, [...addresses]);
    else if (first) done(null, first.address, first.family);
  };
}

function hostOf(url: string): string | undefined {
  try {
    const { hostname, protocol } = new URL(url);
    const isHttp = protocol === 'http:' || protocol === 'https:';
    return isHttp && hostname !== '' ? hostname.replace(/^\[|\]$/g, '') : undefined;
  } catch {
    return undefined;
  }
}

/** A resolver that hangs gives nothing. */
function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  return new Promise((settle) => {
    const timer = setTimeout(() => settle(undefined), timeoutMs);
    const end = (value: T | undefined): void => {
      clearTimeout(timer);
      settle(value);
    };
    work.then(end, () => end(undefined));
  });
}
