import {
  BindingDiscovery,
  type BindingOutput,
  type DpdReason,
  MappingTracker,
  type MappingVerdict,
} from '@ipsec-kit/nat-t';
import { ask, type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import type { Answer } from '../endpoint-work.ts';
import type { LivenessReason } from '../events.ts';
import { enqueue } from '../procedures/run-procedures.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { tellBinding } from '../session/liveness.ts';
import { closeProbe } from './binding-probe.ts';
import { armBinding } from './carry-binding.ts';
import type { BindingFact } from './session-binding.ts';

/** Why the peer is asked where it sees us when keepalives have not kept their interval, or the network has changed. */
const NO_MISS: ReadonlySet<LivenessReason> = new Set<DpdReason>(['late', 'slept', 'connectivity']);

/** Shortest interval that is worth its packets: it works practically everywhere. */
const LEAST_INTERVAL_MS = 10_000;

/** Begins, goes on with or ends the search for the lifetime of mappings, for every session whose path or network has changed.
 * It needs a peer with MOBIKE, to which requests from a scratch port change nothing (RFC 4555 §3.8, §3.10).
 */
export function reviewBindings(context: EndpointContext): void {
  for (const session of context.bindingReviews) {
    // Whoever keeps it alive goes by the interval that it was given.
    if (session.delegated) continue;
    context.bindingReviews.delete(session);
    for (const fact of session.binding?.facts.splice(0) ?? []) feed(context, session, fact);
    review(context, session);
  }
}

/** The driver has told in which network this host is. */
export function onNetwork(context: EndpointContext, networkKey: string | undefined): void {
  if (context.networkKey === networkKey) return;
  context.networkKey = networkKey;
  for (const session of context.sessions.values()) {
    if (session.liveness) context.bindingReviews.add(session);
  }
}

function review(context: EndpointContext, session: IkeSession): void {
  const wanted = networkToMeasure(context, session);
  if (wanted === session.binding?.network) return;
  // What is known of one network is not known of another.
  tellBinding(context, session, { keepaliveMs: context.settings.keepaliveMs });
  if (wanted === undefined) {
    feed(context, session, { kind: 'stop' });
    session.binding = undefined;
    armBinding(context, session);
    return;
  }
  session.binding ??= {
    discovery: newDiscovery(context),
    network: wanted,
    probe: undefined,
    probes: 0,
    interval: undefined,
    facts: [],
    keepalivesAtView: 0,
  };
  session.binding.network = wanted;
  session.binding.interval = undefined;
  session.binding.probes = 0;
  feed(context, session, { kind: 'network', network: wanted });
}

/** Whoever wants keepalives more often than the search ever asks for knows why, and has them where nothing can be proven. */
function newDiscovery({ settings, bindingMemory }: EndpointContext): BindingDiscovery {
  const { keepaliveMs } = settings;
  const floorMs = Math.min(LEAST_INTERVAL_MS, keepaliveMs);
  return new BindingDiscovery({ floorMs, unprovenMs: keepaliveMs }, bindingMemory);
}

/** The network whose mappings are to be measured, by name: those of each IP version have a life of their own. */
function networkToMeasure(
  { networkKey, settings }: EndpointContext,
  session: IkeSession,
): string | undefined {
  const { connection, role, state, liveness, addressUpdates, nat, marker, path } = session;
  if (networkKey === undefined || !connection?.bindingDiscovery) return undefined;
  if (role !== 'initiator' || state.kind !== 'established' || session.takenOverBy) return undefined;
  if (!liveness || !addressUpdates || !nat.local || !marker) return undefined;
  if (settings.keepaliveMs === 0 || session.isClosing) return undefined;
  return `${networkKey} IPv${path.remote.address.version}`;
}

/** A deadline of the search has come. */
export function onBindingTimer(context: EndpointContext, session: IkeSession): void {
  feed(context, session, { kind: 'timeout' });
}

/** The peer has said where it sees us on the path in use. A mapping that is another one although keepalives, which were relied
 * on meanwhile, were never late has lived for a shorter time than is known of it.
 */
export function onMappingSeen(
  context: EndpointContext,
  session: IkeSession,
  verdict: MappingVerdict,
): void {
  const { binding, liveness, running } = session;
  if (!binding || !liveness) return;
  const { keepalives } = liveness.counters;
  const reliedOnKeepalives = keepalives > binding.keepalivesAtView;
  binding.keepalivesAtView = keepalives;
  const procedure = running?.procedure;
  const reason = procedure?.kind === 'liveness' ? procedure.reason : undefined;
  if (verdict !== 'changed' || !reliedOnKeepalives) return;
  if (reason === undefined || NO_MISS.has(reason)) return;
  feed(context, session, { kind: 'miss' });
}

/** Tells the search of a session a fact, and performs what it decides. */
function feed(context: EndpointContext, session: IkeSession, fact: BindingFact): void {
  const { binding } = session;
  if (!binding) return;
  for (const output of binding.discovery.handle({ ...fact, now: context.now })) {
    perform(context, session, output);
  }
  armBinding(context, session);
}

function perform(context: EndpointContext, session: IkeSession, output: BindingOutput): void {
  switch (output.kind) {
    case 'open-probe':
      openProbe(context, session, output.probeId);
      return;
    case 'check-probe':
      checkProbe(context, session, output.probeId);
      return;
    case 'close-probe':
      closeProbe(context, session);
      return;
    case 'interval':
      takeInterval(context, session, output);
      return;
    default:
      unreachable(output);
  }
}

function openProbe(context: EndpointContext, session: IkeSession, id: number): void {
  const { binding, path } = session;
  if (!binding) return;
  binding.probes += 1;
  binding.probe = {
    id,
    requestId: ask(context, session, { kind: 'open-scratch-port', remote: path.remote }),
    path: undefined,
    mapping: new MappingTracker(),
    stage: 'opening',
    askedAt: context.now,
    isElsewhere: false,
    isRepeated: false,
  };
}

/** A scratch port is there, or not. @returns false when nobody waits for it (any more). */
export function onScratchPort(
  context: EndpointContext,
  session: IkeSession,
  requestId: number,
  answer: Answer,
): boolean {
  const probe = session.binding?.probe;
  if (!probe || probe.requestId !== requestId || probe.path) return false;
  // Without one the search waits as it does for an answer, and tries again.
  if (answer.kind !== 'open-scratch-port' || !answer.local) return true;
  probe.path = { local: answer.local, remote: session.path.remote };
  enqueue(context, session, { kind: 'probe-binding', probeId: probe.id });
  return true;
}

function checkProbe(context: EndpointContext, session: IkeSession, probeId: number): void {
  const probe = session.binding?.probe;
  if (!probe) return;
  probe.stage = 'checking';
  probe.askedAt = context.now;
  probe.isElsewhere = false;
  probe.isRepeated = false;
  enqueue(context, session, { kind: 'probe-binding', probeId });
}

function takeInterval(
  context: EndpointContext,
  session: IkeSession,
  { kind: _, ...interval }: Extract<BindingOutput, { readonly kind: 'interval' }>,
): void {
  const { binding } = session;
  if (!binding) return;
  binding.interval = interval;
  const { keepaliveMs, lifetimeMs, source } = interval;
  const known = lifetimeMs === undefined ? {} : { lifetimeMs };
  tellBinding(context, session, { keepaliveMs, ...known });
  if (source === 'searching') return;
  const { probes } = binding;
  binding.probes = 0;
  raise(context, {
    kind: 'binding-discovered',
    sessionId: session.id,
    keepaliveMs,
    ...known,
    probes,
  });
}

function unreachable(output: never): never {
  throw new Error(`unhandled output ${JSON.stringify(output)}`);
}
