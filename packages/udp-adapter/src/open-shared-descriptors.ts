import { rawMemory, SO_REUSEPORT, SOL_SOCKET, type SystemCalls } from '@ipsec-kit/posix';
import type { BatchSocketOptions } from './batch-socket.ts';
import { Refusal } from './batch-socket-setup.ts';
import { type BatchDescriptor, openBatchDescriptor } from './open-batch-socket.ts';
import { steerBySpi } from './steering-program.ts';
import { type UdpBindError, udpBindError } from './udp-bind-error.ts';

/** Descriptors that share one endpoint, all open, which the caller closes; or one sentence and a code say why not, and none is. */
export type SharedDescriptorsResult =
  | { readonly ok: true; readonly descriptors: readonly BatchDescriptor[] }
  | { readonly ok: false; readonly error: UdpBindError };

/** Opens sockets on one endpoint, one for each worker. The kernel gives ESP to the one whose index is its SPI modulo `count`, and what
 * begins with the non-ESP marker to the first. Another program does not get in: the first is bound as if it were alone, and who
 * comes later the same way finds the port in use.
 */
export function openSharedDescriptors(
  calls: SystemCalls,
  options: Omit<BatchSocketOptions, 'sharesPort'>,
  count: number,
): SharedDescriptorsResult {
  const descriptors: BatchDescriptor[] = [];
  try {
    for (let i = 0; i < count; i += 1) {
      const [first] = descriptors;
      const shared = first ? { bind: first.endpoint, sharesPort: true } : {};
      const opened = openBatchDescriptor(calls, { ...options, ...shared });
      if (!opened.ok) throw opened.error;
      descriptors.push(opened.descriptor);
      if (!first && count > 1) share(calls, opened.descriptor);
    }
    const last = descriptors.at(-1);
    if (last && count > 1) {
      const steered = steerBySpi(calls, last.fd, count);
      if (steered < 0) throw new Refusal('SO_ATTACH_REUSEPORT_CBPF', -steered);
    }
    return { ok: true, descriptors };
  } catch (error) {
    for (const { fd } of descriptors) calls.close(fd);
    return { ok: false, error: udpBindError(error, options.bind) };
  }
}

/** Lets others of this user bind to the endpoint of a socket that was bound alone. */
function share(calls: SystemCalls, { fd }: BatchDescriptor): void {
  const mapped = calls.mapMemory(4);
  const { words32, address } = rawMemory(mapped);
  words32[0] = 1;
  const result = calls.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, address, 4);
  mapped.release();
  if (result < 0) throw new Refusal('SO_REUSEPORT', -result);
}
