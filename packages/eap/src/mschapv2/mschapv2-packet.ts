/** OpCodes of EAP-MSCHAPv2. @see draft-kamath-pppext-eap-mschapv2-02 §2 */
export const MsChapOpCode = { CHALLENGE: 1, RESPONSE: 2, SUCCESS: 3, FAILURE: 4 } as const;

const HEADER_BYTES = 4;
const CHALLENGE_BYTES = 16;
/** Peer challenge 16, reserved 8, NT response 24, flags 1. @see RFC 2759 §4 */
const RESPONSE_BYTES = 49;
const MAX_NAME_BYTES = 256;

/** Type-Data of EAP-MSCHAPv2. */
export type MsChapPacket =
  | {
      readonly opCode: 1;
      readonly id: number;
      readonly challenge: Uint8Array;
      readonly name: Uint8Array;
    }
  | {
      readonly opCode: 2;
      readonly id: number;
      readonly peerChallenge: Uint8Array;
      readonly ntResponse: Uint8Array;
      readonly name: Uint8Array;
    }
  /** In a request with the message; in a response the OpCode alone. */
  | { readonly opCode: 3 | 4; readonly id?: number; readonly message: Uint8Array };

/** Reads the Type-Data of EAP-MSCHAPv2.
 * @returns `undefined` for what is cut off, has other sizes, or an OpCode that is not supported (changing the password); views.
 */
export function decodeMsChapPacket(data: Uint8Array): MsChapPacket | undefined {
  const [opCode, id, high, low, size] = data;
  const isVerdict = opCode === MsChapOpCode.SUCCESS || opCode === MsChapOpCode.FAILURE;
  if (isVerdict && data.length === 1) return { opCode, message: new Uint8Array(0) };
  if (id === undefined || high === undefined || low === undefined) return undefined;
  // Some senders count MS-Length wrong; it has to fit all the same.
  if (((high << 8) | low) > data.length) return undefined;
  if (isVerdict) return { opCode, id, message: data.subarray(HEADER_BYTES) };
  const value = data.subarray(HEADER_BYTES + 1, HEADER_BYTES + 1 + (size ?? 0));
  const name = data.subarray(HEADER_BYTES + 1 + value.length);
  if (size === undefined || value.length !== size || name.length > MAX_NAME_BYTES) return undefined;
  if (opCode === MsChapOpCode.CHALLENGE && size === CHALLENGE_BYTES) {
    return { opCode, id, challenge: value, name };
  }
  if (opCode !== MsChapOpCode.RESPONSE || size !== RESPONSE_BYTES) return undefined;
  return {
    opCode,
    id,
    peerChallenge: value.subarray(0, 16),
    ntResponse: value.subarray(24, 48),
    name,
  };
}

/** Writes the Type-Data of EAP-MSCHAPv2; a verdict without `id` is the response to one. */
export function encodeMsChapPacket(packet: MsChapPacket): Uint8Array {
  const { opCode, id } = packet;
  if (id === undefined) return Uint8Array.of(opCode);
  const body = bodyOf(packet);
  const length = HEADER_BYTES + body.length;
  return Uint8Array.from([opCode, id, length >> 8, length & 0xff, ...body]);
}

function bodyOf(packet: MsChapPacket): readonly number[] {
  switch (packet.opCode) {
    case MsChapOpCode.CHALLENGE:
      return [CHALLENGE_BYTES, ...packet.challenge, ...packet.name];
    case MsChapOpCode.RESPONSE:
      return [
        RESPONSE_BYTES,
        ...packet.peerChallenge,
        ...new Uint8Array(8),
        ...packet.ntResponse,
        0,
        ...packet.name,
      ];
    default:
      return [...packet.message];
  }
}
