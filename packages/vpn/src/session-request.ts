import { isObject } from './compile/option-checks.ts';
import type { RevalidationRequest } from './credentials/revalidation-report.ts';

/** What a running client or server may be told to do with its sessions. */
export const SESSION_ACTIONS = ['rekey', 'reauth', 'initiate', 'terminate', 'move'] as const;

/** One of {@link SESSION_ACTIONS}. */
export type SessionAction = (typeof SESSION_ACTIONS)[number];

/** A wish concerning sessions, or Child SAs of theirs. What is absent selects nothing: a server's `rekey` without more
 * is for the IKE SAs of all its sessions.
 */
export interface SessionRequest {
  readonly action: SessionAction;
  /** Sessions of this connection only. */
  readonly ike?: string;
  /** The Child SAs of this name; absent: the IKE SA. `initiate` needs it. */
  readonly child?: string;
  /** The session of this id only, as `status` shows it. */
  readonly session?: number;
  /** Sessions with this peer only: its identity as `status` shows it. */
  readonly peer?: string;
  /** `move`: to the best path from this address of this host; absent: to the best of all. */
  readonly local?: string;
  /** How long the outcome is waited for; default 30 s, at most 10 min. */
  readonly timeoutMs?: number;
}

/** How long the outcome is waited for, unless the request says otherwise. */
export const DEFAULT_OUTCOME_TIMEOUT_MS = 30_000;
const MAX_OUTCOME_TIMEOUT_MS = 600_000;
const MAX_NAME_LENGTH = 256;

/** Reads a request as it comes over the control socket: `{"command":"rekey","child":"net"}`.
 * @returns the request, `undefined` when the command is none of {@link SESSION_ACTIONS}, or the sentence that says what is
 * wrong with it.
 */
export function readSessionRequest(value: unknown): SessionRequest | string | undefined {
  if (!isObject(value)) return undefined;
  const { command, ike, child, session, peer, local, timeoutMs } = value;
  const action = SESSION_ACTIONS.find((one) => one === command);
  if (!action) return undefined;
  if (!isName(ike) || !isName(child) || !isName(peer) || !isName(local)) {
    return `"ike", "child", "peer" and "local" are texts of at most ${MAX_NAME_LENGTH} characters.`;
  }
  if (!isCount(session)) return '"session" is the id of a session.';
  if (!isCount(timeoutMs) || (timeoutMs ?? 0) > MAX_OUTCOME_TIMEOUT_MS) {
    return `"timeoutMs" is at most ${MAX_OUTCOME_TIMEOUT_MS}.`;
  }
  return {
    action,
    ...(ike === undefined ? {} : { ike }),
    ...(child === undefined ? {} : { child }),
    ...(session === undefined ? {} : { session }),
    ...(peer === undefined ? {} : { peer }),
    ...(local === undefined ? {} : { local }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

/** Reads a wish to look at certificates again, as it comes over the control socket:
 * `{"command":"revalidate","connection":"home"}`. @returns the request, or the sentence that says what is wrong with it.
 */
export function readRevalidationRequest(value: unknown): RevalidationRequest | string {
  const { connection, timeoutMs } = isObject(value) ? value : {};
  if (!isName(connection)) {
    return `"connection" is a text of at most ${MAX_NAME_LENGTH} characters.`;
  }
  if (!isCount(timeoutMs) || (timeoutMs ?? 0) > MAX_OUTCOME_TIMEOUT_MS) {
    return `"timeoutMs" is at most ${MAX_OUTCOME_TIMEOUT_MS}.`;
  }
  return {
    ...(connection === undefined ? {} : { connection }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

function isName(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length <= MAX_NAME_LENGTH);
}

function isCount(value: unknown): value is number | undefined {
  return (
    value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
  );
}
