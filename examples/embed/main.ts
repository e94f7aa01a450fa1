/** A VPN inside another program: the program makes and takes the inner packets itself, so there is no TUN device
 * and no root. The server that it talks to is started here too, to have someone to talk to.
 */
import { EventEmitter, once } from 'node:events';
import { answerIcmpEcho, buildIcmpEcho, parseAddress, readIcmpEcho } from '@ipsec-kit/ip';
import { createClient, createPacketPort, createServer } from '@ipsec-kit/vpn';

const secrets = [{ secret: 'a secret that both sides know' }];

const office = createPacketPort();
office.onPacket((packet) => {
  const answer = answerIcmpEcho(packet);
  if (answer) office.send(answer);
});
const server = createServer({
  tun: office.tun,
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
    secrets,
    settings: { port: 0, portNatT: 0 },
  },
});
await server.open();

const inside = createPacketPort();
const client = createClient({
  tun: inside.tun,
  options: {
    connections: {
      home: {
        remoteAddrs: ['127.0.0.1'],
        remotePort: server.ports.natT,
        vips: ['0.0.0.0'],
        local: { id: 'me' },
        remote: { id: 'office' },
        children: { net: { remoteTs: ['10.77.0.0/16'] } },
      },
    },
    secrets,
  },
});
await client.open();
