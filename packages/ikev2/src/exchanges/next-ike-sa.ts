import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { Transform } from '@ipsec-kit/ikev2-codec';
import { RequestWindow } from '@ipsec-kit/retransmit';
import type { EndpointContext } from '../endpoint/endpoint-context.ts';
import { deriveIkeKeys } from '../keys/ike-keys.ts';
import { ikeSuiteOf } from '../keys/ike-suite.ts';
import { createIkeSa, type IkeSa, ownSpi } from '../session/ike-sa.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { InitTranscript } from '../session/session-state.ts';
import { raiseKeyed } from './keyed-ike-sa.ts';

/** What an IKE SA that replaces another is made of. */
export interface NextIkeSa {
  readonly spis: { readonly initiatorSpi: bigint; readonly responderSpi: bigint };
  /** Whether this side began the rekey: it is the initiator of the new IKE SA, whoever was that of the old. */
  readonly isInitiator: boolean;
  readonly transforms: readonly Transform[];
  readonly nonces: Pick<InitTranscript, 'initiatorNonce' | 'responderNonce'>;
  /** SK(0), and those of the additional key exchanges; erased. */
  readonly secrets: readonly [KeyMaterial, ...KeyMaterial[]];
}

/** Makes the IKE SA that replaces `old`: its keys follow from SK_d and the PRF of the old one, its message ids begin at 0
 * in both directions, and messages under it find the session from now on.
 * @returns `undefined` when the provider lacks an algorithm.
 * @see RFC 7296 §2.18, §2.2
 */
export function keyNextIkeSa(
  context: EndpointContext,
  session: IkeSession,
  old: IkeSa,
  next: NextIkeSa,
): IkeSa | undefined {
  const { spis, isInitiator, transforms, nonces } = next;
  const [sharedSecret, ...furtherSecrets] = next.secrets;
  const suite = ikeSuiteOf(context.crypto, transforms);
  if (!suite) return undefined;
  const previous = { prf: old.suite.prf, skD: old.keys.skD };
  const secrets = { sharedSecret, furtherSecrets };
  const keys = deriveIkeKeys(context.crypto, suite, { ...secrets, ...nonces, ...spis, previous });
  const sa = createIkeSa(
    context.crypto,
    {
      ...spis,
      isInitiator,
      suite,
      keys,
      requests: new RequestWindow({
        policy: context.settings.retransmit,
        jitterFraction: context.jitter,
        firstMessageId: 0,
      }),
    },
    0,
  );
  context.sessionsBySpi.set(ownSpi(sa), session);
  raiseKeyed(context, session, sa);
  return sa;
}

/** An SPI of IKE as it stands in a proposal: 8 bytes. @see RFC 7296 §3.3.1 */
export function ikeSpiBytes(spi: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, spi);
  return bytes;
}

/** The SPI of IKE in a proposal; `undefined` when it is not 8 bytes or is 0. */
export function readIkeSpi(bytes: Uint8Array): bigint | undefined {
  if (bytes.length !== 8) return undefined;
  const spi = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
  return spi === 0n ? undefined : spi;
}
