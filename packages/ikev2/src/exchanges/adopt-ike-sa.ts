import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { newUpdate } from '../procedures/new-update.ts';
import { newPathCheck } from '../procedures/path-check.ts';
import type { Procedure } from '../procedures/procedure.ts';
import { armIkeLifetime } from '../session/ike-lifetime.ts';
import { type IkeSa, ownSpi } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { noteExchangeEnded, noteRekeyed } from '../session/note-liveness.ts';
import type { ReplacedIkeSa } from '../session/replaced-ike-sa.ts';
import { keepReplaced } from '../session/replaced-ike-sas.ts';
import { armRetransmission } from '../session/send-message.ts';
import { dropInitiation, dropPeerSeries } from './drop-exchanges.ts';

/** Moves a session to the IKE SA that replaces its own: message ids from 0, new keys; children, lease and everything else
 * stay. What waited for a response on the old one is asked again on the new one.
 * @param oldState - what is to become of the old one.
 * @see RFC 7296 §1.3.2, §2.8
 */
export function adoptIkeSa(
  context: EndpointContext,
  session: IkeSession,
  fresh: IkeSa,
  by: 'local' | 'peer',
  oldState: ReplacedIkeSa['state'],
): void {
  const { sa: old, running, initiation } = session;
  const isUnsent = running !== undefined && running.messageId === undefined;
  if (running?.procedure.kind === 'rekey-ike' || initiation?.kind === 'generating-ike-key') {
    dropInitiation(context, session);
    session.running = undefined;
  } else if (running && !isUnsent) {
    const { procedure } = running;
    // RFC 7296 §2.4: that the peer has rekeyed shows that it is alive, and not that it is still where it was asked.
    if (procedure.kind === 'path-check') session.queue.unshift(newPathCheck(context, session));
    else if (!isOverByRekey(procedure)) session.queue.unshift(procedure);
    else if (isAboutMapping(procedure)) {
      // Its answer does not compare with anything any more (RFC 4555 §3.8: the hash covers the SPIs).
      session.queue.unshift(newUpdate(context, 'mapping-unknown'));
    }
    session.running = undefined;
  }
  dropPeerSeries(context, session);
  session.rival = undefined;
  session.sa = fresh;
  session.requests = fresh.requests;
  session.localSpi = ownSpi(fresh);
  session.outstanding = undefined;
  session.postponements = 0;
  session.generation += 1;
  context.sessionsBySpi.set(session.localSpi, session);
  armRetransmission(context, session);
  noteRekeyed(context, session);
  noteExchangeEnded(context, session, {});
  if (old) keepReplaced(context, session, old, oldState);
  armIkeLifetime(context, session);
  raise(context, {
    kind: 'session-rekeyed',
    sessionId: session.id,
    by,
    spis: { initiator: fresh.initiatorSpi, responder: fresh.responderSpi },
  });
}

/** What asks whether the peer lives has its answer, and what compares hashes of one IKE SA has none to come. */
function isOverByRekey({ kind }: Procedure): boolean {
  return kind === 'liveness' || kind === 'probe-binding';
}

function isAboutMapping(procedure: Procedure): boolean {
  if (procedure.kind !== 'liveness') return false;
  return procedure.natDetection && procedure.reason !== 'baseline';
}
