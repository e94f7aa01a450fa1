import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkSystemCalls } from '../src/check-system-calls.ts';
import {
  AF_INET,
  loadSystemCalls,
  type MappedMemory,
  POLLIN,
  rawMemory,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_SOCKET,
  SOL_UDP,
  type SystemCalls,
  UDP_SEGMENT,
  writePointer,
  writeVector,
} from '../src/index.ts';
import type { Koffi } from '../src/libc.ts';
import { loadCalls } from '../src/load-system-calls.ts';

const realKoffi = (): Koffi => createRequire(import.meta.url)('koffi');

function linuxCalls(): SystemCalls {
  const loaded = loadSystemCalls();
  if (!loaded.ok) throw new Error(loaded.reason);
  return loaded.calls;
}

/** Whether the calls are to be had; one line says why not, and with IPSEC_KIT_REQUIRE_INTEROP=1 that is an error. */
function areHere(): boolean {
  const loaded = loadSystemCalls();
  if (loaded.ok) return true;
  if (process.env.IPSEC_KIT_REQUIRE_INTEROP === '1') throw new Error(loaded.reason);
  process.stderr.write(`skipped: system calls of the packet path: ${loaded.reason}\n`);
  return false;
}

describe('loadSystemCalls', () => {
  it('gives the same answer twice', () => {
    expect(loadSystemCalls()).toBe(loadSystemCalls());
  });

  it('explains that this is not Linux', () => {
    expect(loadCalls('darwin', 'arm64', realKoffi)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('this is darwin'),
    });
  });

  it('refuses a machine where a message lies differently', () => {
    const odd = (): Koffi => ({ ...realKoffi(), sizeof: () => 28 });
    expect(loadCalls('linux', 'x64', odd)).toEqual({
      ok: false,
      reason: 'struct iovec has 28 bytes on this machine, expected 16',
    });
  });

  it('says in one line that koffi is missing', () => {
    const missing = (): Koffi => {
      throw new Error('Cannot find module koffi\nstack');
    };
    expect(loadCalls('linux', 'x64', missing)).toEqual({
      ok: false,
      reason: expect.stringMatching(/^the package koffi.*Cannot find module koffi\)$/),
    });
  });
});

describe.runIf(areHere())('the calls of the packet path', () => {
  let calls: SystemCalls;
  let memory: MappedMemory;
  beforeAll(() => {
    calls = linuxCalls();
    memory = calls.mapMemory(8192);
  });

  it('finds that the running kernel takes and gives messages as declared', () => {
    expect(checkSystemCalls(calls)).toBeUndefined();
  });

  it.each([
    ['a call that sends nothing', { sendmmsg: () => 0 }, 'sendmmsg does not work'],
    [
      'a call that the system lacks',
      { recvmmsg: () => -38 },
      'recvmmsg does not work on this machine (ENOSYS)',
    ],
    ['a call that delivers nothing', { recvmmsg: () => 2 }, 'recvmmsg did not deliver'],
    ['no control data', { setsockopt: () => 0 }, 'control data'],
  ])('falls back after %s', (_, broken, reason) => {
    const odd: SystemCalls = { ...calls, ...broken };
    expect(checkSystemCalls(odd)).toContain(reason);
  });

  it('maps memory that begins at a page, is zero, and lies where it says', () => {
    const mapped = calls.mapMemory(100);
    expect(mapped.address % 4096).toBe(0);
    expect(mapped.bytes).toEqual(new Uint8Array(100));
    expect(calls.addressOf(mapped.bytes)).toBe(mapped.address);
  });

  it('forgets what was in released memory, and stays readable', () => {
    const mapped = calls.mapMemory(4096);
    mapped.bytes.fill(7);
    mapped.release();
    mapped.release();
    expect(mapped.bytes.every((byte) => byte === 0)).toBe(true);
  });

  it('takes memory that is there, where it lies', () => {
    const { buffer } = calls.mapMemory(8192).bytes;
    const made = new Uint8Array(buffer, 4096, 4096);
    const mapped = calls.mapMemory(4096, made);
    expect(mapped.bytes).toBe(made);
    expect(mapped.address).toBe(calls.addressOf(made));
    made.fill(7);
    mapped.release();
    expect(made.every((byte) => byte === 0)).toBe(true);
  });

  it.each([0, -1, 1.5, 2 ** 40])('refuses to map %d bytes', (sizeBytes) => {
    expect(() => calls.mapMemory(sizeBytes)).toThrow('"sizeBytes" expected');
  });

  it('returns a negated errno and never throws', () => {
    expect(calls.read(-1, memory.address, 8)).toBe(-9);
    expect(calls.close(-1)).toBe(-9);
    expect(calls.sendmmsg(-1, memory.address, 1, 0)).toBe(-9);
  });

  it('waits for an eventfd in the calling thread', () => {
    const { words32 } = rawMemory(memory);
    const fd = calls.eventfd(0, 0);
    words32[0] = fd;
    words32[1] = POLLIN;
    expect(calls.poll(memory.address, 1, 1)).toBe(0);
    memory.bytes.fill(0, 16, 24);
    memory.bytes[16] = 1;
    expect(calls.write(fd, memory.address + 16, 8)).toBe(8);
    expect(calls.poll(memory.address, 1, -1)).toBe(1);
    expect((words32[1] ?? 0) >>> 16).toBe(POLLIN);
    expect(calls.read(fd, memory.address + 24, 8)).toBe(8);
    expect(memory.bytes[24]).toBe(1);
    calls.close(fd);
  });

  it('writes and reads in pieces', () => {
    const { words32, bytes, address } = rawMemory(memory);
    expect(calls.socketpair(1, SOCK_DGRAM | SOCK_CLOEXEC, 0, address)).toBe(0);
    const [from = -1, to = -1] = words32;
    bytes.set([1, 2, 3, 4, 5], 512);
    writeVector(words32, 64, address + 514, 3);
    writeVector(words32, 80, address + 512, 2);
    expect(calls.writev(from, address + 64, 2)).toBe(5);
    writeVector(words32, 64, address + 1024, 4);
    writeVector(words32, 80, address + 1100, 60);
    expect(calls.readv(to, address + 64, 2)).toBe(5);
    expect([...bytes.subarray(1024, 1028)]).toEqual([3, 4, 5, 1]);
    expect(bytes[1100]).toBe(2);
    calls.close(from);
    calls.close(to);
  });

  it('sets and reads options of a socket', () => {
    const { words32, address } = rawMemory(memory);
    const fd = calls.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    words32[0] = 1400;
    expect(calls.setsockopt(fd, SOL_UDP, UDP_SEGMENT, address, 4)).toBe(0);
    words32[0] = 0;
    words32[1] = 4;
    expect(calls.getsockopt(fd, SOL_UDP, UDP_SEGMENT, address, address + 4)).toBe(0);
    expect(words32[0]).toBe(1400);
    expect(calls.setsockopt(fd, SOL_SOCKET, 9999, address, 4)).toBe(-92);
    calls.close(fd);
  });

  it('writes pointers of more than 32 bits', () => {
    const { words32, bytes } = rawMemory(memory);
    writePointer(words32, 8, 0x7f12_89ab_cdef);
    expect(new DataView(bytes.buffer).getBigUint64(8, true)).toBe(0x7f12_89ab_cdefn);
  });

  it('blocks a worker without blocking this thread', async () => {
    const { words32, address } = rawMemory(memory);
    const fd = calls.eventfd(0, 0);
    const worker = new Worker(
      `const { url } = require('node:worker_threads').workerData;
       import('tsx/esm/api').then(({ register }) => register()).then(() => import(url));`,
      {
        eval: true,
        workerData: { fd, url: new URL('./poll-worker.ts', import.meta.url).href },
      },
    );
    const said: unknown[] = [];
    const done = new Promise((resolve) => {
      worker.on('message', (message) => {
        said.push(message);
        if (message === 'blocking') {
          words32[0] = 1;
          words32[1] = 0;
          calls.write(fd, address, 8);
        } else resolve(message);
      });
      worker.on('error', resolve);
    });
    expect(await done).toBe(POLLIN);
    expect(said).toEqual(['blocking', POLLIN]);
    await worker.terminate();
    calls.close(fd);
  });
});
