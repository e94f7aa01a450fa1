import type { KeyMaterial, RandomSource } from '@ipsec-kit/crypto';
import type { EapFailure } from '../eap-method.ts';
import { decodeEapPacket, EapCode, encodeEapPacket } from '../eap-packet.ts';
import { MAX_EAP_ROUNDS } from '../eap-peer.ts';
import { EapType } from '../eap-type.ts';
import type { RadiusAsk } from './radius-client.ts';
import type { RadiusEapReply } from './radius-eap.ts';

/** What comes into a relay. */
export type RadiusRelayInput =
  /** An EAP packet of the peer. */
  | { readonly kind: 'packet'; readonly packet: Uint8Array }
  /** What the client made of an `ask`, by its id; without a reply no server has answered. */
  | {
      readonly kind: 'answer';
      readonly id: number;
      readonly server: number;
      readonly reply?: Exclude<RadiusEapReply, { readonly kind: 'ignored' }>;
    };

/** What comes out of a relay: as of an authenticator, but for `ask`. */
export type RadiusRelayOutput =
  | { readonly kind: 'send'; readonly packet: Uint8Array }
  | { readonly kind: 'ask'; readonly id: number; readonly ask: RadiusAsk }
  | { readonly kind: 'identity'; readonly identity: Uint8Array }
  /** The server has accepted the peer: as whom it says, else as whom the peer said. */
  | { readonly kind: 'success'; readonly user: Uint8Array; readonly msk?: KeyMaterial }
  | { readonly kind: 'failure'; readonly reason: EapFailure }
  | { readonly kind: 'ignored' };

/** One conversation of which a RADIUS server is the authenticator. */
export interface RadiusRelay {
  /** The first request: Identity, which the gateway asks for by itself (RFC 3579 §2.1). To be called once, first. */
  start(): readonly RadiusRelayOutput[];
  /** Never throws, whatever the packet is. */
  handle(input: RadiusRelayInput): readonly RadiusRelayOutput[];
}

/** Makes a relay between a peer and RADIUS servers. @see RFC 3579 §2, RFC 7296 §2.16 */
export function createRadiusRelay(random: RandomSource): RadiusRelay {
  let state: 'idle' | 'peer-awaited' | 'server-awaited' | 'over' = 'idle';
  let identifier = 0;
  let identity: Uint8Array | undefined;
  let session: Pick<RadiusAsk, 'state' | 'server'> = {};
  let lastAsk = 0;
  let rounds = 0;

  const fail = (reason: EapFailure, packet?: Uint8Array): readonly RadiusRelayOutput[] => {
    state = 'over';
    return [
      { kind: 'send', packet: packet ?? encodeEapPacket({ code: EapCode.FAILURE, identifier }) },
      { kind: 'failure', reason },
    ];
  };

  const onPacket = (bytes: Uint8Array): readonly RadiusRelayOutput[] => {
    const packet = decodeEapPacket(bytes);
    const isExpected = packet?.code === EapCode.RESPONSE && packet.identifier === identifier;
    if (state !== 'peer-awaited' || !isExpected) return [{ kind: 'ignored' }];
    rounds += 1;
    if (rounds > MAX_EAP_ROUNDS) return fail('too-many-rounds');
    const outputs: RadiusRelayOutput[] = [];
    if (identity === undefined) {
      if (packet.type !== EapType.IDENTITY) return fail('protocol-error');
      identity = Uint8Array.from(packet.data);
      outputs.push({ kind: 'identity', identity });
    }
    lastAsk += 1;
    state = 'server-awaited';
    const eap = Uint8Array.from(bytes.subarray(0, 5 + packet.data.length));
    const ask = { userName: identity, eap, ...session };
    return [...outputs, { kind: 'ask', id: lastAsk, ask }];
  };

  const onChallenge = (
    server: number,
    { eap, state: token }: RadiusEapReply & { readonly kind: 'challenge' },
  ): readonly RadiusRelayOutput[] => {
    const request = decodeEapPacket(eap);
    if (request?.code !== EapCode.REQUEST) return fail('protocol-error');
    identifier = request.identifier;
    session = token ? { server, state: token } : { server };
    state = 'peer-awaited';
    return [{ kind: 'send', packet: Uint8Array.from(eap) }];
  };

  const onAnswer = (
    server: number,
    reply: (RadiusRelayInput & { kind: 'answer' })['reply'],
  ): readonly RadiusRelayOutput[] => {
    if (reply === undefined) return fail('work-failed');
    const end = decodeEapPacket(reply.eap);
    switch (reply.kind) {
      case 'challenge':
        return onChallenge(server, reply);
      case 'reject':
        return fail('refused', end?.code === EapCode.FAILURE ? reply.eap : undefined);
      case 'accept': {
        // RFC 3579 §2.6.3: without an EAP-Success the peer would not believe it.
        if (end?.code !== EapCode.SUCCESS || identity === undefined) return fail('protocol-error');
        state = 'over';
        const success = { kind: 'success', user: reply.userName ?? identity } as const;
        return [
          { kind: 'send', packet: reply.eap },
          reply.msk ? { ...success, msk: reply.msk } : success,
        ];
      }
      default:
        return reply satisfies never;
    }
  };

  return {
    start() {
      const first = new Uint8Array(1);
      random.fill(first);
      identifier = first[0] ?? 0;
      state = 'peer-awaited';
      const { IDENTITY } = EapType;
      const data = new Uint8Array(0);
      const request = { code: EapCode.REQUEST, identifier, type: IDENTITY, data };
      return [{ kind: 'send', packet: encodeEapPacket(request) }];
    },
    handle(input) {
      if (state === 'over' || state === 'idle') return [];
      if (input.kind === 'packet') return onPacket(input.packet);
      if (state !== 'server-awaited' || input.id !== lastAsk) return [];
      return onAnswer(input.server, input.reply);
    },
  };
}
