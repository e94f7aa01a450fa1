import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { formatAddress, type IpAddress, type Path, parseAddress } from '@ipsec-kit/ip';
import { classifyDatagram, NON_ESP_MARKER_BYTES } from '@ipsec-kit/nat-t';

/** A UDP socket that carries IKE as port 4500 does. */
export interface IkeSocket {
  readonly port: number;
  send(datagram: Uint8Array, path: Path): void;
  close(): Promise<void>;
}

/** Binds a port (0: a free one) of the address that leads to whoever is written to. */
export async function openSocket(
  port: number,
  onIke: (message: Uint8Array, path: Path) => void,
): Promise<IkeSocket> {
  const socket = createSocket('udp4');
  let local: IpAddress | undefined;
  socket.bind(port);
  await once(socket, 'listening');
  const bound = socket.address().port;
  socket.on('message', (datagram, from) => {
    const address = parseAddress(from.address);
    // ESP is for the packet path, which this example does not have.
    if (!address || classifyDatagram(datagram, 0, datagram.length) !== 'ike') return;
    onIke(datagram.subarray(NON_ESP_MARKER_BYTES), {
      local: { address: local ?? address, port: bound },
      remote: { address, port: from.port },
    });
  });
  return {
    port: bound,
    send(datagram, path) {
      local = path.local.address;
      socket.send(datagram, path.remote.port, formatAddress(path.remote.address));
    },
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}
