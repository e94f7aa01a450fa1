import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { answerIcmpEcho, buildIcmpEcho } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { createPacketPort } from '../src/packet-port.ts';
import { createServer } from '../src/server.ts';
import { address, clientOn, clientOptions, serverOptions } from './memory-world.ts';

const example = (name: string): string =>
  fileURLToPath(new URL(`../../../examples/${name}/main.ts`, import.meta.url));

/** Runs a program of this repository to its end. */
function run(script: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--conditions=@ipsec-kit/source', script],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk.toString();
      });
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

const onLoopback = { port: 0, portNatT: 0 } as const;

describe('over real UDP on the loopback', () => {
  it('a client and a server carry packets both ways', async () => {
    const inside = createPacketPort();
    inside.onPacket((packet) => {
      const answer = answerIcmpEcho(packet);
      if (answer) inside.send(answer);
    });
    const server = createServer({
      options: serverOptions({ localAddrs: ['127.0.0.1'] }, { settings: onLoopback }),
      tun: inside.tun,
    });
    await server.open();
    const { client, port } = clientOn(
      {},
      { options: clientOptions({ remoteAddrs: ['127.0.0.1'], remotePort: server.ports.natT }) },
    );
    await client.open();
    const answered = new Promise((resolve) => port.onPacket(resolve));
    port.send(
      buildIcmpEcho({
        kind: 'request',
        source: address('10.88.0.1'),
        destination: address('10.77.0.1'),
        identifier: 1,
        sequence: 1,
        data: new Uint8Array(1300),
      }),
    );
    expect(await answered).toHaveLength(1328);
    await client.close();
    await server.close();
  });

  it('a second server on the same port is told so in one sentence', async () => {
    const first = createServer({
      options: serverOptions({ localAddrs: ['127.0.0.1'] }, { settings: onLoopback }),
      tun: createPacketPort().tun,
    });
    await first.open();
    const second = createServer({
      options: serverOptions(
        { localAddrs: ['127.0.0.1'] },
        { settings: { port: first.ports.ike, portNatT: 0 } },
      ),
      tun: createPacketPort().tun,
    });
    await expect(second.open()).rejects.toMatchObject({
      code: 'port-in-use',
      message: expect.stringMatching(/^UDP port \d+ on 127\.0\.0\.1 is in use.*\.$/),
    });
    await first.close();
  });
});

describe('the examples', () => {
  it('first-tunnel ends with 0 and a line that names the suite and the loss', async () => {
    const { code, output } = await run(example('first-tunnel'));
    const last = output.trim().split('\n').at(-1);
    expect(last).toMatch(
      /^tunnel: AES_GCM_16_256\/.* with ESP AES_GCM_16_256, 20 packets sent, 20 received, loss 0%$/,
    );
    for (const word of ['IKE_SA_INIT', 'IKE_AUTH', 'no NAT seen', 'virtual IP', 'round trip'])
      expect(output).toContain(word);
    expect(code).toBe(0);
  });

  it('delegation keeps a session alive in another process, and goes on in step', async () => {
    const { code, output } = await run(example('delegation'));
    expect(output).toMatch(/taken back \(asked\): [1-9]\d* requests answered/);
    expect(output).toContain('in step: the server answers, and the IKE SA has new keys');
    expect(code).toBe(0);
  });

  it('embed sends a packet of its own and gets it back', async () => {
    const { code, output } = await run(example('embed'));
    expect(output).toContain('"hello from inside" came back');
    expect(code).toBe(0);
  });
});
