import { addMs, type Instant } from '@ipsec-kit/clock';
import { ask, type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { provenPathOf } from '../mobike/verified-address.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { isBehind, shownSession } from '../session/shown-session.ts';
import { activationDeadline, armActivation } from './activate-child.ts';
import { armChildLifetime } from './arm-child-lifetime.ts';
import { drawChildLimits } from './child-limits.ts';
import type { ChildSa } from './child-sa.ts';
import { modeOf, type NegotiatedChild } from './negotiated-child.ts';
import { replacementElsewhere } from './replacement-elsewhere.ts';

/** Asks the packet path to take a Child SA. @returns the id of the request to wait for. */
export function requestInstallation(
  context: EndpointContext,
  session: IkeSession,
  child: NegotiatedChild,
): number {
  const { waitsForPeer, isUnanswered, isRedundant, isPassedOver } = child;
  const outboundActive = !(waitsForPeer || isUnanswered || isRedundant || isPassedOver);
  const path = provenPathOf(context, session);
  const requestId = ask(context, session, {
    kind: 'install-child',
    child: {
      sessionId: shownSession(session.takesOver ?? session).id,
      childId: child.id,
      config: child.config,
      limits: drawChildLimits(context.jitter, child.config),
      connection: child.connection.name,
      suite: child.suite,
      inboundSpi: child.inboundSpi,
      outboundSpi: child.outboundSpi,
      inboundKeys: child.inboundKeys,
      outboundKeys: child.outboundKeys,
      localSelectors: child.localSelectors,
      remoteSelectors: child.remoteSelectors,
      mode: modeOf(child),
      esn: child.esn,
      peerTakesTfc: child.peerTakesTfc,
      ...(child.transportAddresses ? { transportAddresses: child.transportAddresses } : {}),
      path,
      outboundActive,
      ...(child.replaces === undefined ? {} : { replaces: child.replaces }),
      virtualAddresses: session.virtualAddresses,
      dns: session.dns,
    },
  });
  context.installations.set(requestId, {
    childId: child.id,
    path,
    hasInbound: false,
    movesOutboundOf: outboundActive ? child.config.name : undefined,
    putOff: [],
  });
  return requestId;
}

/** Enters an installed Child SA into its session; what happens to it is an event of its own, {@link announceChild}. */
export function adoptChild(
  context: EndpointContext,
  session: IkeSession,
  child: NegotiatedChild,
): ChildSa {
  const { id, config, replaces } = child;
  const isRedundant = child.isRedundant === true;
  const waits = child.waitsForPeer === true;
  const owner = context.sessionsByChild.get(replaces ?? 0);
  const replaced = child.rekeyed ?? owner?.children.get(replaces ?? 0);
  const isRekey = owner === session || child.rekeyed !== undefined;
  const adopted: ChildSa = {
    id,
    origin: replaced?.origin ?? id,
    config,
    suite: child.suite,
    inboundSpi: child.inboundSpi,
    outboundSpi: child.outboundSpi,
    localSelectors: child.localSelectors,
    remoteSelectors: child.remoteSelectors,
    mode: modeOf(child),
    esn: child.esn,
    packetsOut: 0,
    softAt: jitteredEnd(context, config.rekeyMs, config.rekeyJitterMs),
    expiresAt: config.hardLifetimeMs ? addMs(context.now, config.hardLifetimeMs) : undefined,
    retryAt: undefined,
    isEndPutOff: false,
    isAnnounced: false,
    postponements: 0,
    isActive: !waits && !isRedundant && !child.isPassedOver,
    activateAt: waits ? activationDeadline(context) : undefined,
    isRekeyDue: false,
    replacedBy: undefined,
    isFromPeer: child.isFromPeer === true,
    isRedundant,
    // Who has been asked to take the place of the one takes that of the other.
    isMoved: isRekey && replaced?.isMoved === true,
    deleting: undefined,
    isDeleteSent: false,
    isAskedFor: false,
    endAction: 'none',
  };
  session.children.set(id, adopted);
  const { localSelectors, remoteSelectors } = child;
  session.carried.set(config.name, { localSelectors, remoteSelectors });
  context.sessionsByChild.set(id, session);
  if (replaced && !isRedundant) takePlace(context, session, replaced, adopted, isRekey);
  armChildLifetime(context, session);
  if (waits) armActivation(context, session);
  return adopted;
}

function takePlace(
  context: EndpointContext,
  session: IkeSession,
  replaced: ChildSa,
  fresh: ChildSa,
  isRekey: boolean,
): void {
  const movedTo = isRekey ? replacementElsewhere(session.children, replaced) : undefined;
  // A reauthentication has replaced it already, while this rekey was under way: both give way to the same one.
  if (movedTo && isBehind(session)) fresh.replacedBy = movedTo;
  else replaceAll(context, replaced, fresh);
}

/** A rekey on the old IKE SA may have finished while the new one was made: what came of it is replaced as well. */
function replaceAll(context: EndpointContext, replaced: ChildSa, fresh: ChildSa): void {
  const siblings = context.sessionsByChild.get(replaced.id)?.children;
  for (let next: ChildSa | undefined = replaced; next && next !== fresh; ) {
    const laterId: number = next.replacedBy ?? 0;
    next.replacedBy = fresh.id;
    next = siblings?.get(laterId);
  }
}

/** When a soft lifetime ends that begins now: up to the jitter earlier, so that both sides rarely begin at once.
 * @see RFC 7296 §2.8 (rekeying SHOULD be jittered)
 */
export function jitteredEnd(
  context: EndpointContext,
  lifetimeMs: number | undefined,
  jitterMs: number | undefined,
): Instant | undefined {
  if (!lifetimeMs) return undefined;
  const early = Math.min(jitterMs ?? 0, lifetimeMs) * context.jitter();
  return addMs(context.now, lifetimeMs - early);
}

/** Tells that a Child SA is open. */
export function announceChild(
  context: EndpointContext,
  session: IkeSession,
  child: Pick<
    NegotiatedChild,
    | 'id'
    | 'config'
    | 'inboundSpi'
    | 'outboundSpi'
    | 'suite'
    | 'localSelectors'
    | 'remoteSelectors'
    | 'esn'
    | 'transportAddresses'
  >,
): void {
  const adopted = session.children.get(child.id);
  if (adopted) adopted.isAnnounced = true;
  raise(context, {
    kind: 'child-opened',
    sessionId: shownSession(session).id,
    childId: child.id,
    name: child.config.name,
    inboundSpi: child.inboundSpi,
    outboundSpi: child.outboundSpi,
    suite: child.suite,
    esn: child.esn,
    localSelectors: child.localSelectors,
    remoteSelectors: child.remoteSelectors,
    mode: modeOf(child),
    configuredMode: child.config.mode ?? 'tunnel',
  });
}

/** Tells that a Child SA has been replaced, and by which; nothing when its user does not know it under this id any more.
 * @param replaced - where its user does not know it yet, since the one that it replaces waits for its end, that one.
 */
export function announceReplacement(
  context: EndpointContext,
  session: IkeSession,
  replaced: ChildSa,
  fresh: ChildSa,
  by: 'local' | 'peer',
): void {
  const old = announcedBefore(context, replaced);
  if (!old || fresh.isAnnounced) return;
  old.isAnnounced = false;
  fresh.isAnnounced = true;
  raise(context, {
    kind: 'child-rekeyed',
    sessionId: shownSession(session).id,
    oldChildId: old.id,
    newChildId: fresh.id,
    name: fresh.config.name,
    by,
    inboundSpi: fresh.inboundSpi,
    outboundSpi: fresh.outboundSpi,
    suite: fresh.suite,
    esn: fresh.esn,
    localSelectors: fresh.localSelectors,
    remoteSelectors: fresh.remoteSelectors,
    mode: fresh.mode,
  });
}

/** A Child SA that its user knows: this one, or the one that it has replaced. */
function announcedBefore(context: EndpointContext, child: ChildSa): ChildSa | undefined {
  if (child.isAnnounced) return child;
  const siblings = context.sessionsByChild.get(child.id)?.children.values() ?? [];
  return [...siblings].find(
    ({ isAnnounced, replacedBy }) => isAnnounced && replacedBy === child.id,
  );
}
