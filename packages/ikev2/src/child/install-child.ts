import { addMs } from '@ipsec-kit/clock';
import { ask, type EndpointContext, raise, setTimer } from '../endpoint/endpoint-context.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { activationDeadline, armActivation } from './activate-child.ts';
import type { ChildSa } from './child-sa.ts';
import type { NegotiatedChild } from './negotiated-child.ts';

/** Asks the packet path to take a Child SA. @returns the id of the request to wait for. */
export function requestInstallation(
  context: EndpointContext,
  session: IkeSession,
  child: NegotiatedChild,
): number {
  return ask(context, session, {
    kind: 'install-child',
    child: {
      sessionId: session.id,
      childId: child.id,
      config: child.config,
      connection: child.connection.name,
      suite: child.suite,
      inboundSpi: child.inboundSpi,
      outboundSpi: child.outboundSpi,
      inboundKeys: child.inboundKeys,
      outboundKeys: child.outboundKeys,
      localSelectors: child.localSelectors,
      remoteSelectors: child.remoteSelectors,
      path: session.path,
      outboundActive: child.waitsForPeer !== true,
      ...(child.replaces === undefined ? {} : { replaces: child.replaces }),
      virtualAddresses: session.virtualAddresses,
      dns: session.dns,
    },
  });
}

/** Enters an installed Child SA into its session; what happens to it is an event of its own, {@link announceChild}. */
export function adoptChild(
  context: EndpointContext,
  session: IkeSession,
  child: NegotiatedChild,
): void {
  const { hardLifetimeMs } = child.config;
  const expiresAt = hardLifetimeMs ? addMs(context.now, hardLifetimeMs) : undefined;
  const { id, config, inboundSpi, outboundSpi, replaces } = child;
  const waits = child.waitsForPeer === true;
  session.children.set(id, {
    id,
    config,
    inboundSpi,
    outboundSpi,
    expiresAt,
    isActive: !waits,
    activateAt: waits ? activationDeadline(context) : undefined,
    replacedBy: undefined,
    deleting: undefined,
  });
  context.sessionsByChild.set(id, session);
  const replaced =
    replaces === undefined
      ? undefined
      : context.sessionsByChild.get(replaces)?.children.get(replaces);
  if (replaced) replaced.replacedBy = id;
  armChildLifetime(context, session);
  if (waits) armActivation(context, session);
}

/** Tells that a Child SA is open. */
export function announceChild(
  context: EndpointContext,
  session: IkeSession,
  child: NegotiatedChild,
): void {
  raise(context, {
    kind: 'child-opened',
    sessionId: session.id,
    childId: child.id,
    name: child.config.name,
    inboundSpi: child.inboundSpi,
    outboundSpi: child.outboundSpi,
    suite: child.suite,
    localSelectors: child.localSelectors,
    remoteSelectors: child.remoteSelectors,
  });
}

/** Sets the deadline for the Child SA whose hard lifetime ends first. */
export function armChildLifetime(context: EndpointContext, session: IkeSession): void {
  let first: ChildSa | undefined;
  for (const child of session.children.values()) {
    if (child.expiresAt === undefined || child.deleting !== undefined) continue;
    if (first?.expiresAt === undefined || child.expiresAt < first.expiresAt) first = child;
  }
  if (first?.expiresAt === undefined) context.deadlines.clear(session.id, 'child-lifetime');
  else {
    setTimer(context, session, 'child-lifetime', first.expiresAt, {
      label: `end of life of ${first.config.name}`,
    });
  }
}
