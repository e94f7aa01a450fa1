import {
  type CarriedTun,
  createInlinePath,
  type PacketPath,
  type PacketPathHandlers,
} from '@ipsec-kit/datapath';
import { type Capture, tapUdp } from './capture.ts';
import type { BoundUdp, UdpBinding } from './platform.ts';
import type { OpenSockets, TunnelHostOptions } from './tunnel-host-options.ts';
import { vpnErrorFrom } from './vpn-error.ts';

/** A device, and what carries packets between it and the sockets that are opened for it. */
export interface TunnelDevices {
  readonly tun: CarriedTun;
  /** Once.
   * @throws VpnError for a port in use or a missing permission.
   */
  openSockets(): Promise<OpenSockets>;
  /** Once, when the sockets are open. */
  connect(handlers: PacketPathHandlers): PacketPath;
}

/** The device that was handed over, or a new one of the system with the fastest packet path that there is; what is slower
 * than it could be is told in one sentence.
 * @throws VpnError when no device can be made.
 */
export async function openDevices(
  options: TunnelHostOptions,
  capture: Capture | undefined,
  warn: (sentence: string) => void,
): Promise<TunnelDevices> {
  const { world, packetPath = 'auto' } = options;
  if (packetPath === 'portable' || options.tun || capture || !world.startPacketWorker) {
    return inlineDevices(options, capture);
  }
  const { workers } = options.compiled;
  const started = await deviceFrom(world.startPacketWorker({ workers, ...givenBy(options) }));
  if (!started.ok) {
    warn(`Packets are carried with node:dgram and node:crypto, which is slower: ${started.reason}`);
    return inlineDevices(options, capture);
  }
  const { worker } = started;
  for (const note of worker.notes) warn(`Packets are carried slower than they could be: ${note}`);
  return {
    tun: worker.tun,
    openSockets: () => socketsFrom(worker.openSockets(outsideBinding(options, worker.tun.name))),
    connect: (handlers) => worker.connect(handlers),
  };
}

async function inlineDevices(
  options: TunnelHostOptions,
  capture: Capture | undefined,
): Promise<TunnelDevices> {
  const { world } = options;
  const tun = options.tun ?? (await deviceFrom(world.createTun(givenBy(options))));
  let udp: BoundUdp | undefined;
  return {
    tun,
    async openSockets() {
      const sockets = await socketsFrom(world.createUdp(outsideBinding(options, tun.name)));
      udp = capture ? tapUdp(sockets, capture) : sockets;
      return udp;
    },
    connect(handlers) {
      if (!udp) throw new Error('"connect" was called before "openSockets"');
      const { clock, crypto, random } = world;
      const nowMs = (): number => clock.now();
      return createInlinePath({ ...handlers, tun, udp, crypto, random, nowMs });
    },
  };
}

function givenBy({ tunFd }: TunnelHostOptions): { readonly fd?: number } {
  return tunFd === undefined ? {} : { fd: tunFd };
}

async function deviceFrom<Device>(made: Promise<Device>): Promise<Device> {
  try {
    return await made;
  } catch (error) {
    throw vpnErrorFrom(error, 'create the TUN device', 'tun-failed');
  }
}

async function socketsFrom<Sockets>(opened: Promise<Sockets>): Promise<Sockets> {
  try {
    return await opened;
  } catch (error) {
    throw vpnErrorFrom(error, 'open the UDP sockets', 'socket-failed');
  }
}

/** What comes out of the tunnel is not to be answered from inside of it: its own device is left out. */
function outsideBinding({ bind }: TunnelHostOptions, device: string): UdpBinding {
  if (!('ports' in bind)) return bind;
  return {
    ...bind,
    skip: (name, address) => name === device || (bind.skip?.(name, address) ?? false),
  };
}
