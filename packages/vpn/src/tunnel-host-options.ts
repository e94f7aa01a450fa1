import type { SessionEvent } from '@ipsec-kit/ikev2';
import type { Prefix } from '@ipsec-kit/ip';
import type { TunAdapter } from '@ipsec-kit/tun-adapter';
import type { CompiledVpn } from './compile/index.ts';
import type { InitialPath } from './connection-path.ts';
import type { VpnEvent } from './events.ts';
import type { BoundUdp, Platform, UdpBinding } from './platform.ts';
import type { VpnError } from './vpn-error.ts';

/** What both a client and a server are made with, beyond their options. */
export interface HostOptions {
  /** Parts of the world to replace; what is absent is Node's. */
  readonly platform?: Partial<Platform>;
  /** A device, or the `tun` of a packet port, instead of a TUN device of the system; closed with the tunnel. */
  readonly tun?: TunAdapter;
  /** A descriptor of a TUN device that is open already, instead of one that is made: the only way to the system's where Node has
   * no FFI. It delivers bare IP packets (IFF_NO_PI), does not block, and is closed with the tunnel.
   */
  readonly tunFd?: number;
  /** Writes the keys for Wireshark into this directory: whoever reads it reads the traffic. */
  readonly keyLogDirectory?: string;
  /** Writes every UDP datagram, both ways, into this pcapng file. */
  readonly captureFile?: string;
  /** Who carries packets: `auto` (default) a worker with the system's offloads, where there are such and nothing of the
   * platform is replaced that it would need; `portable` this thread, with node:dgram and node:crypto. With a capture it is
   * always this thread.
   */
  readonly packetPath?: 'auto' | 'portable';
  /** Whether the path to each peer is probed for what it carries, by echoes through the tunnel; default where the device is the
   * system's own: the hosts behind it answer such, and a program of its own packets would have to.
   */
  readonly pathMtuProbes?: boolean;
  readonly onEvent?: (event: VpnEvent) => void;
}

/** What the control plane needs of the sockets. */
export type OpenSockets = Pick<BoundUdp, 'endpoints' | 'ports' | 'counters' | 'onError' | 'close'> &
  Pick<
    Partial<BoundUdp>,
    'refresh' | 'suspend' | 'resume' | 'openScratchPort' | 'closeScratchPort'
  >;

/** What `openTunnelHost` is given by a client or a server. */
export interface TunnelHostOptions extends HostOptions {
  readonly compiled: CompiledVpn;
  readonly world: Platform;
  /** Ports in pairs: that of IKE (500), then that of ESP and marked IKE (4500). */
  readonly bind: UdpBinding;
  readonly poolPrefixes: readonly Prefix[];
  /** How to reach the peer of a connection from the sockets that are open. */
  readonly pathTo: (connection: string, udp: OpenSockets) => Promise<InitialPath>;
  readonly onSessionEvent: (event: SessionEvent) => void;
  /** The device or every socket is gone: the tunnel cannot go on. */
  readonly onFatal: (error: VpnError) => void;
}
