import type { Capture, CapturedPacket } from './capture.ts';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const MICROSECONDS_MAGIC = 0xa1b2c3d4;
const NANOSECONDS_MAGIC = 0xa1b23c4d;

/** Whether a file begins like a pcap file of either byte order and resolution. */
export function isPcap(file: Uint8Array): boolean {
  return formatOf(file) !== undefined;
}

/** Reads a file for which {@link isPcap} is true. @see draft-ietf-opsawg-pcap §4 and §5 */
export function readPcap(file: Uint8Array): Capture {
  const format = formatOf(file);
  if (!format) return { packets: [] };
  const { view, littleEndian, unitNs } = format;
  // The upper bits tell about frame check sequences.
  const linkType = view.getUint32(20, littleEndian) & 0x0fffffff;
  const packets: CapturedPacket[] = [];
  let at = FILE_HEADER_BYTES;
  while (at < file.length) {
    const dataAt = at + RECORD_HEADER_BYTES;
    const captured = dataAt <= file.length ? view.getUint32(at + 8, littleEndian) : 0;
    if (dataAt + captured > file.length) {
      const message = `The record at byte ${at} reaches beyond the end of the file.`;
      return { packets, fault: { code: 'truncated', offset: at, message } };
    }
    const seconds = BigInt(view.getUint32(at, littleEndian));
    const fraction = BigInt(view.getUint32(at + 4, littleEndian));
    packets.push({
      timestampNs: seconds * 1_000_000_000n + fraction * unitNs,
      linkType,
      data: file.subarray(dataAt, dataAt + captured),
      originalLength: view.getUint32(at + 12, littleEndian),
    });
    at = dataAt + captured;
  }
  return { packets };
}

function formatOf(
  file: Uint8Array,
): { view: DataView; littleEndian: boolean; unitNs: bigint } | undefined {
  if (file.length < FILE_HEADER_BYTES) return undefined;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(0, littleEndian);
    if (magic === MICROSECONDS_MAGIC) return { view, littleEndian, unitNs: 1000n };
    if (magic === NANOSECONDS_MAGIC) return { view, littleEndian, unitNs: 1n };
  }
  return undefined;
}
