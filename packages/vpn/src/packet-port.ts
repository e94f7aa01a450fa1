import type { IpAddress } from '@ipsec-kit/ip';
import type { TunAdapter } from '@ipsec-kit/tun-adapter';
import { createMemoryTun } from '@ipsec-kit/tun-adapter/memory';

/** The inside of a tunnel for a program that has its own packets: no TUN device, no privilege.
 * Hand {@link PacketPort.tun} to `createClient` or `createServer`, then send and receive whole IP packets here.
 */
export interface PacketPort {
  readonly tun: TunAdapter;
  /** Addresses that the tunnel gave us, once it stands: the sources that its selectors accept. */
  readonly addresses: readonly IpAddress[];
  /** Sends one whole IP packet into the tunnel; copied. @returns false when it was dropped: too long, or no tunnel. */
  send(packet: Uint8Array): boolean;
  /** Called with each whole IP packet that comes out of the tunnel; the bytes are the handler's to keep. */
  onPacket(handler: (packet: Uint8Array) => void): void;
}

/** Makes a packet port. @param mtu - longest packet that is taken; default 1400. */
export function createPacketPort(mtu?: number): PacketPort {
  const tun = createMemoryTun(mtu === undefined ? {} : { mtu });
  return {
    tun,
    get addresses() {
      return tun.settings?.addresses.map((prefix) => prefix.address) ?? [];
    },
    send: (packet) => tun.inject(packet),
    onPacket: (handler) => tun.onWritten(handler),
  };
}
