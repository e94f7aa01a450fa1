/** A VPN inside another program: the program makes and takes the inner packets itself, so there is no TUN device
 * and no root. The server that it talks to is started here too, to have someone to talk to.
 */
import {
  answerIcmpEcho,
  buildIcmpEcho,
  formatAddress,
  parseAddress,
  readIcmpEcho,
} from '@ipsec-kit/ip';
import { createClient, createPacketPort } from '@ipsec-kit/vpn';
import { startOffice } from './office.ts';

const office = await startOffice((packet) => answerIcmpEcho(packet));

const port = createPacketPort();
const client = createClient({
  tun: port.tun,
  options: {
    connections: {
      home: {
        remoteAddrs: ['127.0.0.1'],
        remotePort: office.ports.natT,
        vips: ['0.0.0.0'],
        local: { id: 'me' },
        remote: { id: 'office' },
        children: { net: { remoteTs: ['10.77.0.0/16'] } },
      },
    },
    secrets: [{ secret: 'a secret that both sides know' }],
  },
});
await client.open();

const [source] = port.addresses;
const destination = parseAddress('10.77.0.1');
if (!source || !destination) throw new Error('The office gave us no address.');
const answered = new Promise<Uint8Array>((resolve) => port.onPacket(resolve));
const data = new TextEncoder().encode('hello from inside');
port.send(
  buildIcmpEcho({ kind: 'request', source, destination, identifier: 1, sequence: 1, data }),
);
const echo = readIcmpEcho(await answered);
console.log(
  `${formatAddress(source)} asked ${formatAddress(destination)} through the tunnel: "${new TextDecoder().decode(echo?.data)}" came back`,
);

await client.close();
await office.close();
