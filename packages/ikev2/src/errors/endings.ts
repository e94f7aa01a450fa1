import type { SessionFailure } from '../events.ts';

/** A session that was asked to end by its user. */
export const CLOSED_BY_USER: SessionFailure = {
  code: 'closed-by-user',
  sentence: 'The session was closed on this side, as asked.',
};

/** The peer cannot do what `childless = force` wants. */
export const CHILDLESS_REFUSED: SessionFailure = {
  code: 'childless-refused',
  sentence:
    'The peer did not announce that it takes an IKE SA without a Child SA (RFC 6023); set "childless" to prefer or allow.',
};

/** The other way round: we want it and the peer began with a Child SA. */
export const CHILD_TOO_EARLY: SessionFailure = {
  code: 'childless-refused',
  sentence:
    'The peer asked for a Child SA in IKE_AUTH, and "childless = force" allows one only afterwards.',
};

/** Both sides have moved to the IKE SA of a reauthentication. */
export const REAUTHENTICATED: SessionFailure = {
  code: 'replaced',
  sentence: 'A reauthentication has replaced the IKE SA.',
};

/** Whether a session has ended because its peer does not answer. */
export function isSilence({ code }: SessionFailure): boolean {
  return code === 'peer-unreachable' || code === 'peer-dead';
}

/** The IKE SA reached the end of its life without being replaced. */
export const LIFETIME_OVER: SessionFailure = {
  code: 'lifetime-over',
  sentence: 'The lifetime of the IKE SA is over, and no reauthentication or rekey has replaced it.',
};

/** A reauthentication that only the peer can begin. */
export const REAUTH_NOT_OURS: SessionFailure = {
  code: 'reauthenticating',
  sentence:
    'Only the peer can begin this reauthentication, since it has a virtual address of ours; start it there.',
};

/** A reauthentication that is set to delete the old IKE SA first. */
export const BREAK_BEFORE_MAKE: SessionFailure = {
  code: 'reauthenticating',
  sentence:
    'The IKE SA is deleted and opened anew, since the reauthentication breaks before it makes.',
};

/** A peer without MOBIKE, and none of our old address left. */
export const ADDRESS_GONE: SessionFailure = {
  code: 'reauthenticating',
  sentence:
    'Our address has changed and the peer cannot follow (it has no MOBIKE), so the session is opened anew from the new one.',
};

/** The peer ended the session. */
export const DELETED_BY_PEER: SessionFailure = {
  code: 'peer-deleted',
  sentence: 'The peer closed the session with DELETE.',
};

/** The same peer came again and said that it has no other session. */
export const REPLACED_BY_PEER: SessionFailure = {
  code: 'replaced',
  sentence:
    'The peer opened a new session and announced INITIAL_CONTACT, so this one is gone on its side.',
};

/** The same peer came again, and the policy of its connection allows one session. */
export const REPLACED_BY_NEWER: SessionFailure = {
  code: 'replaced',
  sentence: 'The peer opened a newer session, and "unique = replace" keeps that one.',
};

/** Both sides had opened a session. */
export const ONE_OF_TWO: SessionFailure = {
  code: 'replaced',
  sentence: 'Both sides opened a session at once, and the other one is kept.',
};

/** The peer has deleted a Child SA that was still being made here. */
export const CHILD_DELETED_EARLY: SessionFailure = {
  code: 'peer-deleted',
  sentence:
    'The peer deleted the Child SA before it was in use here; ask for it again if it is still wanted.',
};

/** Why a Child SA goes whose lifetime has ended. */
export const CHILD_LIFETIME_OVER: string = 'its lifetime is over';
