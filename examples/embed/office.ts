import { createPacketPort, createServer, type Server } from '@ipsec-kit/vpn';

/** Starts a server on a free port of the loopback. `answer` is the network behind it: it gets each inner packet and
 * returns one to send back, or nothing.
 */
export async function startOffice(
  answer: (packet: Uint8Array) => Uint8Array | undefined,
): Promise<Server> {
  const port = createPacketPort();
  port.onPacket((packet) => {
    const back = answer(packet);
    if (back) port.send(back);
  });
  const server = createServer({
    tun: port.tun,
    options: {
      connections: {
        office: {
          localAddrs: ['127.0.0.1'],
          pools: ['guests'],
          local: { id: 'office' },
          remote: {},
          children: { net: { localTs: ['10.77.0.0/16'] } },
        },
      },
      pools: { guests: { addrs: '10.88.0.0/24' } },
      secrets: [{ secret: 'a secret that both sides know' }],
      settings: { port: 0, portNatT: 0 },
    },
  });
  await server.open();
  return server;
}
