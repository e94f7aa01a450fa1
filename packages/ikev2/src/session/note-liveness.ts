import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { latestOf } from '../reauth/latest-of.ts';
import type { IkeSession } from './ike-session.ts';
import type { LivenessNews } from './liveness-news.ts';

/** The session has another IKE SA: hashes of the one before compare with nothing. */
export function noteRekeyed(context: EndpointContext, session: IkeSession): void {
  newsOf(context, session).isRekeyed = true;
}

/** No request is out any more. */
export function noteExchangeEnded(
  context: EndpointContext,
  session: IkeSession,
  ended: NonNullable<LivenessNews['ended']>,
): void {
  newsOf(context, session).ended = ended;
}

/** IKE or ESP came from the peer, or left. What follows is decided at the end of the input. */
export function noteTraffic(
  context: EndpointContext,
  session: IkeSession,
  stamps: { readonly inIke: EndpointContext['now'] } | { readonly outIke: EndpointContext['now'] },
): void {
  const shown = latestOf(session);
  if (!shown.liveness) return;
  shown.liveness.note(stamps);
  newsOf(context, shown);
}

function newsOf(context: EndpointContext, session: IkeSession): LivenessNews {
  let news = context.livenessNews.get(session);
  if (!news) {
    news = { isRekeyed: false, ended: undefined };
    context.livenessNews.set(session, news);
  }
  return news;
}
