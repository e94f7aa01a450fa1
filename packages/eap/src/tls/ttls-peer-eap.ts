import type { EapAnswer, EapMethod, EapMethodContext } from '../eap-method.ts';
import { EapCode, encodeEapPacket } from '../eap-packet.ts';
import { createEapPeer, type EapPeerOutput } from '../eap-peer.ts';
import { EapType } from '../eap-type.ts';
import type { TlsPeerInside, TlsPeerStep } from './tls-peer.ts';
import { unwrapEap, wrapEap } from './ttls-avp.ts';

/** EAP inside of a TTLS tunnel, at the peer, which begins. Only the key of the tunnel comes out: EAP-Success stands outside of it.
 * @param methods - best first.
 * @see RFC 5281 §11.2.1
 */
export function createTtlsPeerEap(
  { crypto, random }: EapMethodContext,
  methods: readonly EapMethod[],
  user: Uint8Array,
): TlsPeerInside {
  const peer = createEapPeer({ identity: user, methods, crypto, random });
  let isOpen = false;
  let workId = 0;

  const follow = (outputs: readonly EapPeerOutput[]): TlsPeerStep => {
    for (const output of outputs) {
      switch (output.kind) {
        case 'send':
          return { kind: 'write', data: wrapEap(output.packet) };
        case 'work':
          workId = output.id;
          return { kind: 'work', work: output.work };
        case 'success':
          return { kind: 'done' };
        case 'failure':
          return { kind: 'fail', reason: output.reason };
        default:
          break;
      }
    }
    return { kind: 'fail', reason: 'protocol-error' };
  };

  return {
    received(_, data) {
      const packet = isOpen ? unwrapEap(data) : IDENTITY_REQUEST;
      isOpen = true;
      return packet === undefined
        ? { kind: 'fail', reason: 'protocol-error' }
        : follow(peer.handle({ kind: 'packet', packet }));
    },
    answer: (answer: EapAnswer) => follow(peer.handle({ kind: 'answer', id: workId, answer })),
    get isThrough() {
      return peer.outcome !== undefined;
    },
    get failure() {
      return peer.failure;
    },
  };
}

/** What nobody has sent: the peer begins as though it had been asked. @see RFC 5281 §11.2.1 */
const IDENTITY_REQUEST: Uint8Array = /* @__PURE__ */ encodeEapPacket({
  code: EapCode.REQUEST,
  identifier: 0,
  type: EapType.IDENTITY,
  data: /* @__PURE__ */ new Uint8Array(0),
});
