import type { Capture, CapturedPacket, CaptureFault } from './capture.ts';
import { BlockType, BYTE_ORDER_MAGIC, OptionCode } from './pcapng-format.ts';

/** An interface of the current section: how its packets and their times are to be read. */
interface CaptureInterface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Ticks of its timestamps per second. */
  readonly ticksPerSecond: bigint;
  readonly offsetSeconds: bigint;
}

/** One block: `[start, end)` is its body, without type, lengths and padding. */
interface Block {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/** Whether a file begins with a Section Header Block. */
export function isPcapng(file: Uint8Array): boolean {
  return file.length >= 12 && byteOrderAt(viewOf(file), 0) !== undefined;
}

/** Reads a file for which {@link isPcapng} is true; sections of different byte order may follow one another.
 * Blocks that carry no packets are skipped. @see draft-ietf-opsawg-pcapng §3 and §4
 */
export function readPcapng(file: Uint8Array): Capture {
  const view = viewOf(file);
  const packets: CapturedPacket[] = [];
  let littleEndian = true;
  let interfaces: CaptureInterface[] = [];
  for (let at = 0; at < file.length; ) {
    const order = byteOrderAt(view, at);
    if (order !== undefined) {
      littleEndian = order;
      interfaces = [];
    }
    const block = readBlock(view, at, littleEndian);
    if ('code' in block) return { packets, fault: block };
    if (block.type === BlockType['Interface Description']) {
      const described = readInterface(view, block, littleEndian);
      if (!described) return { packets, fault: malformed(at, 'interface description') };
      interfaces.push(described);
    } else if (isPacketBlock(block.type)) {
      const packet = readPacket(file, view, block, littleEndian, interfaces);
      if (!packet) return { packets, fault: malformed(at, 'packet') };
      packets.push(packet);
    }
    at = block.end + 4;
  }
  return { packets };
}

/** Whether the section that begins at `at` is little-endian; `undefined` when none begins there. */
function byteOrderAt(view: DataView, at: number): boolean | undefined {
  if (at + 12 > view.byteLength) return undefined;
  // The type of this block reads the same in both orders.
  if (view.getUint32(at) !== BlockType['Section Header']) return undefined;
  if (view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) return true;
  return view.getUint32(at + 8, false) === BYTE_ORDER_MAGIC ? false : undefined;
}

function readBlock(view: DataView, at: number, littleEndian: boolean): Block | CaptureFault {
  if (at + 12 > view.byteLength) return truncated(at);
  const type = view.getUint32(at, littleEndian);
  const total = view.getUint32(at + 4, littleEndian);
  if (total < 12 || total % 4 !== 0) return malformed(at, 'block length');
  if (at + total > view.byteLength) return truncated(at);
  if (view.getUint32(at + total - 4, littleEndian) !== total) {
    return malformed(at, 'second block length');
  }
  return { type, start: at + 8, end: at + total - 4 };
}

function readInterface(
  view: DataView,
  block: Block,
  littleEndian: boolean,
): CaptureInterface | undefined {
  const { start, end } = block;
  if (start + 8 > end) return undefined;
  let ticksPerSecond = 1_000_000n;
  let offsetSeconds = 0n;
  for (let at = start + 8; at + 4 <= end; ) {
    const code = view.getUint16(at, littleEndian);
    const length = view.getUint16(at + 2, littleEndian);
    if (code === OptionCode.opt_endofopt || at + 4 + length > end) break;
    if (code === OptionCode.if_tsresol && length === 1) {
      const resolution = view.getUint8(at + 4);
      const exponent = BigInt(resolution & 0x7f);
      ticksPerSecond = resolution < 0x80 ? 10n ** exponent : 2n ** exponent;
    }
    if (code === OptionCode.if_tsoffset && length === 8) {
      offsetSeconds = view.getBigInt64(at + 4, littleEndian);
    }
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return {
    linkType: view.getUint16(start, littleEndian),
    snapLength: view.getUint32(start + 4, littleEndian),
    ticksPerSecond,
    offsetSeconds,
  };
}

function isPacketBlock(type: number): boolean {
  return (
    type === BlockType['Enhanced Packet'] ||
    type === BlockType['Simple Packet'] ||
    type === BlockType.Packet
  );
}

function readPacket(
  file: Uint8Array,
  view: DataView,
  block: Block,
  littleEndian: boolean,
  interfaces: readonly CaptureInterface[],
): CapturedPacket | undefined {
  const { type, start, end } = block;
  if (type === BlockType['Simple Packet']) {
    return readSimplePacket(file, view, block, littleEndian, interfaces[0]);
  }
  if (start + 20 > end) return undefined;
  // The obsolete Packet Block differs only in its first word: interface (16 bits) and drops.
  const interfaceId =
    type === BlockType.Packet
      ? view.getUint16(start, littleEndian)
      : view.getUint32(start, littleEndian);
  const captured = view.getUint32(start + 12, littleEndian);
  const from = interfaces[interfaceId];
  if (!from || start + 20 + captured > end) return undefined;
  const high = BigInt(view.getUint32(start + 4, littleEndian));
  const ticks = (high << 32n) | BigInt(view.getUint32(start + 8, littleEndian));
  return {
    timestampNs:
      (ticks * 1_000_000_000n) / from.ticksPerSecond + from.offsetSeconds * 1_000_000_000n,
    linkType: from.linkType,
    data: file.subarray(start + 20, start + 20 + captured),
    originalLength: view.getUint32(start + 16, littleEndian),
  };
}

/** Has no time, no interface and no captured length: the interface is the first, the length what is left. */
function readSimplePacket(
  file: Uint8Array,
  view: DataView,
  block: Block,
  littleEndian: boolean,
  from: CaptureInterface | undefined,
): CapturedPacket | undefined {
  const { start, end } = block;
  if (!from || start + 4 > end) return undefined;
  const originalLength = view.getUint32(start, littleEndian);
  const snapped =
    from.snapLength === 0 ? originalLength : Math.min(originalLength, from.snapLength);
  if (start + 4 + snapped > end) return undefined;
  const data = file.subarray(start + 4, start + 4 + snapped);
  return { timestampNs: 0n, linkType: from.linkType, data, originalLength };
}

function truncated(offset: number): CaptureFault {
  const message = `The block at byte ${offset} reaches beyond the end of the file.`;
  return { code: 'truncated', offset, message };
}

function malformed(offset: number, what: string): CaptureFault {
  const message = `The block at byte ${offset} has a ${what} that cannot be right.`;
  return { code: 'malformed', offset, message };
}

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}
