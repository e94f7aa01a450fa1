import type { Instant } from '@ipsec-kit/clock';
import {
  addressesEqual,
  type Endpoint,
  endpointsEqual,
  type IpAddress,
  type Path,
} from '@ipsec-kit/ip';

/** What a responder does when its peer does not hear it at the new address.
 * - `return`: goes back, lists the old address again, and moves this peer no more.
 * - `stay`: answers nothing at the old address, until the initiator looks for it at the new one.
 */
export type UnheardMove = 'return' | 'stay';

/** How long a responder waits to be heard at a new address, and what it does when it is not. */
export interface ResponderMoveOptions {
  /** Default `return`. */
  readonly ifUnheard?: UnheardMove;
  /** Transmissions at the new address without an answer after which it counts as unheard; default 5. */
  readonly tries?: number;
}

/** The move that is wanted. */
export interface MoveRequest {
  /** The path in use. */
  readonly from: Path;
  /** Our address from now on. */
  readonly to: IpAddress;
  /** Our other addresses that stay: neither the old one nor the new one. */
  readonly others: readonly IpAddress[];
  /** Where the peer's NAT was seen to map it towards the new address, from its keepalives there; at most four are tried. */
  readonly seenAt?: readonly Endpoint[];
  /** Packets can no longer leave from the old address, so there is no way back. */
  readonly isOldGone?: boolean;
}

/** What happened to a move of a responder, and when. */
export type ResponderMoveInput = { readonly now: Instant } & (
  | { readonly kind: 'move'; readonly request: MoveRequest }
  | /** The request got no answer yet, and is due again. */ { readonly kind: 'no-answer' }
  | /** The request was answered. */ { readonly kind: 'answered' }
  | /** An UPDATE_SA_ADDRESSES of the peer was applied. */ {
      readonly kind: 'updated';
      readonly path: Path;
    }
);

/** What a responder that moves does, in this order. */
export type ResponderMoveOutput =
  | {
      /** Send an INFORMATIONAL request with this list (addressListNotifies) over the paths: from the address that it leaves is
       * part of the set, and the one that is not listed is gone.
       */
      readonly kind: 'send-list';
      readonly additional: readonly IpAddress[];
      readonly paths: readonly Path[];
    }
  | /** Send the same request again, bitwise, over these. */ {
      readonly kind: 'transmit';
      readonly paths: readonly Path[];
    }
  | /** ESP goes over this path although no update came, since the old address is gone. @see RFC 4555 §3.5 */ {
      readonly kind: 'move-children';
      readonly path: Path;
    }
  | /** The peer has followed. */ { readonly kind: 'moved'; readonly path: Path }
  | /** We are back where we were; this peer cannot be moved. */ {
      readonly kind: 'fell-back';
      readonly path: Path;
    }
  | /** Nothing begins: this peer could not be moved before, or a move is under way. */ {
      readonly kind: 'refused';
      readonly code: 'cannot-be-moved' | 'is-moving';
    };

type State =
  | { readonly kind: 'resting' }
  | {
      readonly kind: 'moving';
      readonly request: MoveRequest;
      readonly paths: readonly Path[];
      transmissions: number;
      isAnswered: boolean;
    }
  | { readonly kind: 'returning'; readonly request: MoveRequest };

const DEFAULT_TRIES = 5;
const MOST_SEEN = 4;

/** Moves a responder to another of its addresses: it lists its addresses without the old one, in a request that leaves from the new
 * one. The initiator then moves the SAs with UPDATE_SA_ADDRESSES, within a round trip if it keeps a mapping to the new
 * address alive.
 * @see RFC 4555 §3.6
 */
export class ResponderMove {
  readonly #ifUnheard: UnheardMove;
  readonly #tries: number;
  #state: State = { kind: 'resting' };
  #cannotMove = false;

  constructor(options: ResponderMoveOptions = {}) {
    this.#ifUnheard = options.ifUnheard ?? 'return';
    this.#tries = options.tries ?? DEFAULT_TRIES;
  }

  handle(input: ResponderMoveInput): readonly ResponderMoveOutput[] {
    switch (input.kind) {
      case 'move':
        return this.#begin(input.request);
      case 'no-answer':
        return this.#retry();
      case 'answered':
        return this.#onAnswer();
      case 'updated':
        return this.#onUpdate(input.path);
      default:
        return unreachable(input);
    }
  }

  /** Whether requests that arrive at this address of ours are answered: all are, but for a host that moves and stays. */
  answersAt(local: IpAddress): boolean {
    const state = this.#state;
    if (state.kind !== 'moving' || this.#ifUnheard !== 'stay') return true;
    // Only when the peer did not hear us: as long as it may, it needs answers wherever it asks.
    if (state.isAnswered || state.transmissions < this.#tries) return true;
    return !addressesEqual(local, state.request.from.local.address);
  }

  /** Whether a move may begin. */
  get canMove(): boolean {
    return !this.#cannotMove && this.#state.kind === 'resting';
  }

  #begin(request: MoveRequest): readonly ResponderMoveOutput[] {
    if (this.#state.kind !== 'resting') return [{ kind: 'refused', code: 'is-moving' }];
    // A host whose old address is gone has no choice.
    if (this.#cannotMove && !request.isOldGone) {
      return [{ kind: 'refused', code: 'cannot-be-moved' }];
    }
    const paths = newPaths(request);
    this.#state = { kind: 'moving', request, paths, transmissions: 1, isAnswered: false };
    const [first] = paths;
    return [
      ...(request.isOldGone && first ? [{ kind: 'move-children', path: first } as const] : []),
      { kind: 'send-list', additional: request.others, paths },
    ];
  }

  #retry(): readonly ResponderMoveOutput[] {
    const state = this.#state;
    if (state.kind === 'resting') return [];
    if (state.kind === 'returning') return [{ kind: 'transmit', paths: [state.request.from] }];
    state.transmissions += 1;
    const isUnheard = state.transmissions > this.#tries;
    const { request, paths } = state;
    if (!isUnheard || this.#ifUnheard === 'stay' || request.isOldGone) {
      return [{ kind: 'transmit', paths }];
    }
    // The same request from the old address: to the peer it says that the new one has gone.
    this.#cannotMove = true;
    this.#state = { kind: 'returning', request };
    return [{ kind: 'transmit', paths: [request.from] }];
  }

  #onAnswer(): readonly ResponderMoveOutput[] {
    const state = this.#state;
    if (state.kind === 'moving') {
      state.isAnswered = true;
      return [];
    }
    if (state.kind === 'resting') return [];
    this.#state = { kind: 'resting' };
    const { from, to, others } = state.request;
    // Now that the peer hears us again: the address that was tried is still one of ours.
    return [
      { kind: 'fell-back', path: from },
      { kind: 'send-list', additional: [to, ...others], paths: [from] },
    ];
  }

  #onUpdate(path: Path): readonly ResponderMoveOutput[] {
    const state = this.#state;
    if (state.kind === 'resting') return [];
    if (!addressesEqual(path.local.address, state.request.to)) return [];
    // It came through late, maybe after we had given up.
    this.#cannotMove = false;
    this.#state = { kind: 'resting' };
    return [{ kind: 'moved', path }];
  }
}

function newPaths({ from, to, seenAt = [] }: MoveRequest): readonly Path[] {
  const local = { address: to, port: from.local.port };
  const remotes = [from.remote];
  for (const seen of seenAt) {
    if (remotes.length > MOST_SEEN) break;
    if (!remotes.some((known) => endpointsEqual(known, seen))) remotes.push(seen);
  }
  return remotes
    .filter((remote) => remote.address.version === to.version)
    .map((remote) => ({ local, remote }));
}

function unreachable(input: never): never {
  throw new Error(`unhandled input ${JSON.stringify(input)}`);
}
