import type { PacketBatch } from '@ipsec-kit/ip';
import {
  type Posix,
  rawMemory,
  type SystemCalls,
  TUN_F_CSUM,
  TUN_F_TSO_ECN,
  TUN_F_TSO4,
  TUN_F_TSO6,
  TUN_F_USO4,
  TUN_F_USO6,
  TUNSETOFFLOAD,
  TUNSETVNETHDRSZ,
} from '@ipsec-kit/posix';
import type { TunCalls } from './file-calls.ts';
import { openTunDescriptors } from './open-tun-device.ts';
import { TunError } from './tun-error.ts';
import type { TunOffloads, TunQueue, TunQueueOptions } from './tun-queue.ts';
import {
  createTunReader,
  newTunCounters,
  type TunReader,
  type WritableTunCounters,
} from './tun-reader.ts';
import { createTunWriter, type TunWriter } from './tun-writer.ts';
import { VNET_HEADER_BYTES } from './vnet-header.ts';

const TCP = TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
const UDP = TUN_F_USO4 | TUN_F_USO6;
/** What is asked for, the most first: a kernel refuses what it does not know. */
const WISHES: readonly { readonly flags: number; readonly offloads: TunOffloads }[] = [
  { flags: TUN_F_CSUM | TCP | UDP, offloads: { checksum: true, tcp: true, udp: true } },
  { flags: TUN_F_CSUM | TCP, offloads: { checksum: true, tcp: true, udp: false } },
  { flags: 0, offloads: { checksum: false, tcp: false, udp: false } },
];

/** How many queues, and of what device. */
export interface TunQueuesOptions extends TunQueueOptions {
  /** One for each worker; default 1. The host keeps a flow on the queue that its packets came from. */
  readonly queues?: number;
  /** Default `/dev/net/tun`. */
  readonly devicePath?: string;
}

/** Makes a TUN device with offloads, and opens its queues. It is down and has no address: whoever configures it names it
 * by the name of a queue. It goes with its last queue.
 * @throws TunError, one sentence that says what to do.
 */
export function openTunQueues(
  posix: Posix,
  calls: SystemCalls,
  options: TunQueuesOptions,
): readonly TunQueue[] {
  const { name: wanted, queues = 1, devicePath = '/dev/net/tun' } = options;
  const { name, fds } = openTunDescriptors(posix, wanted, devicePath, queues);
  try {
    return fds.map((fd) => tunQueueOn(calls, fd, negotiate(calls, fd), { ...options, name }));
  } catch (error) {
    for (const fd of fds) calls.close(fd);
    throw error;
  }
}

/** Uses a descriptor of a TUN device that someone else made, in the thread of the caller; it is closed with the queue
 * unless `keepsOpen` is set.
 * @param fd - delivers whole IP packets and no packet information, does not block.
 * @param hasVnetHeader - whether it was made with IFF_VNET_HDR; the offloads are then set here.
 * @throws TunError when the device refuses.
 */
export function tunQueueFromFd(
  calls: SystemCalls,
  fd: number,
  hasVnetHeader: boolean,
  options: TunQueueOptions,
): TunQueue {
  return tunQueueOn(calls, fd, hasVnetHeader ? negotiate(calls, fd) : undefined, options);
}

function negotiate(calls: SystemCalls, fd: number): TunOffloads {
  const scratch = calls.mapMemory(8);
  try {
    rawMemory(scratch).words32[0] = VNET_HEADER_BYTES;
    const sized = calls.ioctl(fd, TUNSETVNETHDRSZ, scratch.address);
    const offloads = grantedOffloads((flags) => calls.ioctl(fd, TUNSETOFFLOAD, flags) >= 0);
    if (sized >= 0 && offloads) return offloads;
  } finally {
    scratch.release();
  }
  throw new TunError(
    'unsupported',
    'the TUN device takes no packets with a vnet header: open it without offloads',
  );
}

/** The most offloads that a device grants. @param ask - TUNSETOFFLOAD: whether the kernel knows all of these flags. */
export function grantedOffloads(ask: (flags: number) => boolean): TunOffloads | undefined {
  return WISHES.find(({ flags }) => ask(flags))?.offloads;
}

/** A queue on a descriptor whose offloads are settled, in the thread of the caller; without `offloads` packets have no
 * header in front.
 */
export function tunQueueOn(
  calls: TunCalls,
  fd: number,
  offloads: TunOffloads | undefined,
  options: TunQueueOptions,
  counters: WritableTunCounters = newTunCounters(),
): TunQueue {
  return new OpenTunQueue(calls, fd, offloads, options, counters);
}

class OpenTunQueue implements TunQueue {
  readonly fd: number;
  readonly name: string;
  readonly offloads: TunOffloads;
  readonly counters: WritableTunCounters;
  readonly packets: PacketBatch;
  readonly #reader: TunReader;
  readonly #writer: TunWriter;
  readonly #closeDescriptor: () => void;
  #isOpen = true;

  constructor(
    calls: TunCalls,
    fd: number,
    offloads: TunOffloads | undefined,
    options: TunQueueOptions,
    counters: WritableTunCounters,
  ) {
    this.fd = fd;
    this.name = options.name;
    this.offloads = offloads ?? { checksum: false, tcp: false, udp: false };
    this.counters = counters;
    this.#reader = createTunReader(calls, fd, offloads, options, counters);
    this.#writer = createTunWriter(calls, options.writeFd ?? fd, offloads, counters);
    this.packets = this.#reader.packets;
    this.#closeDescriptor = () => {
      if (options.keepsOpen !== true) calls.close(fd);
    };
  }

  get lastErrno(): number {
    return this.#reader.lastErrno || this.#writer.lastErrno;
  }

  read(): boolean {
    if (this.#isOpen) return this.#reader.read();
    this.packets.count = 0;
    return false;
  }

  write(batch: PacketBatch): number {
    if (this.#isOpen) return this.#writer.write(batch);
    this.counters.writeDrops += batch.count;
    return 0;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#closeDescriptor();
    this.#reader.release();
    this.#writer.release();
  }
}
