import { loopbackAddress, parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { localAddressFor } from '../src/index.ts';

describe('localAddressFor', () => {
  it('finds the source address without sending', async () => {
    const remote = parseAddress('127.0.0.9') ?? loopbackAddress(4);
    expect(await localAddressFor({ address: remote, port: 0 })).toEqual(loopbackAddress(4));
  });

  it('says that no route leads there', async () => {
    // 255.255.255.255 cannot be connected to without asking for broadcast.
    const nowhere = { version: 4, bytes: new Uint8Array(4).fill(255) } as const;
    const failed = localAddressFor({ address: nowhere, port: 4500 });
    await expect(failed).rejects.toThrow('no IPv4 route leads to 255.255.255.255 (');
    await expect(failed).rejects.toHaveProperty('code', expect.stringMatching(/^E/));
  });
});
