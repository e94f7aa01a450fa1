import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { Transform } from '@ipsec-kit/ikev2-codec';
import { lowerNonce } from '../collisions/lowest-nonce.ts';
import { type EndpointContext, raise } from '../endpoint/endpoint-context.ts';
import { deriveIkeKeys } from '../keys/ike-keys.ts';
import { ikeSuiteOf } from '../keys/ike-suite.ts';
import { createIkeSa, type IkeSa } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { InitTranscript } from '../session/session-state.ts';

/** Makes the IKE SA of a session once the shared secret is there, and tells about it.
 * @returns `undefined` when the provider lacks an algorithm of the chosen transforms.
 * @see RFC 7296 §2.14
 */
export function keyIkeSa(
  context: EndpointContext,
  session: IkeSession,
  spis: { readonly initiatorSpi: bigint; readonly responderSpi: bigint },
  transforms: readonly Transform[],
  nonces: Pick<InitTranscript, 'initiatorNonce' | 'responderNonce'>,
  sharedSecret: KeyMaterial,
): IkeSa | undefined {
  const suite = ikeSuiteOf(context.crypto, transforms);
  if (!suite) return undefined;
  const keys = deriveIkeKeys(context.crypto, suite, {
    sharedSecret,
    initiatorNonce: nonces.initiatorNonce,
    responderNonce: nonces.responderNonce,
    ...spis,
  });
  const sa = createIkeSa(context.crypto, {
    ...spis,
    isInitiator: session.role === 'initiator',
    suite,
    keys,
    requests: session.requests,
  });
  session.sa = sa;
  session.lowestNonce = lowerNonce(nonces.initiatorNonce, nonces.responderNonce);
  raiseKeyed(context, session, sa);
  return sa;
}

/** Tells of the keys that the messages of an IKE SA are protected with from now on. */
export function raiseKeyed(context: EndpointContext, session: IkeSession, sa: IkeSa): void {
  const { initiatorSpi, responderSpi, isInitiator, suite } = sa;
  const { skEi, skEr, skAi, skAr } = sa.keys;
  raise(context, {
    kind: 'ike-sa-keyed',
    sessionId: session.id,
    connection: session.connection?.name,
    initiator: isInitiator,
    ...{ initiatorSpi, responderSpi },
    transforms: suite.transforms,
    suite: suite.cipher,
    keys: { skEi, skEr, skAi, skAr },
    nat: session.nat,
  });
}
