import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { deriveIkeKeys } from '../keys/ike-keys.ts';
import { chainIntAuth, intAuth } from '../proof/int-auth.ts';
import { type IkeSa, withNextKeys } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type {
  AdditionalKeys,
  InitTranscript,
  IntermediateExchange,
} from '../session/session-state.ts';
import { raiseKeyed } from './keyed-ike-sa.ts';

/** What is to come after IKE_SA_INIT. @param methods - at least one. */
export function firstAdditionalKeys(
  transcript: InitTranscript,
  methods: readonly number[],
): AdditionalKeys {
  const none = new Uint8Array(0);
  return { transcript, methods, chains: { initiator: none, responder: none } };
}

/** An IKE_INTERMEDIATE exchange is over: the IKE SA goes on under the keys that follow from it.
 * @param exchange - its messages as RFC 9242 §3.3.2 has them.
 * @param sharedSecret - erased.
 * @returns what is left to do: no methods, and IntAuth in the transcript, when that was the last.
 * @see RFC 9370 §2.2.2
 */
export function advanceKeys(
  context: EndpointContext,
  session: IkeSession,
  sa: IkeSa,
  { transcript, methods, chains }: AdditionalKeys,
  exchange: IntermediateExchange,
  sharedSecret: KeyMaterial,
): AdditionalKeys & { readonly sa: IkeSa } {
  const { crypto } = context;
  const { initiatorSpi, responderSpi, suite } = sa;
  const { initiatorNonce, responderNonce } = transcript;
  const next = chainIntAuth(crypto, sa, chains, exchange);
  const keys = deriveIkeKeys(crypto, suite, {
    sharedSecret,
    ...{ initiatorNonce, responderNonce, initiatorSpi, responderSpi },
    previous: { prf: suite.prf, skD: sa.keys.skD },
  });
  const fresh = withNextKeys(crypto, sa, keys);
  session.sa = fresh;
  raiseKeyed(context, session, fresh);
  const left = methods.slice(1);
  const signed = left.length > 0 ? {} : { intAuth: intAuth(next, exchange.messageId + 1) };
  return { sa: fresh, transcript: { ...transcript, ...signed }, methods: left, chains: next };
}
