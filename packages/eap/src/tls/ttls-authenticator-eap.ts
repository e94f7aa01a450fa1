import { createEapAuthenticator, type EapAuthenticatorOutput } from '../eap-authenticator.ts';
import type { EapMethod, EapMethodContext } from '../eap-method.ts';
import { decodeEapPacket, EapCode } from '../eap-packet.ts';
import { EapType } from '../eap-type.ts';
import type { TlsAuthenticatorInside, TlsAuthenticatorStep } from './tls-authenticator.ts';
import { unwrapEap, wrapEap } from './ttls-avp.ts';

const MAX_IDENTITY_BYTES = 512;

/** EAP inside of a TTLS tunnel, at the authenticator; its Success and Failure stand outside of the tunnel.
 * @param methods - best first.
 * @param first - what the peer has begun with: an Identity response that nobody asked for.
 * @returns with its first step, which is a failure for anything else.
 * @see RFC 5281 §11.2.1
 */
export function beginTtlsAuthenticatorEap(
  { crypto, random }: EapMethodContext,
  methods: readonly EapMethod[],
  first: Uint8Array,
): { readonly inside: TlsAuthenticatorInside; readonly step: TlsAuthenticatorStep } {
  const packet = decodeEapPacket(first);
  const isIdentity = packet?.code === EapCode.RESPONSE && packet.type === EapType.IDENTITY;
  if (!isIdentity || packet.data.length > MAX_IDENTITY_BYTES) return NO_IDENTITY;
  const identity = packet.data.slice();
  const authenticator = createEapAuthenticator({ methods, identity, crypto, random });
  let workId = 0;

  const follow = (outputs: readonly EapAuthenticatorOutput[]): TlsAuthenticatorStep => {
    // The packet of an end comes in front of it, and stays here.
    const end = outputs.find(({ kind }) => kind === 'success' || kind === 'failure');
    for (const output of end ? [end] : outputs) {
      switch (output.kind) {
        case 'send':
          return { kind: 'write', data: wrapEap(output.packet) };
        case 'work':
          workId = output.id;
          return { kind: 'work', work: output.work };
        case 'success':
          // RFC 5281 §8: the key is that of the tunnel.
          output.msk?.erase();
          return { kind: 'done', user: output.user };
        case 'failure':
          return { kind: 'fail', reason: output.reason };
        default:
          break;
      }
    }
    return PROTOCOL_ERROR;
  };

  const inside: TlsAuthenticatorInside = {
    received(_, data) {
      const response = unwrapEap(data);
      return response === undefined
        ? PROTOCOL_ERROR
        : follow(authenticator.handle({ kind: 'packet', packet: response }));
    },
    answer: (answer) => follow(authenticator.handle({ kind: 'answer', id: workId, answer })),
  };
  return { inside, step: follow(authenticator.start()) };
}

const PROTOCOL_ERROR: TlsAuthenticatorStep = { kind: 'fail', reason: 'protocol-error' };
const NO_IDENTITY = {
  inside: { received: () => PROTOCOL_ERROR, answer: () => PROTOCOL_ERROR },
  step: PROTOCOL_ERROR,
};
