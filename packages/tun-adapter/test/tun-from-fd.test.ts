import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPacketBatch, type PacketBatch } from '@ipsec-kit/ip';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TunAdapter, tunFromFd } from '../src/index.ts';
import { settings } from './settings-fixture.ts';

/** One packet after the other: a FIFO, which stands for a device here, keeps no boundaries. */
function batchOf(packet: Uint8Array): PacketBatch {
  const batch = createPacketBatch({ capacity: 1, slotBytes: 2048, headroom: 16 });
  batch.memory.set(packet, 16);
  batch.offsets[0] = 16;
  batch.lengths[0] = packet.length;
  batch.count = 1;
  return batch;
}

describe.runIf(process.platform === 'linux')('tunFromFd', () => {
  let directory: string;
  let fd: number;
  let tun: TunAdapter;

  /** Writes a packet, which comes back out of the FIFO. */
  function roundTrip(packet: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve) => {
      tun.onPackets(({ memory, offsets, lengths }) => {
        const offset = offsets[0] ?? 0;
        resolve(memory.slice(offset, offset + (lengths[0] ?? 0)));
      });
      tun.write(batchOf(packet));
    });
  }

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ipsec-kit-'));
    const path = join(directory, 'fifo');
    execFileSync('mkfifo', [path]);
    fd = openSync(path, constants.O_RDWR);
  });
  afterEach(async () => {
    await tun.close();
    rmSync(directory, { recursive: true });
  });

  it('writes and reads packets, also after waiting for one', async () => {
    tun = tunFromFd(fd);
    for (let i = 1; i <= 5; i += 1) {
      const packet = new Uint8Array(100 * i).fill(i);
      expect(await roundTrip(packet)).toEqual(packet);
    }
    expect(tun.counters).toEqual({ read: 5, readDrops: 0, written: 5, writeDrops: 0 });
  });

  it('leaves headroom and room for the largest packet that was announced', async () => {
    tun = tunFromFd(fd, { headroomBytes: 32, mtu: 600 });
    await tun.configure(settings({ mtu: 1400 }));
    expect(await roundTrip(new Uint8Array(1400).fill(3))).toHaveLength(1400);
  });

  it('applies and undoes settings through its maker', async () => {
    const calls: string[] = [];
    tun = tunFromFd(fd, {
      name: 'given0',
      configure: async ({ mtu }) => {
        calls.push(`configure ${mtu}`);
      },
      unconfigure: async () => {
        calls.push('unconfigure');
      },
    });
    expect(tun.name).toBe('given0');
    await tun.configure(settings({ mtu: 1300 }));
    await tun.close();
    await tun.close();
    expect(calls).toEqual(['configure 1300', 'unconfigure']);
  });

  it('closes while a thread waits for packets, and drops what is written then', async () => {
    tun = tunFromFd(fd);
    tun.onPackets(() => undefined);
    await tun.close();
    expect(tun.write(batchOf(new Uint8Array(10)))).toBe(0);
    expect(tun.counters.writeDrops).toBe(1);
  });

  it('counts what the device refuses', () => {
    tun = tunFromFd(fd);
    // A FIFO is full after 64 KiB, when nobody reads.
    let taken = 0;
    for (let i = 0; i < 100; i += 1) taken += tun.write(batchOf(new Uint8Array(1024)));
    expect(taken).toBeLessThan(100);
    expect(tun.counters).toMatchObject({ written: taken, writeDrops: 100 - taken });
  });

  it('says in one sentence that the device stopped working', async () => {
    // A descriptor that is open but cannot be read.
    const path = join(directory, 'fifo');
    const writeOnly = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    tun = tunFromFd(writeOnly, { name: 'broken0' });
    const failed = new Promise<Error>((resolve) => tun.onError(resolve));
    tun.onPackets(() => undefined);
    tun.write(batchOf(new Uint8Array(1)));
    // Now nobody can read the other end any more, which poll reports as an error.
    closeSync(fd);
    expect((await failed).message).toContain('broken0 does not work any more');
  });
});
