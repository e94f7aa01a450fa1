import { formatEndpoint } from '@ipsec-kit/ip';
import type { Scheduler } from '@ipsec-kit/scheduler';
import { watchAddresses } from './address-watch.ts';
import { followHost, type HostFollower, type HostFollowerOptions } from './host-follower.ts';
import { nat64Finder } from './nat64.ts';
import type { OpenParts } from './open-parts.ts';
import type { TunnelHostOptions } from './tunnel-host-options.ts';

/** Follows the host of a tunnel as its options say; what has to be stopped again is added to `parts.undo`. */
export function followTunnelHost(
  options: TunnelHostOptions,
  parts: OpenParts,
  { scheduler, tell }: Pick<HostFollowerOptions, 'tell'> & { readonly scheduler: Scheduler },
): HostFollower {
  const { bind, compiled, world, onEvent = () => undefined } = options;
  const { devices, udp, warn, undo } = parts;
  const { clock } = world;
  const onSocketsChange = (): void =>
    onEvent({ kind: 'sockets-opened', endpoints: udp.endpoints.map(formatEndpoint) });
  const follower = followHost({
    clock,
    watchNetwork: compiled.networkMonitor ? world.watchNetwork : undefined,
    udp,
    device: devices.tun.name,
    nat64: nat64Finder(compiled.nat64, world),
    scheduler,
    tell,
    onSocketsChange,
    onWarning: warn,
  });
  undo.push(async () => follower.stop());
  // Without a monitor, a server that listens on every address follows those that come and go.
  if (compiled.networkMonitor && !world.watchNetwork && 'ports' in bind) {
    const onChange = onSocketsChange;
    const stop = watchAddresses({ udp, clock, scheduler, onChange, onWarning: warn });
    undo.push(async () => stop());
  }
  return follower;
}
