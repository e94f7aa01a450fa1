import { addMs, type Clock, type Instant, msBetween } from '@ipsec-kit/clock';
import type { Command, ConnectionConfig, SessionEvent } from '@ipsec-kit/ikev2';
import type { Scheduler } from '@ipsec-kit/scheduler';
import {
  type CertificateVerdict,
  createRevalidator,
  type Revalidator,
  type RevalidatorInput,
  type RevalidatorOutput,
} from '@ipsec-kit/x509';
import { findConnection } from '../choose-connection.ts';
import { createDeferred } from '../deferred.ts';
import type { VpnEvent } from '../events.ts';
import type { SessionBook, StandingSession } from '../session-book.ts';
import type { ChainTrust } from './compiled-credentials.ts';
import type { PathQuestion } from './path-check.ts';
import type { PeerProof } from './peer-proof.ts';
import {
  createRevalidationTally,
  type RevalidationReport,
  type RevalidationRequest,
  type RevalidationTally,
  sumOf,
  type TallyCount,
} from './revalidation-report.ts';
import { createSessionProofs, type SessionProofs } from './session-proofs.ts';

/** Looks at the certificates of peers again while their sessions stand, without reauthentication. */
export interface Revalidation extends Pick<SessionProofs, 'add'> {
  /** An event as it is told: that a session was ended here for its certificate, and not by its user. */
  explain(event: SessionEvent): SessionEvent;
  /** To be told of every event, after the book. */
  note(event: SessionEvent): void;
  /** Looks at all now, with evidence that is fetched and files that are read after the call.
   * @throws VpnError `config` for a connection that does not exist.
   */
  revalidate(request?: RevalidationRequest): Promise<RevalidationReport>;
  /** Does nothing any more. */
  stop(): void;
}

export interface RevalidationOptions {
  readonly connections: readonly ConnectionConfig[];
  /** By the name of the connection. */
  readonly peers: ReadonlyMap<string, ChainTrust>;
  readonly clock: Pick<Clock, 'now' | 'wakeAt'>;
  /** Milliseconds since 1970. */
  readonly dateMs: () => number;
  readonly scheduler: Pick<Scheduler, 'schedule' | 'cancel'>;
  readonly book: Pick<SessionBook, 'standing'>;
  /** Reads the CRLs of files anew; never rejects. */
  readonly reload: () => Promise<void>;
  /** Whether a CRL that is here has the peer's certificate. */
  readonly isListed: (proof: PeerProof) => boolean;
  /** Judges a proof as things stand now; never rejects. */
  readonly recheck: (
    peer: ChainTrust,
    proof: PeerProof,
    evidence: PathQuestion['evidence'],
  ) => Promise<CertificateVerdict>;
  readonly command: (command: Command) => void;
  readonly onEvent: (event: VpnEvent) => void;
}

/** Files are not read more often than that for checks that nobody asked for. */
const RELOAD_PAUSE_MS = 1_000;
/** How long a peer that is not believed any more has to answer the DELETE, before its Child SAs are gone all the same. */
const FAREWELL_MS = 500;
const DEFAULT_TIMEOUT_MS = 30_000;
/** How long those who are on a list have the processor to themselves. */
const SUSPECTS_FIRST_MS = 250;

type TimelessInput = RevalidatorInput extends infer Input
  ? Input extends RevalidatorInput
    ? Omit<Input, 'now' | 'atMs'>
    : never
  : never;
type Check = RevalidatorOutput & { readonly kind: 'check' };
type Verdict = RevalidatorOutput & { readonly kind: 'verdict' };

/** Makes the one of a tunnel. Connections have a policy each, and so a machine each, from their first session on. */
export function createRevalidation(options: RevalidationOptions): Revalidation {
  return new ProofRevalidation(options);
}

class ProofRevalidation implements Revalidation {
  readonly #options: RevalidationOptions;
  readonly #proofs = createSessionProofs();
  readonly #machines = new Map<string, Revalidator>();
  /** What was said last against the certificate of a session, and whose end is due to that. */
  readonly #said = new Map<number, string>();
  readonly #ending = new Set<number>();
  readonly #tallies = new Set<RevalidationTally>();
  #commands: Promise<unknown> = Promise.resolve();
  #reloadedAt: Instant | undefined;
  #reloading: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: RevalidationOptions) {
    this.#options = options;
  }

  add(...proven: Parameters<SessionProofs['add']>): void {
    this.#proofs.add(...proven);
  }

  explain(event: SessionEvent): SessionEvent {
    if (event.kind !== 'session-closed' || !this.#ending.has(event.sessionId)) return event;
    const sentence = this.#said.get(event.sessionId) ?? event.failure.sentence;
    return { ...event, failure: { code: 'authentication-failed', sentence } };
  }

  note(event: SessionEvent): void {
    const before =
      'sessionId' in event && event.sessionId ? this.#proofs.of(event.sessionId) : undefined;
    const change = this.#proofs.note(event);
    if (!change) return;
    const { sessionId } = change;
    const session = String(sessionId);
    if (change.kind === 'proven') {
      const { connection, validUntilMs, isProven } = change.proof;
      this.#feed(connection, { kind: 'opened', session, validUntilMs, isProven });
    } else if (before) {
      this.#feed(before.connection, { kind: change.kind, session });
    }
    if (change.kind !== 'closed') return;
    this.#said.delete(sessionId);
    this.#ending.delete(sessionId);
    for (const tally of this.#tallies) tally.leave(sessionId);
  }

  async revalidate(request: RevalidationRequest = {}): Promise<RevalidationReport> {
    const { connection } = request;
    if (connection !== undefined) findConnection(this.#options, connection);
    // One after the other, so that each verdict rests on what was fetched after its own command.
    const report = this.#commands.then(() => this.#revalidateNow(request));
    this.#commands = report;
    return report;
  }

  stop(): void {
    this.#isStopped = true;
    for (const name of this.#machines.keys()) this.#options.scheduler.cancel(deadlineKey(name));
    for (const tally of this.#tallies) tally.end();
  }

  async #revalidateNow({
    connection,
    timeoutMs,
  }: RevalidationRequest): Promise<RevalidationReport> {
    const { clock, book, isListed } = this.#options;
    const startedAt = clock.now();
    await this.#reload();
    const standing = book.standing.filter(
      (one) => connection === undefined || one.connection === connection,
    );
    const able = standing.filter(({ id }) => this.#proofs.of(id));
    const suspects = able.filter(({ id }) => {
      const proof = this.#proofs.of(id);
      return proof !== undefined && isListed(proof);
    });
    const until = addMs(clock.now(), timeoutMs ?? DEFAULT_TIMEOUT_MS);
    // Whoever is on a list now does not wait for the verdicts on everybody else.
    const first = this.#look(suspects, until);
    const pause = createDeferred<void>();
    const cancel = clock.wakeAt(addMs(clock.now(), SUSPECTS_FIRST_MS), pause.resolve);
    await Promise.race([first, pause.promise]);
    cancel();
    const others = able.filter((one) => !suspects.includes(one));
    const found = await Promise.all([first, this.#look(others, until)]);
    return {
      ...sumOf(...found),
      withoutCertificate: standing.length - able.length,
      tookMs: Math.round(msBetween(startedAt, clock.now())),
    };
  }

  /** Has some sessions looked at. @returns their verdicts, or those that there are at `until`. */
  async #look(sessions: readonly StandingSession[], until: Instant): Promise<TallyCount> {
    const tally = createRevalidationTally(sessions);
    this.#tallies.add(tally);
    const cancel = this.#options.clock.wakeAt(until, () => tally.end());
    for (const [name, machine] of this.#machines) {
      const mine = sessions.filter((one) => one.connection === name).map(({ id }) => String(id));
      if (mine.length > 0) this.#feedTo(name, machine, { kind: 'revalidate', sessions: mine });
    }
    if (this.#isStopped) tally.end();
    const count = await tally.done;
    cancel();
    this.#tallies.delete(tally);
    return count;
  }

  #feed(connection: string, input: TimelessInput): void {
    const machine = this.#machines.get(connection) ?? this.#machineFor(connection);
    if (machine) this.#feedTo(connection, machine, input);
  }

  #machineFor(connection: string): Revalidator | undefined {
    const revalidation = this.#options.peers.get(connection)?.revalidation;
    if (!revalidation) return undefined;
    const machine = createRevalidator(revalidation);
    this.#machines.set(connection, machine);
    return machine;
  }

  #feedTo(name: string, machine: Revalidator, input: TimelessInput): void {
    if (this.#isStopped) return;
    const { clock, dateMs, scheduler } = this.#options;
    for (const output of machine.handle({ ...input, now: clock.now(), atMs: dateMs() })) {
      this.#perform(name, machine, output);
    }
    const deadline = machine.nextDeadline();
    const wake = (): void => this.#feedTo(name, machine, { kind: 'timeout' });
    if (deadline) scheduler.schedule(deadlineKey(name), deadline, wake);
    else scheduler.cancel(deadlineKey(name));
  }

  #perform(name: string, machine: Revalidator, output: RevalidatorOutput): void {
    switch (output.kind) {
      case 'check':
        void this.#check(name, output).then((verdict) =>
          this.#feedTo(name, machine, {
            kind: 'checked',
            check: output.check,
            ...(verdict ? { verdict } : {}),
          }),
        );
        return;
      case 'verdict':
        this.#tell(name, output);
        return;
      case 'close':
        this.#close(Number(output.session));
        return;
      default:
        output satisfies never;
    }
  }

  async #check(name: string, check: Check): Promise<CertificateVerdict | undefined> {
    const { clock, peers, recheck } = this.#options;
    const { session, reason } = check;
    // A command has read them for all sessions.
    if (reason !== 'command') await this.#reloadSometimes();
    const proof = this.#proofs.of(Number(session));
    const peer = peers.get(name);
    if (!proof || !peer) return undefined;
    // What could not be had before the session stood may be had now, and through it.
    const freshSince = check.freshSince ?? (reason === 'deferred' ? clock.now() : undefined);
    return recheck(peer, proof, freshSince === undefined ? 'await' : { freshSince });
  }

  #tell(connection: string, verdict: Verdict): void {
    const { session, reason, standing, sentence, action, isNews, graceUntilMs } = verdict;
    const sessionId = Number(session);
    if (sentence !== undefined) this.#said.set(sessionId, sentence);
    // Before it is told to those who wait, so that a report never comes first.
    if (isNews || reason === 'command' || action === 'close') {
      this.#options.onEvent({
        kind: 'session-revalidated',
        sessionId,
        connection,
        reason,
        standing,
        action,
        ...(sentence === undefined ? {} : { sentence }),
        ...(graceUntilMs === undefined ? {} : { endsInMs: graceUntilMs - this.#options.dateMs() }),
      });
    }
    if (reason !== 'command') return;
    for (const tally of this.#tallies) tally.note(sessionId, verdict);
  }

  #close(sessionId: number): void {
    const { clock, command } = this.#options;
    this.#ending.add(sessionId);
    command({ kind: 'close', sessionId, giveUpAt: addMs(clock.now(), FAREWELL_MS) });
  }

  #reload(): Promise<void> {
    this.#reloadedAt = this.#options.clock.now();
    this.#reloading = this.#options.reload();
    return this.#reloading;
  }

  #reloadSometimes(): Promise<void> {
    const { clock } = this.#options;
    const isDue =
      this.#reloadedAt === undefined || msBetween(this.#reloadedAt, clock.now()) >= RELOAD_PAUSE_MS;
    return isDue ? this.#reload() : this.#reloading;
  }
}

function deadlineKey(connection: string): string {
  return `revalidation ${connection}`;
}
