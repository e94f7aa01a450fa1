import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPacketBatch } from '@ipsec-kit/ip';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTun, tunFromFd } from '../src/index.ts';

vi.mock('@ipsec-kit/posix', async (importOriginal) => ({
  ...(await importOriginal<typeof import('@ipsec-kit/posix')>()),
  loadPosix: () => ({ ok: false, reason: 'this Node has no FFI' }),
}));

describe.runIf(process.platform === 'linux')('where Node has no FFI', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ipsec-kit-'));
    execFileSync('mkfifo', [join(directory, 'fifo')]);
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('no device can be made, and the sentence says how one comes in', async () => {
    await expect(createTun()).rejects.toThrow(
      'this Node has no FFI, or hand over the descriptor of an open TUN device',
    );
  });

  it('a descriptor that does not block is read and written all the same', async () => {
    const path = join(directory, 'fifo');
    const tun = tunFromFd(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
    const batch = createPacketBatch({ capacity: 1, slotBytes: 2048, headroom: 16 });
    batch.memory.fill(7, 16, 916);
    batch.offsets[0] = 16;
    batch.lengths[0] = 900;
    for (let round = 1; round <= 3; round += 1) {
      // Longer than a turn of the event loop: what comes back finds it waiting.
      await new Promise((resolve) => setTimeout(resolve, 3));
      const came = new Promise<Uint8Array>((resolve) => {
        tun.onPackets(({ memory, offsets: [at = 0], lengths: [length = 0] }) =>
          resolve(memory.slice(at, at + length)),
        );
      });
      batch.count = 1;
      expect(tun.write(batch)).toBe(1);
      expect(await came).toEqual(new Uint8Array(900).fill(7));
    }
    await tun.close();
    expect(tun.counters).toEqual({ read: 3, readDrops: 0, written: 3, writeDrops: 0 });
  });

  it('one that blocks would stop everything, and is refused', () => {
    const fd = openSync(join(directory, 'fifo'), constants.O_RDWR);
    expect(() => tunFromFd(fd)).toThrow('set O_NONBLOCK');
    closeSync(fd);
  });
});
