import { findNotifies, NotifyType, type Payload } from '@ipsec-kit/ikev2-codec';
import { type Path, pathsEqual } from '@ipsec-kit/ip';
import type { MappingVerdict } from '@ipsec-kit/nat-t';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { tellPath } from '../session/liveness.ts';
import { readNatDetection } from './nat-detection.ts';

/** Takes what the NAT detection of a verified response says: where the peer sees us, and who is behind a NAT.
 * @returns what has become of our mapping; `undefined` when the response carries no NAT detection, or came over another path: a NAT
 * may map us otherwise there, which says nothing of the one in use.
 * @see RFC 4555 §3.8
 */
export function observeMapping(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  path: Path,
  payloads: readonly Payload[],
): MappingVerdict | undefined {
  const [view] = findNotifies(payloads, NotifyType.NAT_DETECTION_DESTINATION_IP);
  const nat = view && readNatDetection(context.crypto, sa, path, payloads);
  if (!view || !nat) return undefined;
  const wasBehindNat = session.nat.local;
  session.nat = nat;
  if (nat.local !== wasBehindNat) tellPath(context, session);
  if (!pathsEqual(path, session.path)) return undefined;
  const seen = session.mapping.observe(sa, view.data);
  // Until now the peer has sent to the address that is ours: a NAT that came between is another mapping, with nothing to compare.
  const isNewNat = nat.local && !wasBehindNat && session.running?.procedure.kind === 'liveness';
  const verdict = isNewNat && seen === 'began' ? 'changed' : seen;
  if (verdict === 'changed') {
    raise(context, { kind: 'mapping-changed', sessionId: session.id, path: session.path });
  }
  return verdict;
}
