import {
  createPacketBatch,
  type Endpoint,
  loopbackAddress,
  packetAt,
  packetBatchIn,
  writePackedPath,
} from '@ipsec-kit/ip';
import { loadSystemCalls, SO_ATTACH_REUSEPORT_CBPF, type SystemCalls } from '@ipsec-kit/posix';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type BatchSocket,
  batchSocketOn,
  openBatchDescriptor,
  openBatchSocket,
  openSharedDescriptors,
  receiveBatchShape,
  sharedPortFault,
} from '../src/index.ts';
import { steeringProgram } from '../src/steering-program.ts';
import { batchSocketsAreHere } from './batch-socket-gate.ts';

/** Classic BPF as far as the program goes: loads of what is not there end it with 0. */
function chosenBy(count: number, datagram: Uint8Array): number {
  let a = 0;
  for (const { code, k } of steeringProgram(count)) {
    if (code === 0x20) {
      if (datagram.length < k + 4) return 0;
      a = new DataView(datagram.buffer).getUint32(k);
    } else if (code === 0x94) a %= k;
    else if (code === 0x16) return a;
    else throw new Error(`no instruction ${code}`);
  }
  throw new Error('the program has no end');
}

describe('the program that chooses a socket', () => {
  it('takes the remainder of the SPI, and the first socket for IKE and keepalives (RFC 3948 §2.2, §2.3)', () => {
    const datagram = fc.uint8Array({ minLength: 4, maxLength: 12 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 }), datagram, (count, bytes) => {
        const spi = new DataView(Uint8Array.from(bytes).buffer).getUint32(0);
        expect(chosenBy(count, Uint8Array.from(bytes))).toBe(spi % count);
      }),
    );
    expect(chosenBy(7, Uint8Array.of(0, 0, 0, 0, 9, 9, 9, 9))).toBe(0);
    expect(chosenBy(7, Uint8Array.of(0xff))).toBe(0);
  });
});

describe.runIf(batchSocketsAreHere())('sockets that share a port', () => {
  const calls = (loadSystemCalls() as { calls: SystemCalls }).calls;
  const open: BatchSocket[] = [];
  afterEach(() => {
    for (const socket of open.splice(0)) socket.close();
  });

  function shared(count: number, bind: Endpoint): BatchSocket[] {
    const opened = openSharedDescriptors(calls, { bind }, count);
    if (!opened.ok) throw opened.error;
    const sockets = opened.descriptors.map((descriptor) => batchSocketOn(calls, descriptor));
    open.push(...sockets);
    return sockets;
  }

  function firstWords(socket: BatchSocket): number[] {
    const shape = receiveBatchShape(16);
    const batch = packetBatchIn(new Uint8Array(shape.capacity * shape.slotBytes), shape);
    const words: number[] = [];
    do {
      batch.count = 0;
      socket.receive(batch);
      for (let i = 0; i < batch.count; i += 1) {
        words.push(new DataView(Uint8Array.from(packetAt(batch, i)).buffer).getUint32(0));
      }
    } while (batch.count > 0);
    return words;
  }

  for (const version of [4, 6] as const) {
    it(`get what their SPIs say, each in its order, over IPv${version}`, () => {
      const bind = { address: loopbackAddress(version), port: 0 };
      const sockets = shared(3, bind);
      const [first] = sockets;
      const sender = openBatchSocket(calls, { bind });
      if (!sender.ok || !first) throw new Error('there are no sockets');
      open.push(sender.socket);
      const words = Array.from({ length: 90 }, (_, i) => (i * 2_654_435_761) >>> 0);
      const batch = createPacketBatch({ capacity: words.length, slotBytes: 8, headroom: 0 });
      for (const [i, word] of words.entries()) {
        new DataView(batch.memory.buffer).setUint32(i * 8, word);
        batch.offsets[i] = i * 8;
        // No two of one length, so that each leaves by itself.
        batch.lengths[i] = 4 + (i % 5);
        writePackedPath(batch.paths, i, {
          local: sender.socket.endpoint,
          remote: first.endpoint,
        });
      }
      batch.count = words.length;
      for (let i = 0; i < words.length; i += 1) sender.socket.send(batch, i, i + 1);
      for (const [index, socket] of sockets.entries()) {
        expect(firstWords(socket)).toEqual(words.filter((word) => word % 3 === index));
        expect(socket.endpoint).toEqual(first.endpoint);
      }
    });
  }

  it('let nobody else in who comes as they came', () => {
    const [first] = shared(2, { address: loopbackAddress(4), port: 0 });
    if (!first) throw new Error('there are no sockets');
    expect(openSharedDescriptors(calls, { bind: first.endpoint }, 2)).toMatchObject({
      ok: false,
      error: { code: 'EADDRINUSE' },
    });
  });

  it('are all closed when one of them cannot be had', () => {
    const bind = { address: loopbackAddress(4), port: 0 };
    let bound = 0;
    const refusing: SystemCalls = {
      ...calls,
      setsockopt: (fd, level, option, value, bytes) =>
        option === SO_ATTACH_REUSEPORT_CBPF
          ? -1
          : calls.setsockopt(fd, level, option, value, bytes),
      bind: (fd, name, bytes) => {
        bound += 1;
        return calls.bind(fd, name, bytes);
      },
    };
    const opened = openSharedDescriptors(refusing, { bind }, 3);
    expect(opened).toMatchObject({ ok: false, error: { code: 'EPERM' } });
    expect(bound).toBe(3);
    const alone = openBatchDescriptor(calls, { bind });
    if (!alone.ok) throw alone.error;
    calls.close(alone.descriptor.fd);
    expect(openSharedDescriptors(refusing, { bind: alone.descriptor.endpoint }, 2).ok).toBe(false);
    const again = openBatchDescriptor(calls, { bind: alone.descriptor.endpoint });
    expect(again.ok).toBe(true);
    if (again.ok) calls.close(again.descriptor.fd);
  });

  it('are found to be as they should by this kernel, and one that gives another the datagrams is found out', () => {
    expect(sharedPortFault(calls)).toBeUndefined();
    const without = (option: number, result: number): SystemCalls => ({
      ...calls,
      setsockopt: (fd, level, wanted, value, bytes) =>
        wanted === option ? result : calls.setsockopt(fd, level, wanted, value, bytes),
    });
    expect(sharedPortFault(without(SO_ATTACH_REUSEPORT_CBPF, -92))).toBe(
      'the kernel has no sockets that share a port by SPI (ENOPROTOOPT)',
    );
    expect(sharedPortFault(without(SO_ATTACH_REUSEPORT_CBPF, 0))).toMatch(
      /^the kernel gave socket \d of a shared port \d datagrams, and not the \d that are its own$/,
    );
    expect(sharedPortFault({ ...calls, bind: () => -99 })).toBeUndefined();
  });
});
