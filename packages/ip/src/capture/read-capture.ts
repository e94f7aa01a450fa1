import type { CaptureResult } from './capture.ts';
import { isPcap, readPcap } from './pcap-reader.ts';
import { isPcapng, readPcapng } from './pcapng-reader.ts';

/** Reads a pcap or pcapng file of either byte order. Never throws on content: a file that ends early or turns bad gives
 * the packets before that place and a `fault`. Packets are views into `file`; what is kept beside them is bounded by its size.
 */
export function readCapture(file: Uint8Array): CaptureResult {
  if (isPcap(file)) return { ok: true, capture: readPcap(file) };
  if (isPcapng(file)) return { ok: true, capture: readPcapng(file) };
  return {
    ok: false,
    code: 'not-a-capture',
    message:
      'This is neither a pcap nor a pcapng file; compressed captures have to be unpacked first.',
  };
}
