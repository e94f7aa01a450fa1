import { addMs } from '@ipsec-kit/clock';
import { findNotify, NotifyType, type Payload } from '@ipsec-kit/ikev2-codec';
import { addressesEqual, endpointsEqual, type Path } from '@ipsec-kit/ip';
import type { MappingVerdict, ProbeOutcome } from '@ipsec-kit/nat-t';
import type { OutstandingRequest } from '@ipsec-kit/retransmit';
import { isOverProbe, noteProbe } from '../binding/binding-probe.ts';
import type { BindingProbe } from '../binding/session-binding.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { natDetectionNotifies } from '../nat/nat-detection.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { repeatOutstanding, repeatRequest } from '../session/repeat-request.ts';
import type { Procedure } from './procedure.ts';

type ProbeBinding = Extract<Procedure, { readonly kind: 'probe-binding' }>;

/** How long a look may wait for the window: meanwhile the mapping is idle for longer than the search knows. */
const PATIENCE_MS = 1_000;
const TRANSMISSIONS_FROM_SCRATCH_PORT = 2;

/** NAT detection from the scratch port: where the peer sees that. With MOBIKE the request moves nothing.
 * @returns `undefined` when it has become pointless.
 * @see RFC 4555 §3.8 (an IKE packet from another address changes nothing), §3.10
 */
export function probeRequest(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  { probeId }: ProbeBinding,
): readonly Payload[] | undefined {
  const probe = probeOf(session, probeId);
  if (!probe) return undefined;
  const { path } = probe;
  if (path && canTell(context, session, probe, path)) {
    return natDetectionNotifies(context.crypto, sa, path);
  }
  noteProbe(context, session, { kind: 'probe-result', probeId, outcome: 'unanswered' });
  return undefined;
}

/** Where the request of a probe goes. */
export function probePaths({ binding }: IkeSession): readonly Path[] | undefined {
  const path = binding?.probe?.path;
  return path && [path];
}

/** The peer has answered. */
export function onProbeAnswered(
  context: EndpointContext,
  session: IkeSession,
  { probeId }: ProbeBinding,
  payloads: readonly Payload[],
  over: Path,
): void {
  const probe = probeOf(session, probeId);
  const { sa } = session;
  if (!probe || !sa) return;
  const view = findNotify(payloads, NotifyType.NAT_DETECTION_DESTINATION_IP);
  const isTold = view !== undefined && !probe.isElsewhere && isOverProbe(session, over);
  const verdict = isTold ? probe.mapping.observe(sa, view.data) : undefined;
  if (probe.stage === 'opening' && verdict !== undefined) {
    noteProbe(context, session, { kind: 'probe-opened', probeId });
  } else {
    noteProbe(context, session, {
      kind: 'probe-result',
      probeId,
      outcome: outcomeOf(verdict, probe),
    });
  }
}

/** Anything else is more important than a probe without an answer: its request goes over the path in use, too, so that the
 * window is free a round trip from now.
 */
export function giveWay(context: EndpointContext, session: IkeSession): void {
  const { running, queue } = session;
  if (running?.procedure.kind !== 'probe-binding' || running.hasGivenWay) return;
  if (queue.length === 0 || running.messageId === undefined) return;
  session.running = { ...running, hasGivenWay: true };
  repeatOutstanding(context, session);
}

/** A probe without an answer is sent once more from the scratch port, which shows a life as well, though no death; after that its request is one like any
 * other, that has to find its way.
 * @returns false when it is not that.
 */
export function repeatProbe(
  context: EndpointContext,
  session: IkeSession,
  request: OutstandingRequest,
): boolean {
  const { running, binding } = session;
  const probe = binding?.probe;
  if (running?.procedure.kind !== 'probe-binding' || !probe?.path) return false;
  if (probe.id !== running.procedure.probeId || probe.isElsewhere) return false;
  if (request.transmissions > TRANSMISSIONS_FROM_SCRATCH_PORT) return false;
  probe.isRepeated = true;
  repeatRequest(context, session, request, probe.path);
  return true;
}

function probeOf({ binding }: IkeSession, probeId: number): BindingProbe | undefined {
  return binding?.probe?.id === probeId ? binding.probe : undefined;
}

/** Whether an answer would tell of the mapping that was left idle, and of how long. */
function canTell(
  { now }: EndpointContext,
  session: IkeSession,
  { stage, askedAt }: BindingProbe,
  { local, remote }: Path,
): boolean {
  if (stage === 'checking' && now > addMs(askedAt, PATIENCE_MS)) return false;
  const { path } = session;
  return endpointsEqual(remote, path.remote) && addressesEqual(local.address, path.local.address);
}

function outcomeOf(
  verdict: MappingVerdict | undefined,
  { isRepeated }: BindingProbe,
): ProbeOutcome {
  switch (verdict) {
    case 'unchanged':
      return 'same-view';
    case 'changed':
      // It may have lived until the first copy was lost.
      return isRepeated ? 'unanswered' : 'dead';
    default:
      // The IKE SA was rekeyed: hashes of two do not compare.
      return 'unanswered';
  }
}
