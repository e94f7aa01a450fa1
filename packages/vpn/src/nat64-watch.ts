import { addMs, type CancelWake, type Clock } from '@ipsec-kit/clock';
import { type Prefix, prefixesEqual } from '@ipsec-kit/ip';
import type { Nat64Finder } from './nat64.ts';

/** Where the NAT64 of this host's network is looked for, and who is told. */
export interface Nat64WatchOptions {
  readonly clock: Pick<Clock, 'now' | 'wakeAt'>;
  readonly find: Nat64Finder;
  /** There is another prefix than before, or none any more. */
  readonly onChange: () => void;
}

/** Knows the prefix of the NAT64 of the network that this host is in. */
export interface Nat64Watch {
  readonly prefix: Prefix | undefined;
  /** The network is another than before. @param isWanted - whether IPv4 is reached through a NAT64 there, if at all. */
  onNetwork(isWanted: boolean): void;
  stop(): void;
}

/** A network that has just come has its DNS a moment later. */
const RETRIES_MS: readonly number[] = [500, 1_000, 2_000, 4_000, 8_000];

/** Begins to watch. DNS holds nothing up: until it has told of the prefix of a new network, that of the one before serves, and whoever
 * is misled by it is told better; a silent DNS takes nothing away. It is asked one question at a time: a network that flaps must not fill the queue of the resolver.
 * @see RFC 7050 §3
 */
export function watchNat64({ clock, find, onChange }: Nat64WatchOptions): Nat64Watch {
  let prefix: Prefix | undefined;
  let isWanted = false;
  let isAsking = false;
  /** Counts networks, so that an answer about the one before is no answer. */
  let network = 0;
  let cancelRetry: CancelWake | undefined;

  async function ask(tries: number): Promise<void> {
    if (isAsking || !isWanted) return;
    isAsking = true;
    const asked = network;
    const answer = await find().then(
      (found) => ({ found }),
      () => undefined,
    );
    isAsking = false;
    if (asked !== network) return ask(0);
    const waitMs = RETRIES_MS[tries];
    if (answer?.found === undefined && waitMs !== undefined) {
      cancelRetry = clock.wakeAt(addMs(clock.now(), waitMs), () => void ask(tries + 1));
    } else if (answer && !samePrefix(answer.found, prefix)) {
      prefix = answer.found;
      onChange();
    }
  }

  function onNetwork(wanted: boolean): void {
    network += 1;
    isWanted = wanted;
    cancelRetry?.();
    if (!wanted) prefix = undefined;
    void ask(0);
  }

  return {
    get prefix() {
      return prefix;
    },
    onNetwork,
    stop: () => onNetwork(false),
  };
}

function samePrefix(a: Prefix | undefined, b: Prefix | undefined): boolean {
  return a && b ? prefixesEqual(a, b) : a === b;
}
