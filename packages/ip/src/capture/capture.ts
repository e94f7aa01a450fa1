/** One packet of a capture file. */
export interface CapturedPacket {
  /** Nanoseconds since 1970; 0 where the file has none. */
  readonly timestampNs: bigint;
  /** `LinkType.*`; unknown numbers are kept. */
  readonly linkType: number;
  /** What was captured, a view into the file; shorter than `originalLength` when cut off. */
  readonly data: Uint8Array;
  readonly originalLength: number;
}

/** Why reading stopped before the end of the file. */
export interface CaptureFault {
  readonly code: 'truncated' | 'malformed';
  /** Of the block or record that could not be read, in bytes. */
  readonly offset: number;
  readonly message: string;
}

/** A capture, or as much of it as could be read. */
export interface Capture {
  readonly packets: readonly CapturedPacket[];
  readonly fault?: CaptureFault;
}

/** A capture, or why the file is none. */
export type CaptureResult =
  | { readonly ok: true; readonly capture: Capture }
  | { readonly ok: false; readonly code: 'not-a-capture'; readonly message: string };
