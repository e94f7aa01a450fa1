import type { Endpoint, PacketBatch } from '@ipsec-kit/ip';
import {
  AF_INET,
  AF_INET6,
  IP_PMTUDISC_PROBE,
  rawMemory,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCKADDR_IN,
  SOCKADDR_IN6,
  type SystemCalls,
} from '@ipsec-kit/posix';
import { type BatchReceiver, createBatchReceiver } from './batch-receiver.ts';
import { type BatchSender, createBatchSender } from './batch-sender.ts';
import type {
  BatchSocket,
  BatchSocketCounters,
  BatchSocketOptions,
  BatchSocketResult,
  RefusedPacket,
  TooBig,
} from './batch-socket.ts';
import {
  askForErrors,
  discoveryOption,
  optionSetter,
  prepareSocket,
  Refusal,
} from './batch-socket-setup.ts';
import { createErrorQueue, type ErrorQueue } from './error-queue.ts';
import { type UdpBindError, udpBindError } from './udp-bind-error.ts';

const SCRATCH_BYTES = 64;

/** A bound socket that any thread may make a {@link BatchSocket} of. */
export interface BatchDescriptor {
  readonly fd: number;
  /** Where it is bound, with the port that it was given. */
  readonly endpoint: Endpoint;
  readonly offloads: { readonly segment: boolean; readonly coalesce: boolean };
  /** Whether the system queues what went wrong with datagrams that were sent. */
  readonly reportsTooBig: boolean;
}

/** A descriptor, which the caller closes, or one sentence and a code say why not. */
export type BatchDescriptorResult =
  | { readonly ok: true; readonly descriptor: BatchDescriptor }
  | { readonly ok: false; readonly error: UdpBindError };

/** Opens a socket for batches. Segmentation offloads are used where the kernel has them; the local address of each
 * datagram is asked for, and without it nothing is opened.
 */
export function openBatchSocket(
  calls: SystemCalls,
  options: BatchSocketOptions,
): BatchSocketResult {
  const opened = openBatchDescriptor(calls, options);
  if (!opened.ok) return opened;
  try {
    return { ok: true, socket: batchSocketOn(calls, opened.descriptor) };
  } catch (error) {
    calls.close(opened.descriptor.fd);
    return { ok: false, error: udpBindError(error, options.bind) };
  }
}

/** The same, but nothing reads or writes yet: for a thread that opens sockets for another one, where
 * {@link batchSocketOn} makes use of them.
 */
export function openBatchDescriptor(
  calls: SystemCalls,
  options: BatchSocketOptions,
): BatchDescriptorResult {
  const { bind } = options;
  const domain = bind.address.version === 4 ? AF_INET : AF_INET6;
  const mapped = calls.mapMemory(SCRATCH_BYTES);
  const fd = calls.socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  try {
    if (fd < 0) throw new Refusal('socket', -fd);
    const set = optionSetter(calls, fd, mapped);
    const offloads = prepareSocket(set, options);
    const reportsTooBig = options.reportsTooBig === true && askForErrors(set, bind);
    const endpoint = bindTo(calls, fd, mapped, bind);
    return { ok: true, descriptor: { fd, endpoint, offloads, reportsTooBig } };
  } catch (error) {
    if (fd >= 0) calls.close(fd);
    return { ok: false, error: udpBindError(error, bind) };
  } finally {
    mapped.release();
  }
}

function bindTo(
  calls: SystemCalls,
  fd: number,
  scratch: Parameters<typeof rawMemory>[0],
  endpoint: Endpoint,
): Endpoint {
  const { bytes, words16, words32, address } = rawMemory(scratch);
  const { version } = endpoint.address;
  const shape = version === 4 ? SOCKADDR_IN : SOCKADDR_IN6;
  bytes.fill(0);
  words16[0] = version === 4 ? AF_INET : AF_INET6;
  bytes[2] = endpoint.port >>> 8;
  bytes[3] = endpoint.port;
  bytes.set(endpoint.address.bytes, shape.fields.address.offset);
  const bound = calls.bind(fd, address, shape.sizeBytes);
  if (bound < 0) throw new Refusal('bind', -bound);
  const lengthAt = SCRATCH_BYTES - 8;
  words32[lengthAt >>> 2] = shape.sizeBytes;
  const named = calls.getsockname(fd, address, address + lengthAt);
  if (named < 0) throw new Refusal('getsockname', -named);
  return { address: endpoint.address, port: ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0) };
}

/** Reads and writes a bound socket in the thread of the caller; one thread at a time. It is closed with the result. */
export function batchSocketOn(calls: SystemCalls, descriptor: BatchDescriptor): BatchSocket {
  return new OpenBatchSocket(calls, descriptor);
}

class OpenBatchSocket implements BatchSocket {
  readonly fd: number;
  readonly endpoint: Endpoint;
  readonly counters: BatchSocketCounters = { received: 0, receiveDrops: 0, sent: 0, refused: 0 };
  readonly #coalesces: boolean;
  readonly #receiver: BatchReceiver;
  readonly #sender: BatchSender;
  readonly #errors: ErrorQueue | undefined;
  readonly #withDontFragment: (send: () => void) => void;
  readonly #close: () => void;
  #isOpen = true;

  constructor(calls: SystemCalls, descriptor: BatchDescriptor) {
    const { fd, endpoint, offloads, reportsTooBig } = descriptor;
    const { version } = endpoint.address;
    const { counters } = this;
    this.fd = fd;
    this.endpoint = endpoint;
    this.#coalesces = offloads.coalesce;
    this.#receiver = createBatchReceiver(calls, fd, endpoint.port, counters);
    this.#sender = createBatchSender(calls, fd, version, offloads.segment, counters, reportsTooBig);
    this.#errors = reportsTooBig ? createErrorQueue(calls, fd) : undefined;
    const scratch = calls.mapMemory(SCRATCH_BYTES);
    this.#withDontFragment = dontFragmentIn(calls, fd, version, scratch);
    this.#close = () => {
      calls.close(fd);
      scratch.release();
    };
  }

  get offloads(): { segment: boolean; coalesce: boolean } {
    return { segment: this.#sender.segments(), coalesce: this.#coalesces };
  }

  get lastErrno(): number {
    return this.#sender.lastErrno;
  }

  takeRefused(): RefusedPacket | undefined {
    return this.#sender.takeRefused();
  }

  receive(into: PacketBatch, enough?: number): boolean {
    if (this.#isOpen) return this.#receiver.receive(into, enough);
    into.count = 0;
    return false;
  }

  send(batch: PacketBatch, from: number, to: number): number {
    if (this.#isOpen) return this.#sender.send(batch, from, to);
    this.counters.refused += to - from;
    return to - from;
  }

  sendWhole(batch: PacketBatch, index: number): boolean {
    if (!this.#isOpen) return false;
    const sentBefore = this.counters.sent;
    this.#withDontFragment(() => this.#sender.send(batch, index, index + 1));
    return this.counters.sent > sentBefore;
  }

  takeTooBig(): readonly TooBig[] {
    return (this.#isOpen ? this.#errors?.take() : undefined) ?? [];
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#close();
    this.#receiver.release();
    this.#sender.release();
    this.#errors?.release();
  }
}

/** Lets something be sent with the DF bit; the socket does afterwards as it did before. */
function dontFragmentIn(
  calls: SystemCalls,
  fd: number,
  version: 4 | 6,
  scratch: Parameters<typeof rawMemory>[0],
): (send: () => void) => void {
  const { words32, address } = rawMemory(scratch);
  const [level, option] = discoveryOption(version);
  const set = optionSetter(calls, fd, scratch);
  const lengthAt = 8;
  return (send) => {
    words32[lengthAt >>> 2] = 4;
    const known = calls.getsockopt(fd, level, option, address, address + lengthAt);
    const before = words32[0] ?? IP_PMTUDISC_PROBE;
    set(level, option, IP_PMTUDISC_PROBE);
    send();
    if (known === 0) set(level, option, before);
  };
}
