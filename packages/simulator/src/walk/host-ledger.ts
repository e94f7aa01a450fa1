import type { Clock, Instant } from '@ipsec-kit/clock';
import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { ChildInstallation, SessionEvent, SessionFailure } from '@ipsec-kit/ikev2';
import type { HostObserver } from '../host/host-observer.ts';
import { MessageMeetings, type WalkOccurrences } from './walk-occurrences.ts';

/** A Child SA that was installed, whatever became of it. */
export interface LedgerChild {
  readonly childId: number;
  readonly sessionId: number;
  /** The first of those that it replaces, one after the other: they are one to their user. */
  readonly root: number;
  readonly name: string;
  readonly at: Instant;
}

/** The end of a Child SA for its user; or, where there is no `root`, of a session or of an attempt at one. */
export interface LedgerEnd {
  readonly at: Instant;
  readonly sessionId: number;
  readonly root: number | undefined;
}

/** How sessions may end in a walk: by somebody's wish, or because no answer came for long enough. */
const ORDERLY_ENDS: ReadonlySet<SessionFailure['code']> = new Set([
  'closed-by-user',
  'peer-deleted',
  'peer-dead',
  'peer-unreachable',
  'replaced',
  'lifetime-over',
  'reauthenticating',
  // `unique by keeping` refuses a second one so.
  'authentication-failed',
]);

/** Keeps account of what one host of a walk was told to do, and finds fault at once where nothing excuses it. */
export class HostLedger implements HostObserver {
  readonly host: string;
  /** What is wrong, in words. */
  readonly faults: string[] = [];
  /** SPIs that are reserved now. */
  readonly reservedSpis: Set<number> = new Set();
  /** Every Child SA that was ever installed, by its inbound SPI. */
  readonly installed: Map<number, LedgerChild> = new Map();
  /** The same by its outbound SPI. */
  readonly installedOutbound: Map<number, LedgerChild> = new Map();
  /** Child SAs as the events of the session have them, with their names. */
  readonly known: Map<number, string> = new Map();
  /** Ends of all kinds. */
  readonly ends: LedgerEnd[] = [];
  /** When inbound SPIs were given back for which nothing was installed. */
  readonly releases: Map<number, Instant> = new Map();
  /** When this host began of itself to have a session again: it wants one, whatever was wished before. */
  readonly returns: Instant[] = [];
  /** Sessions that users know and that have ended or were interrupted. */
  losses = 0;
  /** Sessions that this host is about to open, or to open again. */
  readonly opening: Set<number> = new Set();
  /** Names of Child SAs that could not be made. */
  readonly failedNames: Set<string> = new Set();
  /** When the last IKE message was sent again. */
  retransmittedAt: Instant | undefined;
  /** When the last IKE message was sent. */
  sentAt: Instant | undefined;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #keys = new Set<string>();
  readonly #named = new Set<number>();
  /** By child id. */
  readonly #roots = new Map<number, number>();
  readonly #meetings: MessageMeetings;

  constructor(host: string, clock: Pick<Clock, 'now'>, occurrences: WalkOccurrences) {
    this.host = host;
    this.#clock = clock;
    this.#meetings = new MessageMeetings(occurrences);
  }

  installing(child: ChildInstallation): void {
    const { childId, sessionId, config, inboundSpi, outboundSpi, replaces } = child;
    this.#useKey(`Child SA ${childId}, inbound`, child.inboundKeys.encryption);
    this.#useKey(`Child SA ${childId}, outbound`, child.outboundKeys.encryption);
    if (this.installed.has(inboundSpi)) this.faults.push(`${this.host} uses an SPI again`);
    this.reservedSpis.delete(inboundSpi);
    const root = replaces === undefined ? childId : this.#rootOf(replaces);
    this.#roots.set(childId, root);
    const { name } = config;
    const entry: LedgerChild = { childId, sessionId, root, name, at: this.#clock.now() };
    this.installed.set(inboundSpi, entry);
    this.installedOutbound.set(outboundSpi, entry);
  }

  removed(childId: number, wasThere: boolean): void {
    if (!wasThere) this.faults.push(`${this.host} removes Child SA ${childId}, which is not there`);
  }

  reserved(spi: number): void {
    this.reservedSpis.add(spi);
  }

  released(spi: number): void {
    this.reservedSpis.delete(spi);
    this.releases.set(spi, this.#clock.now());
  }

  note(event: SessionEvent): void {
    this.#meetings.note(event);
    switch (event.kind) {
      case 'message':
        if (event.direction === 'received') return;
        this.sentAt = this.#clock.now();
        if (event.retransmission && !event.isResponse) this.retransmittedAt = this.sentAt;
        return;
      case 'ike-sa-keyed':
        this.#useKey('an IKE SA, initiator', event.keys.skEi);
        this.#useKey('an IKE SA, responder', event.keys.skEr);
        return;
      case 'session-opened':
        this.#named.add(event.sessionId);
        this.opening.delete(event.sessionId);
        return;
      case 'child-failed':
        this.failedNames.add(event.name);
        return;
      case 'child-opened':
        this.known.set(event.childId, event.name);
        return;
      case 'child-rekeyed':
        this.#rekeyed(event.oldChildId, event.newChildId, event.name);
        return;
      case 'child-closed':
        if (!this.known.delete(event.childId)) {
          this.faults.push(`${this.host} tells of the end of a Child SA that nobody knows`);
        }
        this.#end(event.sessionId, this.#rootOf(event.childId));
        return;
      case 'session-reauthenticated':
        if (event.by === 'local') this.returns.push(this.#clock.now());
        return;
      case 'session-retried':
        this.#end(event.sessionId, undefined);
        return;
      case 'session-interrupted':
        this.returns.push(this.#clock.now());
        this.opening.add(event.sessionId);
        this.#ended(event.sessionId, event.failure);
        return;
      case 'session-closed':
        this.opening.delete(event.sessionId);
        this.#ended(event.sessionId, event.failure);
        return;
      default:
        return;
    }
  }

  #rekeyed(oldId: number, newId: number, name: string): void {
    if (!this.known.delete(oldId)) {
      this.faults.push(`${this.host} tells of the rekey of a Child SA that nobody knows`);
    }
    this.known.set(newId, name);
  }

  #ended(sessionId: number, { code, sentence }: SessionFailure): void {
    this.#end(sessionId, undefined);
    if (!this.#named.has(sessionId)) return;
    this.losses += 1;
    if (!ORDERLY_ENDS.has(code)) this.faults.push(`${this.host} loses a session: ${sentence}`);
  }

  #end(sessionId: number, root: number | undefined): void {
    this.ends.push({ at: this.#clock.now(), sessionId, root });
  }

  #rootOf(childId: number): number {
    return this.#roots.get(childId) ?? childId;
  }

  #useKey(what: string, key: KeyMaterial): void {
    const text = key.reveal().join('.');
    if (this.#keys.has(text)) this.faults.push(`${this.host} uses a key again: ${what}`);
    this.#keys.add(text);
  }
}
