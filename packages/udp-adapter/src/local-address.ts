import { createSocket, type Socket } from 'node:dgram';
import { type Endpoint, formatAddress, type IpAddress, parseAddress } from '@ipsec-kit/ip';
import { errorCode } from './udp-bind-error.ts';

/** The address from which this machine would send to `remote` now; nothing is sent.
 * @throws an Error of one sentence with the system's `code` (`ENETUNREACH`, ...) when there is no route.
 */
export async function localAddressFor(remote: Endpoint): Promise<IpAddress> {
  const { version } = remote.address;
  const socket = createSocket({ type: version === 4 ? 'udp4' : 'udp6' });
  try {
    await connect(socket, remote);
    const text = socket.address().address;
    const zone = text.indexOf('%');
    const address = parseAddress(zone < 0 ? text : text.slice(0, zone));
    if (!address) throw new Error(`the system named a source address that is none: ${text}`);
    return address;
  } catch (error) {
    const code = errorCode(error);
    throw Object.assign(
      new Error(
        `no IPv${version} route leads to ${formatAddress(remote.address)} (${code}): check the network connection`,
        { cause: error },
      ),
      { code },
    );
  } finally {
    socket.close();
  }
}

/** Connecting a datagram socket only chooses the route, and with it the source address. */
function connect(socket: Socket, remote: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    // A failure comes as an argument, which the types of node:dgram do not mention.
    const done = (error?: unknown): void => (error ? reject(error) : resolve());
    socket.connect(remote.port === 0 ? 500 : remote.port, formatAddress(remote.address), done);
  });
}
