import type { Command, PacketSelectors, SessionEvent } from '@ipsec-kit/ikev2';
import { formatEndpoint, type IpAddress, type TrafficSelector } from '@ipsec-kit/ip';
import type { InitialPath } from './connection-path.ts';
import { createDeferred, type Deferred } from './deferred.ts';
import type { SessionBook, StandingSession } from './session-book.ts';
import { VpnError, vpnErrorFrom } from './vpn-error.ts';

/** A child that is to be opened. */
export interface ChildWish {
  readonly connection: string;
  readonly child: string;
  /** The session to open it in; absent: any that there is with the peer that the connection names, or a new one. */
  readonly sessionId?: number;
  /** The packet that wants it. @see RFC 7296 §2.9 */
  readonly packet?: PacketSelectors;
  /** Virtual addresses to ask for where a session is to be opened first; absent: those of the connection. */
  readonly virtualAddresses?: readonly IpAddress[];
  /** Told once which session it is asked for in. */
  readonly onBegun?: (sessionId: number) => void;
}

/** A child that stands. */
export interface OpenedChild {
  readonly sessionId: number;
  readonly childId: number;
  readonly localSelectors: readonly TrafficSelector[];
  readonly remoteSelectors: readonly TrafficSelector[];
}

/** Opens children: over the session of their connection that stands or is being opened, or over one that it begins. */
export interface ChildOpener {
  /** Resolves when the child stands, whoever opened it, or with the reason why it does not. One that is being opened
   * already is not asked for twice.
   */
  open(wish: ChildWish): Promise<OpenedChild | VpnError>;
  /** To be told of every event, after the book. */
  note(event: SessionEvent): void;
  /** Sessions that are being opened. */
  readonly dialing: readonly number[];
  /** Whether a child is being opened. */
  readonly isBusy: boolean;
  /** Begins nothing any more, and gives up what has begun. */
  stop(): void;
}

export interface ChildOpenerOptions {
  readonly book: Pick<SessionBook, 'standing' | 'connectionOf' | 'ids'>;
  readonly command: (command: Command) => void;
  /** How to reach the peer of a connection; rejects with one sentence when it cannot be reached. */
  readonly pathTo: (connection: string) => Promise<InitialPath>;
}

interface Attempt {
  readonly wish: ChildWish;
  readonly outcome: Deferred<OpenedChild | VpnError>;
  /** Where it was asked for. */
  sessionId?: number;
}

/** A session that is being opened, and what is to follow its first child. */
interface Dial {
  readonly sessionId: number;
  readonly waiting: Attempt[];
}

/** Own session ids are below those that the IKE machine gives to peers. */
const MAX_SESSION_ID = 999_999;

/** Makes an opener that has begun nothing. */
export function createChildOpener(options: ChildOpenerOptions): ChildOpener {
  return new SessionSharingOpener(options);
}

class SessionSharingOpener implements ChildOpener {
  readonly #options: ChildOpenerOptions;
  readonly #attempts = new Map<string, Attempt>();
  readonly #dials = new Map<string, Dial>();
  #lastSessionId = 0;
  #isStopped = false;

  constructor(options: ChildOpenerOptions) {
    this.#options = options;
  }

  get dialing(): readonly number[] {
    return [...this.#dials.values()].map(({ sessionId }) => sessionId);
  }

  get isBusy(): boolean {
    return this.#attempts.size > 0;
  }

  open(wish: ChildWish): Promise<OpenedChild | VpnError> {
    const key = keyOf(wish);
    const known = this.#attempts.get(key);
    if (known) return known.outcome.promise;
    const attempt: Attempt = { wish, outcome: createDeferred() };
    this.#attempts.set(key, attempt);
    void this.#begin(attempt);
    return attempt.outcome.promise;
  }

  note(event: SessionEvent): void {
    switch (event.kind) {
      case 'session-opened':
        this.#onSessionOpened(event.connection, event.sessionId);
        return;
      case 'child-opened': {
        const connection = this.#options.book.connectionOf(event.sessionId) ?? '';
        for (const sessionId of [undefined, event.sessionId]) {
          const attempt = this.#attempts.get(keyOf({ connection, child: event.name, sessionId }));
          if (attempt) this.#settle(attempt, event);
        }
        return;
      }
      case 'child-failed':
        for (const attempt of this.#attemptsIn(event.sessionId)) {
          if (attempt.wish.child === event.name) {
            this.#settle(attempt, new VpnError(event.failure.code, event.failure.sentence));
          }
        }
        return;
      case 'session-closed':
        this.#dropDial(event.sessionId);
        for (const attempt of this.#attemptsIn(event.sessionId)) {
          this.#settle(attempt, new VpnError(event.failure.code, event.failure.sentence));
        }
        return;
      default:
        return;
    }
  }

  stop(): void {
    this.#isStopped = true;
    const reason = new VpnError('closed-by-user', 'The tunnel was closed while it was opened.');
    for (const attempt of [...this.#attempts.values()]) this.#settle(attempt, reason);
  }

  async #begin(attempt: Attempt): Promise<void> {
    const { connection, sessionId } = attempt.wish;
    if (sessionId !== undefined) {
      this.#create(attempt, sessionId);
      return;
    }
    try {
      const path = await this.#options.pathTo(connection);
      // Closed meanwhile, or opened by the peer.
      if (this.#isStopped || !this.#isPending(attempt)) return;
      const session = this.#sessionOf(connection, path);
      const dial = this.#dials.get(connection);
      if (session) this.#create(attempt, session.id);
      else if (dial) this.#follow(attempt, dial);
      else this.#dial(attempt, path);
    } catch (error) {
      this.#settle(attempt, vpnErrorFrom(error, `open ${connection}`, 'internal'));
    }
  }

  /** The session that this side opened, or else one that this very peer did. */
  #sessionOf(connection: string, { path }: InitialPath): StandingSession | undefined {
    const host = hostOf(formatEndpoint(path.remote));
    const sessions = this.#options.book.standing.filter((one) => one.connection === connection);
    return (
      sessions.find(({ initiator }) => initiator) ??
      sessions.find(({ remote }) => hostOf(remote) === host)
    );
  }

  #create(attempt: Attempt, sessionId: number): void {
    const { child, packet } = attempt.wish;
    this.#beginIn(attempt, sessionId);
    const command = { kind: 'create-child', sessionId, child } as const;
    this.#options.command(packet ? { ...command, packet } : command);
  }

  #follow(attempt: Attempt, dial: Dial): void {
    this.#beginIn(attempt, dial.sessionId);
    dial.waiting.push(attempt);
  }

  #dial(attempt: Attempt, { path, marker, floatTo }: InitialPath): void {
    const { connection, child, packet, virtualAddresses } = attempt.wish;
    const sessionId = this.#nextSessionId();
    this.#dials.set(connection, { sessionId, waiting: [] });
    this.#beginIn(attempt, sessionId);
    this.#options.command({
      kind: 'initiate',
      sessionId,
      connection,
      child,
      path,
      marker,
      ...(floatTo ? { floatTo } : {}),
      ...(packet ? { packet } : {}),
      ...(virtualAddresses ? { virtualAddresses } : {}),
    });
  }

  #beginIn(attempt: Attempt, sessionId: number): void {
    attempt.sessionId = sessionId;
    attempt.wish.onBegun?.(sessionId);
  }

  #onSessionOpened(connection: string, sessionId: number): void {
    const dial = this.#dials.get(connection);
    if (dial?.sessionId !== sessionId) return;
    this.#dials.delete(connection);
    for (const attempt of dial.waiting) {
      if (this.#isPending(attempt)) this.#create(attempt, sessionId);
    }
  }

  #dropDial(sessionId: number): void {
    for (const [connection, dial] of this.#dials) {
      if (dial.sessionId === sessionId) this.#dials.delete(connection);
    }
  }

  #attemptsIn(sessionId: number): readonly Attempt[] {
    return [...this.#attempts.values()].filter((attempt) => attempt.sessionId === sessionId);
  }

  #isPending(attempt: Attempt): boolean {
    return this.#attempts.get(keyOf(attempt.wish)) === attempt;
  }

  #settle(attempt: Attempt, outcome: OpenedChild | VpnError): void {
    if (!this.#isPending(attempt)) return;
    this.#attempts.delete(keyOf(attempt.wish));
    attempt.outcome.resolve(outcome);
  }

  /** An id is used again only when all others were. */
  #nextSessionId(): number {
    const used = new Set([...this.#options.book.ids, ...this.dialing]);
    do this.#lastSessionId = (this.#lastSessionId % MAX_SESSION_ID) + 1;
    while (used.has(this.#lastSessionId));
    return this.#lastSessionId;
  }
}

function keyOf(wish: {
  readonly connection: string;
  readonly child: string;
  readonly sessionId?: number | undefined;
}): string {
  return JSON.stringify([wish.connection, wish.child, wish.sessionId ?? 0]);
}

/** `192.0.2.1:500` without its port: NATs change it. */
function hostOf(endpoint: string): string {
  return endpoint.slice(0, endpoint.lastIndexOf(':'));
}
