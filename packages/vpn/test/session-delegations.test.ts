import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createSystemClock } from '@ipsec-kit/clock/system';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import { createLivenessDelegate, type DelegateInput } from '@ipsec-kit/ikev2/delegate';
import { answerIcmpEcho, buildIcmpEcho, formatAddress, readIcmpEcho } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { createPacketPort, type PacketPort } from '../src/packet-port.ts';
import { createServer, type Server } from '../src/server.ts';
import type { HandedDatagram, HandedSession } from '../src/session-delegations.ts';
import { eventually } from './eventually.ts';
import {
  address,
  type ClientBench,
  clientOn,
  clientOptions,
  createMemoryWorld,
  serverOn,
  serverOptions,
} from './memory-world.ts';

const clock = createSystemClock();
const LOOPBACK = '127.0.0.1';
/** In front of IKE on port 4500. */
const MARKER = new Uint8Array(4);

interface Bench extends ClientBench {
  readonly server: Server;
  /** How often the client has shown to the server that it lives. */
  confirmed(): number;
}

/** A client and a server over real UDP; the server answers pings, and asks after a second of silence whether the client lives. */
async function open(): Promise<Bench> {
  const inside = createPacketPort();
  inside.onPacket((packet) => {
    const answer = answerIcmpEcho(packet);
    if (answer) inside.send(answer);
  });
  const settings = { port: 0, portNatT: 0 };
  const server = createServer({
    options: serverOptions({ localAddrs: [LOOPBACK], dpdDelayMs: 1_000 }, { settings }),
    tun: inside.tun,
    onEvent: ({ kind }) => {
      if (kind === 'liveness-confirmed') confirmed += 1;
    },
  });
  let confirmed = 0;
  await server.open();
  const options = clientOptions({ remoteAddrs: [LOOPBACK], remotePort: server.ports.natT });
  const c = clientOn({}, { options });
  await c.client.open();
  return { ...c, server, confirmed: () => confirmed };
}

/** The small process, in this one: the session's port, and a delegate behind it. */
async function keepAlive({ delegation, local }: HandedSession) {
  const made = createLivenessDelegate(clock.now(), JSON.parse(JSON.stringify(delegation)), {
    crypto: createNodeProvider(),
    random: systemRandom(),
  });
  if (!made.ok) throw new Error(made.code);
  const { delegate } = made;
  const socket = createSocket('udp4');
  let tooMuch: HandedDatagram | undefined;
  socket.bind(local.port, formatAddress(local.address));
  await once(socket, 'listening');
  socket.on('message', (data, from) => {
    const path = { local, remote: { address: address(from.address), port: from.port } };
    const message = Uint8Array.from(data.subarray(MARKER.length));
    const input: DelegateInput = {
      kind: 'datagram',
      now: clock.now(),
      path,
      data: message,
      marker: true,
    };
    for (const output of delegate.handle(input)) {
      if (output.kind === 'send') {
        const { remote } = output.path;
        socket.send([MARKER, output.data], remote.port, formatAddress(remote.address));
      } else if (output.kind === 'wake' && output.datagram) tooMuch = output.datagram;
    }
  });
  return {
    get tooMuch() {
      return tooMuch;
    },
    async release(): Promise<unknown> {
      socket.close();
      await once(socket, 'close');
      return JSON.parse(JSON.stringify(delegate.release(clock.now())));
    },
  };
}

function ping(port: PacketPort): Promise<number | undefined> {
  return new Promise((resolve) => {
    port.onPacket((packet) => resolve(readIcmpEcho(packet)?.sequence));
    port.send(
      buildIcmpEcho({
        kind: 'request',
        source: address('10.88.0.1'),
        destination: address('10.77.0.1'),
        identifier: 1,
        sequence: 5,
        data: new Uint8Array(8),
      }),
    );
  });
}

async function close({ client, server }: Pick<Bench, 'client' | 'server'>): Promise<void> {
  await client.close({ patienceMs: 0 });
  await server.close({ patienceMs: 0 });
}

describe('a session that a client delegates', () => {
  it('is kept alive on its port by another socket, and taken back in step', async () => {
    const bench = await open();
    const { client, port } = bench;
    const handed = await client.delegate();
    const delegate = await keepAlive(handed);
    await eventually(() => bench.confirmed()).toBeGreaterThan(0);
    const report = await delegate.release();
    expect(Reflect.get(Object(report), 'answered')).toBeGreaterThan(0);
    await client.takeBack(report);
    expect(await client.checkLiveness()).toBeGreaterThanOrEqual(0);
    expect(await client.perform({ action: 'rekey' })).toBe('IKE SA with server: rekeyed.');
    expect(await ping(port)).toBe(5);
    await close(bench);
  });

  it('comes back with the datagram that was too much for the delegate, which is answered then', async () => {
    const bench = await open();
    const { client, server } = bench;
    const delegate = await keepAlive(await client.delegate());
    const rekeyed = server.perform({ action: 'rekey' });
    await eventually(() => delegate.tooMuch !== undefined).toBe(true);
    const { tooMuch } = delegate;
    await client.takeBack(await delegate.release(), tooMuch);
    expect(await rekeyed).toBe('IKE SA with client: rekeyed.');
    await close(bench);
  });

  it('is not taken back while its port is in use, nor with a report that is none', async () => {
    const bench = await open();
    const { client } = bench;
    const handed = await client.delegate();
    await expect(client.delegate()).rejects.toMatchObject({
      code: 'command-failed',
      message: expect.stringContaining('it is delegated already'),
    });
    const delegate = await keepAlive(handed);
    await expect(client.takeBack({})).rejects.toMatchObject({ code: 'port-in-use' });
    const report = await delegate.release();
    await expect(client.takeBack({})).rejects.toMatchObject({
      code: 'command-failed',
      message: expect.stringContaining('the report is none of a delegate'),
    });
    await client.takeBack(report);
    await expect(client.takeBack(report)).rejects.toMatchObject({
      message: 'The session cannot be taken back: it is not delegated.',
    });
    expect(await client.checkLiveness()).toBeGreaterThanOrEqual(0);
    await close(bench);
  });

  it('stays where the sockets cannot be handed on, or nothing is open', async () => {
    const { hostAt } = createMemoryWorld();
    const { server } = serverOn(hostAt('192.0.2.1'));
    await server.open();
    const { client } = clientOn(hostAt('192.0.2.7'));
    await expect(client.delegate()).rejects.toMatchObject({ code: 'no-such-target' });
    await client.open();
    await expect(client.delegate()).rejects.toMatchObject({ code: 'config' });
    expect(await client.checkLiveness()).toBeGreaterThanOrEqual(0);
    await close({ client, server });
  });
});
