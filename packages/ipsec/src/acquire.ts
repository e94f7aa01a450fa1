import {
  addressToSelector,
  type IpAddress,
  type PacketFields,
  type PortRange,
  readPacketFields,
  selectorMatchesPacket,
  type TrafficSelector,
} from '@ipsec-kit/ip';
import type { EngineState } from './engine-state.ts';
import type { InstalledPair } from './installed-pair.ts';
import { holdForTrap, type InstalledTrap, selectorsOverlap } from './outbound-traps.ts';

/** Holds the packet of `state.fields` at `offset` for a trap, and asks for an SA unless that was done before. */
export function catchPacket(
  state: EngineState,
  trap: InstalledTrap,
  memory: Uint8Array,
  offset: number,
): void {
  const data = memory.slice(offset, offset + state.fields.totalLength);
  state.drops['trap-queue-full'] += holdForTrap(trap, data);
  if (trap.trigger) return;
  trap.trigger = data;
  noteAcquire(state, trap);
}

/** Tells once that a trap wants an SA; later when there was no room for the fact. */
export function noteAcquire(state: EngineState, trap: InstalledTrap): void {
  const { fields, facts } = state;
  const { trigger } = trap;
  if (!trigger || trap.acquireReported) return;
  if (!readPacketFields(trigger, 0, trigger.length, fields)) return;
  trap.acquireReported = facts.tellAcquire(
    trap.id,
    packetSelector(trap.localSelectors, trigger, fields, 'source'),
    packetSelector(trap.remoteSelectors, trigger, fields, 'destination'),
  );
}

/** Lets go what the traps hold and `pair`, which sends from now on, takes. A trap whose packet found its SA is armed
 * again, and asks at once for the SA of what is left.
 */
export function satisfyTraps(
  state: EngineState,
  pair: Pick<InstalledPair, 'remoteSelectors'>,
): void {
  const { traps } = state;
  for (const trap of traps.byId.values()) {
    if (!trap.trigger) continue;
    if (!selectorsOverlap(trap.remoteSelectors, pair.remoteSelectors)) continue;
    for (const packet of trap.held.take(({ data }) => findsPair(state, data))) {
      traps.ready.push(packet);
    }
    if (!findsPair(state, trap.trigger)) continue;
    trap.trigger = trap.held.first?.data;
    trap.acquireReported = false;
    noteAcquire(state, trap);
  }
}

function findsPair(state: EngineState, packet: Uint8Array): boolean {
  const { fields, policy } = state;
  if (!readPacketFields(packet, 0, packet.length, fields)) return false;
  const entry = policy.lookup(packet, fields);
  return entry !== undefined && !entry.trap;
}

/** One end of a packet as a selector. Where its ports cannot be seen, those of the selector it matched.
 * @see RFC 7296 §2.9 (the first selector: the very packet, its protocol and ports)
 */
function packetSelector(
  selectors: readonly TrafficSelector[],
  packet: Uint8Array,
  fields: PacketFields,
  side: 'source' | 'destination',
): TrafficSelector {
  const at = side === 'source' ? fields.sourceOffset : fields.destinationOffset;
  const port = side === 'source' ? fields.sourcePort : fields.destinationPort;
  const address: IpAddress = {
    version: fields.version,
    bytes: packet.slice(at, at + (fields.version === 4 ? 4 : 16)),
  };
  const matched = selectors.find((each) => selectorMatchesPacket(each, packet, fields, side));
  const ports: PortRange | undefined = fields.hasPorts
    ? { startPort: port, endPort: port }
    : matched;
  return addressToSelector(address, Math.max(fields.protocol, 0), ports);
}
