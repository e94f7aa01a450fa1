import {
  IOVEC,
  type MappedMemory,
  MMSGHDR,
  type RawMemory,
  rawMemory,
  SOCKADDR_IN6,
  type SystemCalls,
  writePointer,
} from '@ipsec-kit/posix';

/** Bytes of socket address of each message, rounded up. */
const NAME_BYTES = 32;

/** Headers, addresses, pieces and control data of messages, in memory that the kernel reads. */
export interface MessageTable {
  readonly memory: RawMemory;
  /** Address of the first mmsghdr. */
  readonly messages: number;
  /** Offset of the mmsghdr of a message. */
  messageAt(index: number): number;
  nameAt(index: number): number;
  controlAt(index: number): number;
  /** Offset of an iovec; they are numbered through all messages. */
  vectorAt(index: number): number;
  /** Points a message to `count` iovecs from `first` on. */
  pointToVectors(message: number, first: number, count: number): void;
  /** Gives the memory back; not to be used afterwards. */
  release(): void;
}

/** Maps a table once. Every message points to its own address and control data. */
export function createMessageTable(
  calls: SystemCalls,
  messages: number,
  vectors: number,
  controlBytes: number,
): MessageTable {
  const nameBase = messages * MMSGHDR.sizeBytes;
  const controlBase = nameBase + messages * NAME_BYTES;
  const vectorBase = controlBase + messages * controlBytes;
  const mapped: MappedMemory = calls.mapMemory(vectorBase + vectors * IOVEC.sizeBytes);
  const memory = rawMemory(mapped);
  const { address, words32 } = memory;
  const { fields } = MMSGHDR;
  const table: MessageTable = {
    memory,
    messages: address,
    messageAt: (index) => index * MMSGHDR.sizeBytes,
    nameAt: (index) => nameBase + index * NAME_BYTES,
    controlAt: (index) => controlBase + index * controlBytes,
    vectorAt: (index) => vectorBase + index * IOVEC.sizeBytes,
    pointToVectors(message: number, first: number, count: number): void {
      const at = table.messageAt(message);
      writePointer(words32, at + fields.vectors.offset, address + table.vectorAt(first));
      words32[(at + fields.vectorCount.offset) >>> 2] = count;
    },
    release: () => mapped.release(),
  };
  for (let i = 0; i < messages; i += 1) {
    const at = table.messageAt(i);
    writePointer(words32, at + fields.name.offset, address + table.nameAt(i));
    words32[(at + fields.nameBytes.offset) >>> 2] = SOCKADDR_IN6.sizeBytes;
    writePointer(words32, at + fields.control.offset, address + table.controlAt(i));
    words32[(at + fields.controlBytes.offset) >>> 2] = controlBytes;
  }
  return table;
}
