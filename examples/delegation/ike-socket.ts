import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { formatAddress, type Path, parseAddress } from '@ipsec-kit/ip';
import { classifyDatagram, NON_ESP_MARKER_BYTES } from '@ipsec-kit/nat-t';

/** A UDP socket that carries IKE as port 4500 does. */
export interface IkeSocket {
  readonly local: Path['local'];
  send(datagram: Uint8Array, path: Path): void;
  close(): Promise<void>;
}

/** Binds a port (0: a free one) of an address of this machine. */
export async function openSocket(
  { address: own, port }: Path['local'],
  onIke: (message: Uint8Array, path: Path) => void,
): Promise<IkeSocket> {
  const socket = createSocket('udp4');
  socket.bind(port, formatAddress(own));
  await once(socket, 'listening');
  const local = { address: own, port: socket.address().port };
  socket.on('message', (datagram, from) => {
    const address = parseAddress(from.address);
    // ESP is for the packet path, which this example does not have.
    if (!address || classifyDatagram(datagram, 0, datagram.length) !== 'ike') return;
    onIke(datagram.subarray(NON_ESP_MARKER_BYTES), {
      local,
      remote: { address, port: from.port },
    });
  });
  return {
    local,
    send(datagram, path) {
      socket.send(datagram, path.remote.port, formatAddress(path.remote.address));
    },
    async close() {
      socket.close();
      await once(socket, 'close');
    },
  };
}
