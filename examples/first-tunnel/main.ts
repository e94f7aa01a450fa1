/** Two processes on one machine, a client and a server, build an IPsec tunnel over UDP on the loopback
 * and ping one another through it: no root, no TUN device, nothing else to install. `npm start` runs it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseAddress } from '@ipsec-kit/ip';
import { createClient, createPacketPort, type VpnOptions } from '@ipsec-kit/vpn';
import { PingHost, type PingReport } from './ping.ts';
import { runServer, type ServerMessage, type ServerOrder } from './server.ts';
import { show, showPings } from './show.ts';

const WHOLE_DEMONSTRATION_MS = 18_000;

const clientOptions = (serverPort: number): VpnOptions => ({
  connections: {
    home: {
      remoteAddrs: ['127.0.0.1'],
      remotePort: serverPort,
      vips: ['0.0.0.0'],
      local: { id: 'client.example.org' },
      remote: { id: 'server.example.org' },
      children: { net: { remoteTs: ['10.77.0.0/16'] } },
    },
  },
  secrets: [{ ids: ['server.example.org'], secret: 'correct horse battery staple' }],
});

async function runClient(server: ChildProcess): Promise<void> {
  const { port } = await messageFrom(server, 'listening');

  // The inside of the tunnel: where a real client would have a TUN device, this one has its own packets.
  const inside = createPacketPort();
  const host = new PingHost(inside);
  const client = createClient({
    options: clientOptions(port),
    tun: inside.tun,
    onEvent: (event) => show('client', event),
  });

  await client.open();
  const [source] = inside.addresses;
  const destination = parseAddress('10.77.0.1');
  if (!source || !destination) throw new Error('The server gave us no virtual IP.');
  const there = await host.ping(source, destination, 10);
  showPings('client', '10.77.0.1', there);
  order(server, 'ping');
  const back = (await messageFrom(server, 'pinged')).report;

  await client.checkLiveness();
  const [session] = client.status().sessions;
  await client.close();
  order(server, 'close');
  await once(server, 'exit');
  console.log(summary(`${session?.suite} with ESP ${session?.children[0]?.suite}`, there, back));
}

function summary(suite: string, there: PingReport, back: PingReport): string {
  // Each ping is a packet in one direction and its answer one in the other.
  const sent = there.sent + back.received;
  const received = there.received + back.received;
  const lost = there.sent + back.sent - there.received - back.received;
  const loss = (100 * lost) / (there.sent + back.sent);
  if (lost > 0) process.exitCode = 1;
  return `tunnel: ${suite}, ${sent} packets sent, ${received} received, loss ${loss.toFixed(loss > 0 ? 1 : 0)}%`;
}

function order(server: ChildProcess, what: ServerOrder): void {
  server.send(what);
}

function messageFrom<Kind extends ServerMessage['kind']>(
  server: ChildProcess,
  kind: Kind,
): Promise<Extract<ServerMessage, { kind: Kind }>> {
  return new Promise((resolve, reject) => {
    server.once('exit', () => reject(new Error('The server process ended too early.')));
    server.on('message', (message: ServerMessage) => {
      if (message.kind === kind) resolve(message as Extract<ServerMessage, { kind: Kind }>);
    });
  });
}

function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

if (process.argv[2] === 'server') {
  runServer().catch(fail);
} else {
  const self = fileURLToPath(import.meta.url);
  const server = fork(self, ['server'], { execArgv: process.execArgv });
  const watchdog = setTimeout(
    () => fail(`The demonstration did not finish within ${WHOLE_DEMONSTRATION_MS / 1000} s.`),
    WHOLE_DEMONSTRATION_MS,
  );
  process.on('exit', () => server.kill());
  runClient(server)
    .catch(fail)
    .finally(() => clearTimeout(watchdog));
}
