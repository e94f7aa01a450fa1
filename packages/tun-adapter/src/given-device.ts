import { readFileSync } from 'node:fs';
import { IFF_NO_PI, IFF_TUN, IFF_VNET_HDR } from '@ipsec-kit/posix';
import { TunError } from './tun-error.ts';

/** Linux, include/uapi/asm-generic/fcntl.h: O_NONBLOCK. */
const NON_BLOCKING = 0o4000;

/** A TUN device that came as a descriptor. */
export interface GivenDevice {
  readonly name: string;
  readonly hasVnetHeader: boolean;
}

/** What the system tells of a descriptor, without a call that Node lacks.
 * @throws TunError, one sentence that says what to do, when it is none of a TUN device that delivers bare IP packets.
 */
export function givenDevice(fd: number): GivenDevice {
  const name = /^iff:\s*(\S+)$/m.exec(descriptorFacts(fd))?.[1];
  if (name === undefined) {
    throw new TunError('EINVAL', `descriptor ${fd} is not that of a TUN device: open /dev/net/tun`);
  }
  const path = `/sys/class/net/${name}/tun_flags`;
  const flags = Number(readFacts(path, `${path} cannot be read: mount the sysfs of this network`));
  if ((flags & IFF_TUN) === 0 || (flags & IFF_NO_PI) === 0) {
    throw new TunError(
      'EINVAL',
      `the device ${name} of descriptor ${fd} does not deliver bare IP packets: make it with IFF_TUN and IFF_NO_PI`,
    );
  }
  return { name, hasVnetHeader: (flags & IFF_VNET_HDR) !== 0 };
}

/** For a Node that cannot change it. @throws TunError when a read of the descriptor waits for a packet. */
export function refuseBlocking(fd: number): void {
  const opened = /^flags:\s*([0-7]+)$/m.exec(descriptorFacts(fd))?.[1] ?? '0';
  if ((Number.parseInt(opened, 8) & NON_BLOCKING) === 0) {
    throw new TunError(
      'EINVAL',
      `descriptor ${fd} blocks: set O_NONBLOCK before it is handed over`,
    );
  }
}

function descriptorFacts(fd: number): string {
  return readFacts(`/proc/self/fdinfo/${fd}`, `descriptor ${fd} is not open`);
}

function readFacts(path: string, sentence: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (cause) {
    throw new TunError('EBADF', sentence, { cause });
  }
}
