import {
  type Endpoint,
  loopbackAddress,
  movePacketEntry,
  PACKED_PATH_BYTES,
  type PacketBatch,
  type Path,
  readPackedPath,
  readUint16,
} from '@ipsec-kit/ip';
import {
  classifyDatagram,
  type DatagramKind,
  NAT_KEEPALIVE_BYTE,
  NON_ESP_MARKER_BYTES,
} from '@ipsec-kit/nat-t';

const LOCAL_PORT_OFFSET = 16;
/** Keepalives of one batch whose paths are told. */
const MOST_KEEPALIVES = 16;

/** An IKE message out of a batch, in memory of its own. */
export interface IkeDatagram {
  readonly message: Uint8Array;
  readonly path: Path;
  /** Whether it came behind a non-ESP marker, which is gone. */
  readonly marker: boolean;
}

/** What was taken out of a batch. */
export interface TakenDatagrams {
  readonly ike: IkeDatagram[];
  /** Paths of NAT-keepalives, the first 16 of a batch: they say where a NAT maps whoever sent them, and nothing else. */
  readonly keepalives: Path[];
}

const SOMEBODY: Endpoint = { address: loopbackAddress(4), port: 0 };
const SOME_PATH: Path = { local: SOMEBODY, remote: SOMEBODY };

/** Room for what is taken: nothing at first. */
export function nothingTaken(): TakenDatagrams {
  // V8 takes an empty array for one of numbers until something else is put in, and code that was compiled for others is void then.
  const ike: IkeDatagram[] = [{ message: new Uint8Array(), path: SOME_PATH, marker: false }];
  const keepalives: Path[] = [SOME_PATH];
  ike.length = 0;
  keepalives.length = 0;
  return { ike, keepalives };
}

/** Takes everything out of a batch of UDP datagrams that is not ESP: IKE messages are copied to `taken`, NAT-keepalives are counted
 * and their paths noted, datagrams too short to be anything are counted. What stays is compacted, in its order.
 * @see RFC 3948 §2.2 (marker), §2.3 (keepalives are to be ignored, and are no sign of life)
 */
export function takeEsp(
  batch: PacketBatch,
  isMarkedPort: (localPort: number) => boolean,
  { ike, keepalives }: TakenDatagrams,
  counters: { keepalivesReceived: number; malformed: number },
): void {
  const { paths } = batch;
  let kept = 0;
  for (let i = 0; i < batch.count; i += 1) {
    const marker = isMarkedPort(readUint16(paths, i * PACKED_PATH_BYTES + LOCAL_PORT_OFFSET));
    switch (kindOf(batch, i, marker)) {
      case 'ike':
        ike.push(copyIke(batch, i, marker));
        break;
      case 'esp':
        movePacketEntry(batch, i, kept);
        kept += 1;
        break;
      case 'keepalive':
        counters.keepalivesReceived += 1;
        if (keepalives.length < MOST_KEEPALIVES) keepalives.push(readPackedPath(paths, i));
        break;
      case 'malformed':
        counters.malformed += 1;
        break;
    }
  }
  batch.count = kept;
}

function kindOf(batch: PacketBatch, index: number, marker: boolean): DatagramKind {
  const { memory } = batch;
  const offset = batch.offsets[index] ?? 0;
  const length = batch.lengths[index] ?? 0;
  if (marker) return classifyDatagram(memory, offset, length);
  return length === 1 && memory[offset] === NAT_KEEPALIVE_BYTE ? 'keepalive' : 'ike';
}

function copyIke(batch: PacketBatch, index: number, marker: boolean): IkeDatagram {
  const offset = batch.offsets[index] ?? 0;
  const begin = marker ? offset + NON_ESP_MARKER_BYTES : offset;
  const message = batch.memory.slice(begin, offset + (batch.lengths[index] ?? 0));
  return { message, path: readPackedPath(batch.paths, index), marker };
}
