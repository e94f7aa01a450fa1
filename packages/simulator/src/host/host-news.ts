import { addressListsEqual, type IpAddress } from '@ipsec-kit/ip';
import type { TimelessInput } from './endpoint-driver.ts';
import type { HostClock } from './host-clock.ts';
import type { NetworkView } from './network-view.ts';

/** What of its network a host sees that it has no control over. */
export type SeenNetwork = Pick<NetworkView, 'preferredAddresses' | 'networkKey'>;

/** What a host's IKE endpoint is told of the world around it, besides packets. */
export interface HostNewsOptions {
  readonly clock: HostClock;
  /** What it sees at the start. */
  readonly network: SeenNetwork;
  /** Tells of changes; absent where there are none. */
  readonly onNetworkChange?: (listener: (view: SeenNetwork) => void) => void;
  /** False for a program that never learns that it has slept. */
  readonly tellsOfSleep: boolean;
  feed(...inputs: readonly TimelessInput[]): void;
}

/** Begins to tell an IKE endpoint what a real host would: its addresses and its network now and whenever they change, and each
 * sleep before anything that came due meanwhile.
 */
export function tellHostNews(options: HostNewsOptions): void {
  const { clock, network, onNetworkChange, tellsOfSleep, feed } = options;
  feed(networkInput(network), addressesInput(network.preferredAddresses));
  if (tellsOfSleep) clock.onSleep((sleptMs) => feed({ kind: 'slept', sleptMs }));
  let told = network;
  onNetworkChange?.((seen) => {
    const before = told;
    told = seen;
    feed(...changes(before, seen));
  });
}

function changes(before: SeenNetwork, seen: SeenNetwork): readonly TimelessInput[] {
  const inputs: TimelessInput[] = [];
  if (before.networkKey !== seen.networkKey) inputs.push(networkInput(seen));
  const isSame = addressListsEqual(before.preferredAddresses, seen.preferredAddresses);
  inputs.push(isSame ? { kind: 'connectivity' } : addressesInput(seen.preferredAddresses));
  return inputs;
}

function networkInput({ networkKey }: SeenNetwork): TimelessInput {
  return { kind: 'network', networkKey };
}

function addressesInput(addresses: readonly IpAddress[]): TimelessInput {
  return { kind: 'local-addresses', addresses };
}
