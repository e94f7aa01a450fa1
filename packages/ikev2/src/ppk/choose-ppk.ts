import { bytesEqual } from '@ipsec-kit/crypto';
import { findNotify, NotifyType, type Payload } from '@ipsec-kit/ikev2-codec';
import type { ConnectionConfig, Ppk } from '../config.ts';
import type { ChosenConnection } from '../endpoint/connection-choice.ts';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { NO_PPK_IDENTITY, PPK_MISSING, PPK_UNKNOWN } from '../errors/authentication-failures.ts';
import type { IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import { decodePpkId } from './ppk-id.ts';
import { usePpk } from './ppk-use.ts';

/** What becomes of an IKE_AUTH request that has an AUTH payload: the connections that are left, and the request as it is to be checked;
 * or why there is none, in words.
 */
export type PpkChoice =
  | {
      readonly ok: true;
      readonly chosen: readonly [ChosenConnection, ...ChosenConnection[]];
      readonly payloads: readonly Payload[];
      readonly sa: IkeSa;
    }
  | { readonly ok: false; readonly detail: string };

/** As responder: goes on with the post-quantum pre-shared key that the initiator names, or without. The peer learns nothing but that
 * it failed. @see RFC 8784 §3, Table 1
 */
export function choosePpk(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  payloads: readonly Payload[],
  chosen: readonly ChosenConnection[],
): PpkChoice {
  const optional = chosen.filter(({ connection }) => !connection.ppk?.required);
  if (session.ppk === 'none') return withoutPpk(optional, payloads, sa, PPK_MISSING);
  const identity = findNotify(payloads, NotifyType.PPK_IDENTITY);
  // RFC 8784 §3: both have announced it, so it MUST fail.
  if (!identity) return { ok: false, detail: NO_PPK_IDENTITY };
  const id = decodePpkId(identity.data);
  const known = chosen.flatMap((one) => {
    const ppk = id && findPpk(one.connection, id);
    return ppk ? [{ one, ppk }] : [];
  });
  const [best] = known;
  if (best) {
    const alike = known.filter(({ ppk }) => ppk === best.ppk).map(({ one }) => one);
    const mixed = usePpk(context, session, sa, best.ppk.key, false);
    return { ok: true, chosen: [best.one, ...alike.slice(1)], payloads, sa: mixed };
  }
  const plain = findNotify(payloads, NotifyType.NO_PPK_AUTH);
  if (!plain) return { ok: false, detail: PPK_UNKNOWN };
  session.ppk = 'none';
  // The method is that of the AUTH payload.
  const proven = payloads.map((one) => (one.type === 'AUTH' ? { ...one, data: plain.data } : one));
  return withoutPpk(optional, proven, sa, PPK_UNKNOWN);
}

function withoutPpk(
  [first, ...others]: readonly ChosenConnection[],
  payloads: readonly Payload[],
  sa: IkeSa,
  detail: string,
): PpkChoice {
  return first ? { ok: true, chosen: [first, ...others], payloads, sa } : { ok: false, detail };
}

/** The key of a name: where the connection names one itself, that one alone. */
function findPpk({ ppk }: ConnectionConfig, id: Uint8Array): Ppk | undefined {
  const keys = ppk?.own ? [ppk.own] : (ppk?.keys ?? []);
  return keys.find((one) => bytesEqual(one.id, id));
}
