import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { givenDevice, refuseBlocking } from '../src/given-device.ts';
import { createTun, createTunDevice } from '../src/index.ts';

const NOT_OPEN = 60_000;

describe.runIf(process.platform === 'linux')('a descriptor that was handed over', () => {
  let directory: string;
  let fd: number;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'ipsec-kit-'));
    execFileSync('mkfifo', [join(directory, 'fifo')]);
    fd = openSync(join(directory, 'fifo'), constants.O_RDWR);
  });
  afterEach(() => {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  });

  it('is refused in one sentence when it is not open, or none of a TUN device', async () => {
    expect(() => givenDevice(NOT_OPEN)).toThrow(`descriptor ${NOT_OPEN} is not open`);
    expect(() => givenDevice(fd)).toThrow(`descriptor ${fd} is not that of a TUN device`);
    for (const taken of [createTun({ fd }), createTunDevice({ fd })]) {
      await expect(taken).rejects.toMatchObject({ name: 'TunError', code: 'EINVAL' });
    }
  });

  it('is refused where it blocks and that cannot be changed', () => {
    expect(() => refuseBlocking(fd)).toThrow(`descriptor ${fd} blocks: set O_NONBLOCK`);
    const other = openSync(join(directory, 'fifo'), constants.O_RDWR | constants.O_NONBLOCK);
    expect(() => refuseBlocking(other)).not.toThrow();
    closeSync(other);
  });
});
