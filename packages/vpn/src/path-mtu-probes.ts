import type { PacketPath } from '@ipsec-kit/datapath';
import type { ChildInstaller, InstalledChild } from './child-installer.ts';
import type { PathMtuDiscovery } from './path-mtu-discovery.ts';
import type { ProbeEnds } from './probe-ends.ts';

/** What probes are sent with. */
export interface PathMtuProbesOptions {
  readonly packets: Pick<PacketPath, 'sendProbe'>;
  readonly installer: Pick<ChildInstaller, 'children' | 'probeBytes'>;
  /** 16 bits, which nobody else on this host uses for echoes through the tunnel. */
  readonly identifier: number;
}

/** Sends probes of discoveries through the Child SA that each of them uses last. */
export interface PathMtuProbes {
  childOf(discovery: PathMtuDiscovery): { id: number; child: InstalledChild } | undefined;
  /** @param outerBytes - of the whole packet on the path, with its outermost header. */
  send(discovery: PathMtuDiscovery, ends: ProbeEnds, sequence: number, outerBytes: number): void;
}

/** Makes a sender of probes. */
export function createPathMtuProbes(options: PathMtuProbesOptions): PathMtuProbes {
  const { installer, packets, identifier } = options;
  function childOf({ childIds }: PathMtuDiscovery): ReturnType<PathMtuProbes['childOf']> {
    const id = childIds.at(-1);
    const child = id === undefined ? undefined : installer.children.get(id);
    return id === undefined || !child ? undefined : { id, child };
  }
  return {
    childOf,
    send(discovery, ends, sequence, outerBytes): void {
      const child = childOf(discovery);
      const bytes = child && installer.probeBytes(child.id, outerBytes);
      if (!child || bytes === undefined) return;
      packets.sendProbe(child.id, { ...ends, identifier, sequence, bytes });
    },
  };
}
