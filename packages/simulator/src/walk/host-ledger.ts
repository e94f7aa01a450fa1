import type { Clock, Instant } from '@ipsec-kit/clock';
import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { ChildInstallation, SessionEvent, SessionFailure } from '@ipsec-kit/ikev2';
import type { HostObserver } from '../host/host-observer.ts';
import type { WalkConfiguration } from './walk-configurations.ts';
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

/** How sessions may end in any walk: by somebody's wish, because no answer came for long enough, or because the peer came back
 * with INITIAL_CONTACT.
 */
const ORDERLY_ENDS: readonly SessionFailure['code'][] = [
  'closed-by-user',
  'peer-deleted',
  'peer-dead',
  'peer-unreachable',
  'replaced',
];

function orderlyEnds({ isTimed, client }: WalkConfiguration): ReadonlySet<SessionFailure['code']> {
  const { makeBeforeBreak, unique } = client.connection ?? {};
  return new Set<SessionFailure['code']>([
    ...ORDERLY_ENDS,
    ...(isTimed ? (['lifetime-over'] as const) : []),
    ...(makeBeforeBreak ? [] : (['reauthenticating'] as const)),
    // `unique by keeping` refuses a second one so.
    ...(unique === 'keep' ? (['authentication-failed'] as const) : []),
  ]);
}

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
  /** When Child SAs went that no event ever told of. */
  readonly untoldRemovals: Map<number, Instant> = new Map();
  /** Ends of all kinds. */
  readonly ends: LedgerEnd[] = [];
  /** When inbound SPIs were given back for which nothing was installed. */
  readonly releases: Map<number, Instant> = new Map();
  /** When this host began of itself to have a session again: it wants one, whatever was wished before. */
  readonly returns: Instant[] = [];
  /** Sessions that users know and that have ended or were interrupted. */
  losses = 0;
  /** Its user has ended an attempt of the other, who is told by nobody: before IKE_AUTH there is no DELETE. @see RFC 7296 §1.4.1 */
  hasTurnedAway = false;
  /** Sessions that this host is about to open, or to open again. */
  readonly opening: Set<number> = new Set();
  /** Why sessions ended that users know. */
  readonly endCodes: Set<SessionFailure['code']> = new Set();
  /** When its user closed a session last. */
  closedAt: Instant | undefined;
  /** Names of Child SAs that could not be made, since the peer's user closed them before they were in use here. */
  readonly failedNames: Set<string> = new Set();
  /** Names of Child SAs that ended with an IKE SA under which the peer did not answer, as behind a reauthentication: when their user had
   * closed them, the peer may not have heard of it.
   */
  readonly unheardNames: Set<string> = new Set();
  /** When the last IKE message was sent again. */
  retransmittedAt: Instant | undefined;
  /** When the last IKE message was sent. */
  sentAt: Instant | undefined;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #keys = new Set<string>();
  readonly #standing = new Set<number>();
  readonly #told = new Set<number>();
  readonly #named = new Set<number>();
  /** By child id. */
  readonly #roots = new Map<number, number>();
  readonly #meetings: MessageMeetings;
  readonly #orderlyEnds: ReadonlySet<SessionFailure['code']>;

  constructor(
    host: string,
    clock: Pick<Clock, 'now'>,
    configuration: WalkConfiguration,
    occurrences: WalkOccurrences,
  ) {
    this.host = host;
    this.#clock = clock;
    this.#orderlyEnds = orderlyEnds(configuration);
    this.#meetings = new MessageMeetings(occurrences);
  }

  installing(child: ChildInstallation): void {
    const { childId, sessionId, config, inboundSpi, outboundSpi, replaces } = child;
    this.#useKey(`Child SA ${childId}, inbound`, child.inboundKeys.encryption);
    this.#useKey(`Child SA ${childId}, outbound`, child.outboundKeys.encryption);
    // Once in thousands of walks a random SPI is one that there was before.
    const before = this.installed.get(inboundSpi);
    if (before && this.#standing.has(before.childId)) {
      this.faults.push(`${this.host} uses an SPI twice`);
    }
    this.#standing.add(childId);
    this.reservedSpis.delete(inboundSpi);
    const root = replaces === undefined ? childId : this.#rootOf(replaces);
    this.#roots.set(childId, root);
    const { name } = config;
    const entry: LedgerChild = { childId, sessionId, root, name, at: this.#clock.now() };
    this.installed.set(inboundSpi, entry);
    this.installedOutbound.set(outboundSpi, entry);
  }

  removed(childId: number, wasThere: boolean): void {
    this.#standing.delete(childId);
    if (!wasThere) this.faults.push(`${this.host} removes Child SA ${childId}, which is not there`);
    if (!this.#told.has(childId)) this.untoldRemovals.set(childId, this.#clock.now());
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
        this.#childFailed(event.name, event.failure);
        return;
      case 'child-opened':
        this.known.set(event.childId, event.name);
        this.#told.add(event.childId);
        return;
      case 'child-rekeyed':
        this.#rekeyed(event.oldChildId, event.newChildId, event.name);
        return;
      case 'child-closed':
        if (!this.known.delete(event.childId)) {
          this.faults.push(`${this.host} tells of the end of a Child SA that nobody knows`);
        }
        if (event.reason.includes('counts as gone')) this.unheardNames.add(event.name);
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
    this.#told.add(newId);
  }

  #childFailed(name: string, { code, sentence }: SessionFailure): void {
    this.failedNames.add(name);
    if (code !== 'peer-deleted') this.faults.push(`${this.host} has no Child SA: ${sentence}`);
  }

  #ended(sessionId: number, { code, sentence }: SessionFailure): void {
    this.#end(sessionId, undefined);
    if (!this.#named.has(sessionId)) {
      if (code === 'closed-by-user') this.hasTurnedAway = true;
      return;
    }
    this.losses += 1;
    this.endCodes.add(code);
    if (code === 'closed-by-user' && this.closedAt === undefined) {
      this.faults.push(`${this.host} says that its user closed a session, who did not`);
    }
    if (!this.#orderlyEnds.has(code)) this.faults.push(`${this.host} loses a session: ${sentence}`);
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
