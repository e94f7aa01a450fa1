import { CMSGHDR, IOVEC, MMSGHDR } from './message-layout.ts';
import { errnoName } from './posix-error.ts';
import { type RawMemory, rawMemory, writePointer, writeVector } from './raw-memory.ts';
import { AF_UNIX, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM, SOL_SOCKET } from './socket-constants.ts';
import type { SystemCalls } from './system-calls.ts';

// Any control message that AF_UNIX knows would do; this one needs no rights and no second descriptor.
const SO_PASSCRED = 16;
const SCM_CREDENTIALS = 2;
const UCRED_BYTES = 12;

// Where things lie in the scratch memory.
const FDS = 0;
const OPTION = 8;
const VECTORS = 64;
const MESSAGES = 256;
const CONTROL = 512;
const CONTROL_BYTES = 64;
const TEXT = 1024;
const CAME = 2048;
const SLOT = 64;
const SCRATCH_BYTES = 4096;

/** Passes two datagrams of two pieces each through sendmmsg and recvmmsg, one with room for control data, and looks at
 * every field that the packet path uses.
 * @returns one sentence about the first thing that is not as expected; `undefined` when all is well.
 */
export function checkSystemCalls(calls: SystemCalls): string | undefined {
  const mapped = calls.mapMemory(SCRATCH_BYTES);
  try {
    const made = calls.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, mapped.address + FDS);
    if (made < 0) return failed('socketpair', made);
    const memory = rawMemory(mapped);
    const from = memory.words32[0] ?? -1;
    const to = memory.words32[1] ?? -1;
    try {
      return checkPair(calls, memory, from, to);
    } finally {
      calls.close(from);
      calls.close(to);
    }
  } finally {
    mapped.release();
  }
}

function checkPair(
  calls: SystemCalls,
  memory: RawMemory,
  from: number,
  to: number,
): string | undefined {
  const { address, bytes, words32 } = memory;
  words32[OPTION >> 2] = 1;
  const set = calls.setsockopt(to, SOL_SOCKET, SO_PASSCRED, address + OPTION, 4);
  if (set < 0) return failed('setsockopt', set);

  for (let i = 0; i < SLOT; i += 1) bytes[TEXT + i] = i;
  describeMessages(memory, TEXT, 0);
  const sent = calls.sendmmsg(from, address + MESSAGES, 2, 0);
  if (sent !== 2) return failed('sendmmsg', sent);

  describeMessages(memory, CAME, CONTROL_BYTES);
  const came = calls.recvmmsg(to, address + MESSAGES, 2, MSG_DONTWAIT);
  if (came !== 2) return failed('recvmmsg', came);
  for (let i = 0; i < SLOT; i += 1) {
    if (bytes[CAME + i] !== i) return 'recvmmsg did not deliver what sendmmsg had been given';
  }
  for (let i = 0; i < 2; i += 1) {
    const fault = messageFault(words32, i);
    if (fault) return fault;
  }
  return undefined;
}

/** Two messages of 32 bytes, each in pieces of 12 and 20. */
function describeMessages(memory: RawMemory, at: number, controlBytes: number): void {
  const { address, words32, bytes } = memory;
  bytes.fill(0, MESSAGES, MESSAGES + 2 * MMSGHDR.sizeBytes);
  for (let i = 0; i < 2; i += 1) {
    const message = MESSAGES + i * MMSGHDR.sizeBytes;
    const vectors = VECTORS + i * 2 * IOVEC.sizeBytes;
    writeVector(words32, vectors, address + at + i * 32, 12);
    writeVector(words32, vectors + IOVEC.sizeBytes, address + at + i * 32 + 12, 20);
    writePointer(words32, message + MMSGHDR.fields.vectors.offset, address + vectors);
    writePointer(words32, message + MMSGHDR.fields.vectorCount.offset, 2);
    if (controlBytes === 0) continue;
    const control = address + CONTROL + i * CONTROL_BYTES;
    writePointer(words32, message + MMSGHDR.fields.control.offset, control);
    writePointer(words32, message + MMSGHDR.fields.controlBytes.offset, controlBytes);
  }
}

function messageFault(words32: Int32Array, index: number): string | undefined {
  const message = MESSAGES + index * MMSGHDR.sizeBytes;
  const at = (offset: number): number => words32[offset >> 2] ?? -1;
  const length = at(message + MMSGHDR.fields.length.offset);
  if (length !== 32) return `recvmmsg reported ${length} bytes of a message of 32`;
  const control = CONTROL + index * CONTROL_BYTES;
  const controlLength = at(control + CMSGHDR.fields.length.offset);
  const level = at(control + CMSGHDR.fields.level.offset);
  const type = at(control + CMSGHDR.fields.type.offset);
  const pid = at(control + CMSGHDR.sizeBytes);
  const isExpected =
    controlLength === CMSGHDR.sizeBytes + UCRED_BYTES &&
    level === SOL_SOCKET &&
    type === SCM_CREDENTIALS &&
    pid === process.pid;
  return isExpected ? undefined : 'recvmmsg delivered control data in an unknown form';
}

function failed(call: string, result: number): string {
  const what = result < 0 ? errnoName(-result) : `${result} messages instead of 2`;
  return `${call} does not work on this machine (${what})`;
}
