import { constants as osConstants } from 'node:os';
import {
  errnoName,
  loadPosix,
  loadSystemCalls,
  type Posix,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  type SystemCalls,
} from '@ipsec-kit/posix';
import { sharedPoller } from './descriptor-poller.ts';
import {
  decodeNetlink,
  dumpRequest,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './netlink-message.ts';
import type { NetworkSource, NetworkSourceResult } from './network-source.ts';
import {
  decodeRouteRecord,
  type RouteRecordKind,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETNEIGH,
  RTM_GETROUTE,
} from './route-message.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
/** RTMGRP_LINK, and addresses and routes of both families. @see Linux, include/uapi/linux/rtnetlink.h */
const GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/** The kernel fills at most 32 KiB for each read of a dump. */
const BUFFER_BYTES = 64 * 1024;
/** Reads of one dump: 256 MiB of interfaces are nobody's. */
const MOST_READS = 4_096;
/** Dumps of a network that changes meanwhile. */
const MOST_TRIES = 3;

/** Opens rtnetlink; needs no rights. @returns one sentence why not where there are no system calls to be had. */
export function netlinkSource(): NetworkSourceResult {
  const loaded = loadPosix();
  if (!loaded.ok) return loaded;
  const system = loadSystemCalls();
  if (!system.ok) return system;
  return { ok: true, source: new NetlinkSource(loaded.posix, system.calls) };
}

class NetlinkSource implements NetworkSource {
  readonly name = 'netlink';
  readonly #posix: Posix;
  readonly #calls: SystemCalls;
  readonly #memory = new Uint8Array(BUFFER_BYTES);
  #sequence = 0;

  constructor(posix: Posix, calls: SystemCalls) {
    this.#posix = posix;
    this.#calls = calls;
  }

  async read(): Promise<readonly RouteRecordKind[]> {
    const fd = this.#open(0);
    try {
      return [RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH].flatMap((type) =>
        this.#dump(fd, type),
      );
    } finally {
      this.#posix.close(fd);
    }
  }

  watch(onChange: () => void, onEnd: (reason: string) => void): () => void {
    const fd = this.#open(GROUPS);
    const poller = sharedPoller(this.#posix);
    const onReadable = (): void => {
      const reason = this.#drain(fd);
      if (reason === undefined) onChange();
      else {
        stop();
        onEnd(reason);
      }
    };
    let isOpen = true;
    let stopWatch: () => void;
    try {
      stopWatch = poller.watch(fd, onReadable);
    } catch (error) {
      this.#posix.close(fd);
      throw error;
    }
    const stop = (): void => {
      if (!isOpen) return;
      isOpen = false;
      stopWatch();
      this.#posix.close(fd);
    };
    return stop;
  }

  #open(groups: number): number {
    const fd = this.#calls.socket(
      AF_NETLINK,
      SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
      NETLINK_ROUTE,
    );
    if (fd < 0) throw new Error(`a netlink socket cannot be opened (${errnoName(-fd)})`);
    // sockaddr_nl: family, padding, port (0: the kernel chooses), groups.
    const name = new Uint8Array(12);
    const view = new DataView(name.buffer);
    view.setUint16(0, AF_NETLINK, true);
    view.setUint32(8, groups, true);
    const bound = this.#calls.bind(fd, this.#calls.addressOf(name), name.length);
    if (bound < 0) {
      this.#posix.close(fd);
      throw new Error(`a netlink socket cannot be bound (${errnoName(-bound)})`);
    }
    return fd;
  }

  #dump(fd: number, type: number): readonly RouteRecordKind[] {
    for (let tries = 1; ; tries += 1) {
      const { records, isTorn } = this.#dumpOnce(fd, type);
      // A network that never rests: what there is, is good enough, as the next change leads to another look.
      if (!isTorn || tries === MOST_TRIES) return records;
    }
  }

  /** The kernel writes a dump while it is being read, so nothing is waited for.
   * @throws Error when the dump has no end: half a network must not be taken for the whole.
   */
  #dumpOnce(
    fd: number,
    type: number,
  ): { readonly records: readonly RouteRecordKind[]; readonly isTorn: boolean } {
    this.#sequence = (this.#sequence + 1) >>> 0;
    const request = dumpRequest(type, this.#sequence);
    const written = this.#posix.write(fd, request, 0, request.length);
    if (written < 0) throw new Error(`netlink refused a request (${errnoName(-written)})`);
    const records: RouteRecordKind[] = [];
    let isTorn = false;
    for (let reads = 0; reads < MOST_READS; reads += 1) {
      const length = this.#posix.read(fd, this.#memory, 0, this.#memory.length);
      if (length <= 0) break;
      const { messages, isWhole } = decodeNetlink(this.#memory.subarray(0, length));
      isTorn ||= !isWhole;
      for (const message of messages) {
        if (message.sequence !== this.#sequence) continue;
        isTorn ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        if (message.type === NLMSG_DONE) return { records, isTorn };
        if (message.type === NLMSG_ERROR) throw new Error('netlink refused a dump');
        const record = decodeRouteRecord(message);
        if (record !== undefined) records.push(record);
      }
    }
    throw new Error('a dump of netlink had no end');
  }

  /** Reads away what tells of changes: what they are is seen in a dump, so a lost one is no loss. */
  #drain(fd: number): string | undefined {
    for (let reads = 0; reads < MOST_READS; reads += 1) {
      const length = this.#calls.read(fd, this.#calls.addressOf(this.#memory), BUFFER_BYTES);
      if (length > 0 || length === -osConstants.errno.ENOBUFS) continue;
      if (length === -osConstants.errno.EINTR) continue;
      if (length === -osConstants.errno.EAGAIN) return undefined;
      return length === 0 ? 'netlink has ended' : `netlink has failed (${errnoName(-length)})`;
    }
    return undefined;
  }
}
