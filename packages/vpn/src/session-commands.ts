import { addMs, type Clock } from '@ipsec-kit/clock';
import type { Command, ConnectionConfig, PathStatus, SessionEvent } from '@ipsec-kit/ikev2';
import type { ChildOpener } from './child-opener.ts';
import { createDeferred, type Deferred } from './deferred.ts';
import type { SessionBook, StandingSession } from './session-book.ts';
import { moveSteps } from './session-moves.ts';
import {
  type Expectation,
  expectChildEnd,
  expectChildRekey,
  expectEnd,
  expectIkeRekey,
  expectReauthentication,
  type Outcome,
} from './session-outcomes.ts';
import { DEFAULT_OUTCOME_TIMEOUT_MS, type SessionRequest } from './session-request.ts';
import type { SessionStep } from './session-step.ts';
import { connectionsWithChild, targetChildren, targetSessions } from './session-targets.ts';
import { VpnError } from './vpn-error.ts';

/** The reason of a Child SA that was closed by a command, and may be opened by another. */
export const CLOSED_ON_COMMAND = 'closed by command';

/** Does with sessions what a user wants, and knows how it ended. */
export interface SessionCommands {
  /** Resolves with one sentence when it is done.
   * @throws VpnError `config` for names that do not exist, `no-such-target` when nothing stands to do it with,
   *   `command-failed` when it was begun and failed, or its outcome is not known in time.
   */
  perform(request: SessionRequest): Promise<string>;
  /** To be told of every event, after the book. */
  note(event: SessionEvent): void;
}

export interface SessionCommandsOptions {
  readonly connections: readonly ConnectionConfig[];
  readonly book: Pick<SessionBook, 'standing'>;
  readonly opener: Pick<ChildOpener, 'open'>;
  readonly command: (command: Command) => void;
  readonly path: (sessionId: number) => PathStatus | undefined;
  readonly clock: Pick<Clock, 'now' | 'wakeAt'>;
}

interface Watch {
  readonly expectation: Expectation;
  readonly outcome: Deferred<Outcome>;
}

/** Makes the commands of one tunnel. */
export function createSessionCommands(options: SessionCommandsOptions): SessionCommands {
  const { connections, book, opener, command, clock, path } = options;
  const watches = new Set<Watch>();

  async function run({ expectation, command: wanted }: SessionStep): Promise<Outcome> {
    if ('ok' in wanted) return wanted;
    const watch: Watch = { expectation, outcome: createDeferred() };
    watches.add(watch);
    command(wanted);
    return watch.outcome.promise.finally(() => watches.delete(watch));
  }

  /** Whatever has no outcome in time has failed, as far as its user is concerned. */
  async function inTime(outcome: Promise<Outcome>, timeoutMs: number): Promise<Outcome> {
    const late = createDeferred<Outcome>();
    const seconds = Math.ceil(timeoutMs / 1000);
    const text = `it was begun, and there is no outcome after ${seconds} s: see status`;
    const cancel = clock.wakeAt(addMs(clock.now(), timeoutMs), () =>
      late.resolve({ ok: false, text }),
    );
    const first = await Promise.race([outcome, late.promise]);
    cancel();
    return first;
  }

  async function initiate(request: SessionRequest, timeoutMs: number): Promise<string> {
    const { child, ike, session, peer } = request;
    if (child === undefined) throw new VpnError('config', 'Say which child to open: --child NAME.');
    const able = connectionsWithChild(connections, child).filter(
      ({ name }) => ike === undefined || name === ike,
    );
    const isSelected = session !== undefined || peer !== undefined;
    const [connection] = able;
    if (!connection) throw new VpnError('config', `The connection ${ike} has no child "${child}".`);
    if (!isSelected && able.length > 1) throw severalConnections(child, able);
    const [only, ...others] = isSelected
      ? targetSessions(book, able, request)
      : book.standing.filter((one) => one.connection === connection.name);
    if (others.length > 0) throw severalSessions(child);
    if (only?.children.some(({ name }) => name === child))
      return `Child SA ${child} is open already.`;
    const name = only?.connection ?? connection.name;
    const wish = { connection: name, child, ...(only ? { sessionId: only.id } : {}) };
    const opened = opener
      .open(wish)
      .then(
        (result): Outcome =>
          result instanceof VpnError ? { ok: false, text: result.message } : { ok: true, text: '' },
      );
    const outcome = await inTime(opened, timeoutMs);
    if (outcome.ok) return `Child SA ${child} is open.`;
    throw new VpnError('command-failed', `Child SA ${child} was not opened: ${outcome.text}`);
  }

  return {
    async perform(request) {
      const timeoutMs = request.timeoutMs ?? DEFAULT_OUTCOME_TIMEOUT_MS;
      if (request.action === 'initiate') return initiate(request, timeoutMs);
      const sessions = targetSessions(book, connections, request);
      const steps =
        request.action === 'move'
          ? moveSteps(request, sessions, { path, clock })
          : stepsFor(request, sessions, connections);
      const outcomes = await Promise.all(steps.map((step) => inTime(run(step), timeoutMs)));
      return summary(steps, outcomes);
    },
    note(event) {
      for (const { expectation, outcome } of [...watches]) {
        const found = expectation(event);
        if (found) outcome.resolve(found);
      }
    },
  };
}

function stepsFor(
  { action, child }: SessionRequest,
  sessions: readonly StandingSession[],
  connections: readonly ConnectionConfig[],
): readonly SessionStep[] {
  if (child !== undefined && action === 'reauth') {
    throw new VpnError(
      'config',
      'A reauthentication is of the IKE SA with all its children: leave out --child.',
    );
  }
  if (child === undefined) return sessions.map((session) => ikeStep(action, session));
  return targetChildren(sessions, connections, child).map(
    ({ session, id: childId, name }): SessionStep => {
      const sessionId = session.id;
      const subject = `Child SA ${name} with ${session.remoteIdentity}`;
      if (action === 'rekey') {
        const command = { kind: 'rekey-child', sessionId, childId } as const;
        return { subject, expectation: expectChildRekey(childId), command };
      }
      const reason = CLOSED_ON_COMMAND;
      const command = { kind: 'close-child', sessionId, childId, reason } as const;
      return { subject, expectation: expectChildEnd(childId), command };
    },
  );
}

function ikeStep(action: SessionRequest['action'], session: StandingSession): SessionStep {
  const sessionId = session.id;
  const subject = `IKE SA with ${session.remoteIdentity}`;
  switch (action) {
    case 'rekey': {
      const expectation = expectIkeRekey(sessionId);
      return { subject, expectation, command: { kind: 'rekey-ike', sessionId } };
    }
    case 'reauth': {
      const expectation = expectReauthentication(sessionId);
      return { subject, expectation, command: { kind: 'reauthenticate', sessionId } };
    }
    default: {
      const expectation = expectEnd(sessionId);
      return { subject, expectation, command: { kind: 'close', sessionId } };
    }
  }
}

/** One sentence for all. @throws VpnError `command-failed` when one failed. */
function summary(steps: readonly SessionStep[], outcomes: readonly Outcome[]): string {
  const told = steps.map(({ subject }, index) => ({ subject, ...outcomes[index] }));
  const failed = told.filter(({ ok }) => ok !== true);
  const [first] = failed.length > 0 ? failed : told;
  if (!first) return 'There was nothing to do.';
  const text = `${first.subject}: ${first.text}`;
  if (failed.length === 0)
    return told.length === 1 ? `${text}.` : `${text}, and so with ${told.length - 1} more.`;
  const share = told.length === 1 ? '' : `${failed.length} of ${told.length} failed, first `;
  throw new VpnError('command-failed', `${share}${text.replace(/\.$/, '')}.`);
}

function severalSessions(child: string): VpnError {
  const sentence = `Several sessions could open ${child}: choose one with --session ID, as status shows it.`;
  return new VpnError('config', sentence);
}

function severalConnections(child: string, able: readonly ConnectionConfig[]): VpnError {
  const names = able.map(({ name }) => name).join(', ');
  const sentence = `Several connections have a child "${child}" (${names}): choose one with --ike NAME.`;
  return new VpnError('config', sentence);
}
