import { parseAddress } from '@ipsec-kit/ip';
import { createPacketPort, createServer, type VpnEvent, type VpnOptions } from '@ipsec-kit/vpn';
import { PingHost, type PingReport } from './ping.ts';
import { show, showPings } from './show.ts';

/** What the server process tells the client process, over the channel that `fork` gives them. */
export type ServerMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'pinged'; readonly report: PingReport };

/** What it is told. */
export type ServerOrder = 'ping' | 'close';

const options: VpnOptions = {
  connections: {
    office: {
      localAddrs: ['127.0.0.1'],
      pools: ['guests'],
      local: { id: 'server.example.org' },
      remote: { id: 'client.example.org' },
      children: { net: { localTs: ['10.77.0.0/16'] } },
    },
  },
  pools: { guests: { addrs: '10.88.0.0/24' } },
  secrets: [{ ids: ['client.example.org'], secret: 'correct horse battery staple' }],
  settings: { port: 0, portNatT: 0 },
};

/** The server process: answers the client, pings it when told to, and ends when told to. */
export async function runServer(): Promise<void> {
  const port = createPacketPort();
  const host = new PingHost(port);
  let clientAddress = '';
  const onEvent = (event: VpnEvent): void => {
    show('server', event);
    if (event.kind === 'session-opened') clientAddress = event.peerAddresses[0] ?? '';
  };
  const server = createServer({ options, tun: port.tun, onEvent });
  const tell = (message: ServerMessage): void => void process.send?.(message);

  process.on('message', async (order: ServerOrder) => {
    if (order === 'ping') {
      const [source, destination] = [parseAddress('10.77.0.1'), parseAddress(clientAddress)];
      if (!source || !destination) throw new Error('The client has no virtual IP to ping.');
      const report = await host.ping(source, destination, 10);
      showPings('server', clientAddress, report);
      tell({ kind: 'pinged', report });
    } else {
      await server.close();
      process.disconnect();
    }
  });
  // The client process is gone: so is the reason to be here.
  process.on('disconnect', () => process.exit());

  await server.open();
  tell({ kind: 'listening', port: server.ports.natT });
}
