import { loadSystemCalls, type SystemCalls } from '@ipsec-kit/posix';
import { describe, expect, it } from 'vitest';
import { openBatchSocket, udpOffloadFault } from '../src/index.ts';
import { batchSocketsAreHere } from './batch-socket-gate.ts';

const UDP = 17;
const GRO = 104;

describe.runIf(batchSocketsAreHere())('udpOffloadFault', () => {
  const loaded = loadSystemCalls();
  const calls = (loaded as { calls: SystemCalls }).calls;

  it('finds nothing wrong with this kernel', () => {
    expect(udpOffloadFault(calls)).toBeUndefined();
  });

  it('finds datagrams that come in one piece without a word about it', () => {
    const { buffer } = new Uint8Array(4);
    const silent: SystemCalls = {
      ...calls,
      recvmmsg: (fd, table, count, flags) => {
        // Takes what would be coalesced for one datagram, as a kernel with other control data would have us do.
        const zero = new Uint8Array(buffer);
        calls.setsockopt(fd, UDP, GRO, calls.addressOf(zero), 4);
        return calls.recvmmsg(fd, table, Math.min(count, 1), flags);
      },
    };
    expect(udpOffloadFault(silent)).toContain('delivered 1 datagrams of 3');
  });

  it('finds traffic classes that do not come', () => {
    const deaf: SystemCalls = {
      ...calls,
      setsockopt: (fd, level, option, value, bytes) =>
        level === 0 && option === 13 ? 0 : calls.setsockopt(fd, level, option, value, bytes),
    };
    expect(udpOffloadFault(deaf)).toContain('traffic class');
  });

  it('has no opinion where there is no loopback interface to try', () => {
    const unreachable: SystemCalls = { ...calls, sendmmsg: () => -101 };
    expect(udpOffloadFault(unreachable)).toBeUndefined();
    expect(udpOffloadFault({ ...calls, bind: () => -99 })).toBeUndefined();
  });

  it('leaves no offloads to a socket that is opened without', () => {
    const bind = { address: { version: 4 as const, bytes: Uint8Array.of(127, 0, 0, 1) }, port: 0 };
    const opened = openBatchSocket(calls, { bind, offloads: false });
    expect(opened.ok && opened.socket.offloads).toEqual({ segment: false, coalesce: false });
    if (opened.ok) opened.socket.close();
  });
});
