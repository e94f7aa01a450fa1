import type { Endpoint } from '@ipsec-kit/ip';
import {
  errnoName,
  IP_MTU_DISCOVER,
  IP_PKTINFO,
  IP_PMTUDISC_DONT,
  IP_PMTUDISC_PROBE,
  IP_RECVERR,
  IP_RECVTOS,
  IPV6_MTU_DISCOVER,
  IPV6_RECVERR,
  IPV6_RECVPKTINFO,
  IPV6_RECVTCLASS,
  IPV6_V6ONLY,
  rawMemory,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEPORT,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_UDP,
  type SystemCalls,
  UDP_GRO,
  UDP_SEGMENT,
} from '@ipsec-kit/posix';
import type { BatchSocketOptions } from './batch-socket.ts';
import { DEFAULT_SOCKET_BUFFER_BYTES } from './udp-adapter.ts';

/** A call that the system refused while a socket was made. */
export class Refusal extends Error {
  readonly code: string;

  constructor(call: string, errno: number) {
    super(`${call}: ${errnoName(errno)}`);
    this.code = errnoName(errno);
  }
}

/** Sets an option of a socket. @returns 0, or the negated errno. */
export type SetOption = (level: number, option: number, value: number) => number;

/** @param scratch - memory for one value. */
export function optionSetter(
  calls: SystemCalls,
  fd: number,
  scratch: Parameters<typeof rawMemory>[0],
): SetOption {
  const { words32, address } = rawMemory(scratch);
  return (level, option, value) => {
    words32[0] = value;
    return calls.setsockopt(fd, level, option, address, 4);
  };
}

/** Sets what has to be set before the socket is bound. @returns the offloads that the kernel has. */
export function prepareSocket(
  set: SetOption,
  options: BatchSocketOptions,
): { segment: boolean; coalesce: boolean } {
  const { bufferBytes = DEFAULT_SOCKET_BUFFER_BYTES, sharesPort = false, dontFragment } = options;
  const isIpv4 = options.bind.address.version === 4;
  const required = (call: string, result: number): void => {
    if (result < 0) throw new Refusal(call, -result);
  };
  if (isIpv4) {
    required('IP_PKTINFO', set(SOL_IP, IP_PKTINFO, 1));
    set(SOL_IP, IP_RECVTOS, 1);
  } else {
    required('IPV6_V6ONLY', set(SOL_IPV6, IPV6_V6ONLY, 1));
    required('IPV6_RECVPKTINFO', set(SOL_IPV6, IPV6_RECVPKTINFO, 1));
    set(SOL_IPV6, IPV6_RECVTCLASS, 1);
  }
  if (sharesPort) required('SO_REUSEPORT', set(SOL_SOCKET, SO_REUSEPORT, 1));
  if (dontFragment !== undefined) {
    const mode = dontFragment ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT;
    const [level, option] = discoveryOption(isIpv4 ? 4 : 6);
    required('IP_MTU_DISCOVER', set(level, option, mode));
  }
  // The system caps what is asked for without privileges; a refusal costs throughput only.
  if (set(SOL_SOCKET, SO_RCVBUFFORCE, bufferBytes) < 0) set(SOL_SOCKET, SO_RCVBUF, bufferBytes);
  if (set(SOL_SOCKET, SO_SNDBUFFORCE, bufferBytes) < 0) set(SOL_SOCKET, SO_SNDBUF, bufferBytes);
  if (options.offloads === false) return { segment: false, coalesce: false };
  return {
    // 0 is "no segmentation unless a message asks for it": a kernel that knows the option takes it.
    segment: set(SOL_UDP, UDP_SEGMENT, 0) === 0,
    coalesce: set(SOL_UDP, UDP_GRO, 1) === 0,
  };
}

/** The option that says who sets the DF bit. */
export function discoveryOption(version: 4 | 6): readonly [level: number, option: number] {
  return version === 4 ? [SOL_IP, IP_MTU_DISCOVER] : [SOL_IPV6, IPV6_MTU_DISCOVER];
}

/** @returns whether the system tells of errors: without that a path is probed all the same, and slower. */
export function askForErrors(set: SetOption, { address }: Endpoint): boolean {
  if (address.version === 4) return set(SOL_IP, IP_RECVERR, 1) === 0;
  return set(SOL_IPV6, IPV6_RECVERR, 1) === 0;
}
