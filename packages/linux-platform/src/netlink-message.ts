/** Types of netlink messages that are no answer of their own. @see netlink(7) */
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
/** A flag: the network changed while it was being dumped, so the dump may not fit together. */
export const NLM_F_DUMP_INTR = 0x10;

const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
/** Bits of an attribute's type that are flags. @see Linux, include/uapi/linux/netlink.h */
const TYPE_MASK = 0x3fff;

/** One netlink message. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** What comes after the header; a view. */
  readonly payload: Uint8Array;
}

/** Takes a datagram of a netlink socket apart. What does not fit ends it: nothing behind it can be trusted.
 * @returns the messages that are whole, and whether anything was left over.
 * @see netlink(7), NLMSG_NEXT
 */
export function decodeNetlink(datagram: Uint8Array): {
  readonly messages: readonly NetlinkMessage[];
  readonly isWhole: boolean;
} {
  const view = viewOf(datagram);
  const messages: NetlinkMessage[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= datagram.length) {
    const length = view.getUint32(at, true);
    if (length < HEADER_BYTES || at + length > datagram.length) break;
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      payload: datagram.subarray(at + HEADER_BYTES, at + length),
    });
    at += aligned(length);
  }
  return { messages, isWhole: at >= datagram.length };
}

/** The attributes behind the fixed part of a payload, by type; of two of one type the last. Malformed ones end the list. */
export function decodeAttributes(
  payload: Uint8Array,
  fixedBytes: number,
): ReadonlyMap<number, Uint8Array> {
  const view = viewOf(payload);
  const attributes = new Map<number, Uint8Array>();
  let at = aligned(fixedBytes);
  while (at + ATTRIBUTE_HEADER_BYTES <= payload.length) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > payload.length) break;
    const type = view.getUint16(at + 2, true) & TYPE_MASK;
    attributes.set(type, payload.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length));
    at += aligned(length);
  }
  return attributes;
}

/** A request for everything of one kind: a header and a family, with NLM_F_REQUEST | NLM_F_DUMP. */
export function dumpRequest(type: number, sequence: number): Uint8Array {
  const NLM_F_REQUEST = 1;
  const NLM_F_DUMP = 0x300;
  // As long as an ifinfomsg, which kernels with strict checks want for links; the others take it, too.
  const bytes = new Uint8Array(HEADER_BYTES + 16);
  const view = viewOf(bytes);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  view.setUint32(8, sequence, true);
  return bytes;
}

/** A number of 4 bytes in an attribute; `undefined` when it is shorter. */
export function attributeUint32(bytes: Uint8Array | undefined): number | undefined {
  return bytes === undefined || bytes.length < 4 ? undefined : viewOf(bytes).getUint32(0, true);
}

/** A view of the bytes, in the order of the machine. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
