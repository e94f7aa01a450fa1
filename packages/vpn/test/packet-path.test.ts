import { createNodeProvider } from '@ipsec-kit/crypto/node';
import type { PacketWorkerResult } from '@ipsec-kit/datapath';
import { describe, expect, it } from 'vitest';
import { createClient } from '../src/client.ts';
import type { VpnEvent } from '../src/events.ts';
import { createPacketPort } from '../src/packet-port.ts';
import { type Platform, platformWith } from '../src/platform.ts';
import type { HostOptions } from '../src/tunnel-host-options.ts';
import { clientOptions, createMemoryWorld, serverOn } from './memory-world.ts';

const refused: PacketWorkerResult = { ok: false, reason: 'this Node has no FFI' };

/** Opens a client whose platform has a device, and a worker that refuses. */
async function openedClient(more: Partial<HostOptions> = {}) {
  const { hostAt } = createMemoryWorld();
  const { server } = serverOn(hostAt('192.0.2.1'));
  await server.open();
  const port = createPacketPort();
  const events: VpnEvent[] = [];
  let asked = 0;
  const platform: Partial<Platform> = {
    ...hostAt('192.0.2.7'),
    createTun: async () => port.tun,
    async startPacketWorker() {
      asked += 1;
      return refused;
    },
  };
  const client = createClient({
    options: clientOptions(),
    platform,
    onEvent: (event) => events.push(event),
    ...more,
  });
  await client.open();
  const state = client.status().state;
  await client.close();
  await server.close();
  const warnings = events.flatMap((event) =>
    event.kind === 'warning-raised' ? [event.sentence] : [],
  );
  return { state, asked, warnings };
}

describe('who carries packets', () => {
  it('is this thread where a worker cannot be had, and one line says why', async () => {
    expect(await openedClient()).toEqual({
      state: 'open',
      asked: 1,
      warnings: [
        'Packets are carried with node:dgram and node:crypto, which is slower: this Node has no FFI',
      ],
    });
  });

  it('is this thread when it is asked for, without a word', async () => {
    expect(await openedClient({ packetPath: 'portable' })).toEqual({
      state: 'open',
      asked: 0,
      warnings: [],
    });
  });

  it('is this thread with a device that was handed over', async () => {
    const { asked, state } = await openedClient({ tun: createPacketPort().tun });
    expect({ asked, state }).toEqual({ asked: 0, state: 'open' });
  });

  it('has the descriptor of a device that was handed over, a worker or not', async () => {
    const { hostAt } = createMemoryWorld();
    const asked: (number | undefined)[] = [];
    const client = createClient({
      options: clientOptions(),
      tunFd: 5,
      platform: {
        ...hostAt('192.0.2.7'),
        async createTun(options) {
          asked.push(options?.fd);
          throw new Error('no device today');
        },
        async startPacketWorker(options) {
          asked.push(options?.fd);
          return refused;
        },
      },
    });
    await expect(client.open()).rejects.toThrow('No device today');
    await client.close();
    expect(asked).toEqual([5, 5]);
  });

  it('is as many workers as the settings say, 1 to 16, and one without a word', async () => {
    const asked: (number | undefined)[] = [];
    for (const workers of [undefined, 3]) {
      const { hostAt } = createMemoryWorld();
      const client = createClient({
        options: { ...clientOptions(), settings: workers === undefined ? {} : { workers } },
        platform: {
          ...hostAt('192.0.2.7'),
          createTun: async () => createPacketPort().tun,
          async startPacketWorker(options) {
            asked.push(options?.workers);
            throw new Error('no device today');
          },
        },
      });
      await expect(client.open()).rejects.toThrow('No device today');
      await client.close();
    }
    expect(asked).toEqual([1, 3]);
    for (const workers of [0, 17, 1.5]) {
      const options = { ...clientOptions(), settings: { workers } };
      expect(() => createClient({ options })).toThrow(/settings\.workers/);
    }
  });

  it('is no worker of ours where sockets, device, ciphers or randomness are replaced', () => {
    expect(platformWith().startPacketWorker).toBeTypeOf('function');
    expect(platformWith({ jitter: () => 0 }).startPacketWorker).toBeTypeOf('function');
    expect(platformWith({ crypto: createNodeProvider() }).startPacketWorker).toBeUndefined();
    const startPacketWorker = async (): Promise<PacketWorkerResult> => refused;
    const parts = { crypto: createNodeProvider(), startPacketWorker };
    expect(platformWith(parts).startPacketWorker).toBe(startPacketWorker);
  });
});
