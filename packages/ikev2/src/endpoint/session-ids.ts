import type { EndpointContext } from './endpoint-context.ts';

/** A fresh id for a session that a peer opened. */
export function nextSessionId(context: EndpointContext): number {
  while (context.sessions.has(context.nextSessionId)) context.nextSessionId += 1;
  const id = context.nextSessionId;
  context.nextSessionId += 1;
  return id;
}
