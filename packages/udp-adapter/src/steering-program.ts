import {
  rawMemory,
  SO_ATTACH_REUSEPORT_CBPF,
  SOL_SOCKET,
  type SystemCalls,
  writePointer,
} from '@ipsec-kit/posix';

/** One instruction of classic BPF. @see Linux, include/uapi/linux/filter.h, sock_filter */
export interface BpfInstruction {
  readonly code: number;
  readonly k: number;
}

const LD_W_ABS = 0x20;
const ALU_MOD_K = 0x94;
const RET_A = 0x16;
const INSTRUCTION_BYTES = 8;
/** A `sock_fprog`: how many instructions, and where they are. */
const PROGRAM_BYTES = 16;

/** Chooses one of `count` sockets by the first four bytes of a datagram, which are the SPI of ESP: the remainder of its division.
 * Zeros, the non-ESP marker of IKE, choose the first; so does a datagram of fewer bytes, at which the program ends with 0.
 * @see RFC 3948 §2.1, §2.2
 */
export function steeringProgram(count: number): readonly BpfInstruction[] {
  return [
    { code: LD_W_ABS, k: 0 },
    { code: ALU_MOD_K, k: count },
    { code: RET_A, k: 0 },
  ];
}

/** Has the sockets that share the port of `fd` chosen by {@link steeringProgram}, in the order in which they were bound.
 * @returns 0, or a negated errno.
 */
export function steerBySpi(calls: SystemCalls, fd: number, count: number): number {
  const program = steeringProgram(count);
  const mapped = calls.mapMemory(PROGRAM_BYTES + program.length * INSTRUCTION_BYTES);
  const { words16, words32, address } = rawMemory(mapped);
  for (const [i, { code, k }] of program.entries()) {
    const at = PROGRAM_BYTES + i * INSTRUCTION_BYTES;
    words16[at >>> 1] = code;
    words32[(at + 4) >>> 2] = k;
  }
  words16[0] = program.length;
  writePointer(words32, 8, address + PROGRAM_BYTES);
  const result = calls.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, address, PROGRAM_BYTES);
  mapped.release();
  return result;
}
