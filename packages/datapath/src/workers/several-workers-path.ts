import type { SaPair } from '@ipsec-kit/ipsec';
import type { PacketPath, WorkerCounters } from '../packet-path.ts';
import type { WorkerPath } from '../worker/worker-path.ts';
import { createSpiPlacement } from './spi-placement.ts';
import { sumCounters } from './sum-counters.ts';
import { ownerOf } from './worker-group.ts';

/** How many packets of a worker other workers have read, and how many were lost on the way. */
export type HandoverCounters = Pick<WorkerCounters, 'handedOver' | 'handoverDrops'>;

/** The packet paths of several workers as one. A pair has one owner, the worker that its SPI for packets to us chooses; all know
 * which packets of the host belong to it. The first worker has IKE.
 * @param handoverOf - what a worker has handed to others.
 */
export function createSeveralWorkersPath(
  workers: readonly WorkerPath[],
  handoverOf: (worker: number) => HandoverCounters,
): PacketPath {
  const paths = workers.map(({ path }) => path);
  const [first] = paths;
  if (!first) throw new RangeError('"workers" expected at least one, got none');
  const count = paths.length;
  /** Which worker each pair belongs to. */
  const owners = new Map<number, number>();
  const pairs = paths.map(() => 0);
  /** Workers that were told something since they last said that they have obeyed. */
  const isBehind = paths.map(() => false);
  let heldBack = 0;
  let lastSent: Promise<unknown> = Promise.resolve();

  function tell(worker: number, command: (path: PacketPath) => void): void {
    const path = paths[worker];
    if (!path) return;
    isBehind[worker] = true;
    command(path);
  }

  function tellAll(command: (path: PacketPath) => void): void {
    for (let worker = 0; worker < count; worker += 1) tell(worker, command);
  }

  const ownerOfPair = (pairId: number): number => owners.get(pairId) ?? 0;
  const ownPath = (pairId: number): PacketPath => paths[ownerOfPair(pairId)] ?? first;

  /** What all have to know of a pair; of one that nobody knows a single one complains. */
  function tellOfPair(pairId: number, command: (path: PacketPath) => void): void {
    if (owners.has(pairId)) tellAll(command);
    else tell(0, command);
  }

  async function install(pair: SaPair): Promise<void> {
    const owner = ownerOf(pair.inbound.spi, count);
    if (owners.has(pair.id)) return paths[owner]?.install(pair);
    owners.set(pair.id, owner);
    pairs[owner] = (pairs[owner] ?? 0) + 1;
    // All at once: a removal that follows is behind it everywhere.
    const { id, localSelectors, remoteSelectors, outboundActive, outbound } = pair;
    const elsewhere = { id, owner, localSelectors, remoteSelectors, outboundActive };
    const done = workers.map((worker, index) => {
      isBehind[index] = true;
      if (index === owner) return worker.path.install(pair);
      return worker.installElsewhere(elsewhere, outbound.spi);
    });
    try {
      await Promise.all(done);
    } catch (error) {
      remove(pair.id);
      throw error;
    }
  }

  function remove(pairId: number): void {
    const owner = owners.get(pairId);
    if (owner === undefined) return;
    tellAll((path) => path.remove(pairId));
    owners.delete(pairId);
    pairs[owner] = (pairs[owner] ?? 0) - 1;
  }

  /** Behind everything that was commanded before, whoever has to obey it: a peer that hears of a DELETE is sent no more on that SA. */
  function sendIke(...message: Parameters<PacketPath['sendIke']>): void {
    const behind = workers.filter((_, index) => index > 0 && isBehind[index]);
    isBehind.fill(false);
    if (behind.length === 0 && heldBack === 0) {
      first?.sendIke(...message);
      return;
    }
    heldBack += 1;
    lastSent = Promise.allSettled([lastSent, ...behind.map((worker) => worker.sync())]).then(() => {
      heldBack -= 1;
      first?.sendIke(...message);
    });
  }

  return {
    get counters() {
      return sumCounters(paths.map(({ counters }) => counters));
    },
    install,
    remove,
    sendIke,
    placeSpi: createSpiPlacement(count, () => pairs),
    activateOutbound: (id) => tellOfPair(id, (path) => path.activateOutbound(id)),
    deactivateOutbound: (id) => tellOfPair(id, (path) => path.deactivateOutbound(id)),
    movePeer: (id, to) => tell(ownerOfPair(id), (path) => path.movePeer(id, to)),
    changeInnerMtu: (id, mtu) => tell(ownerOfPair(id), (path) => path.changeInnerMtu(id, mtu)),
    sendDummy: (id, bytes) => ownPath(id).sendDummy(id, bytes),
    sendProbe: (id, probe) => ownPath(id).sendProbe(id, probe),
    askForSource: (id) => ownPath(id).askForSource(id),
    reserveSpi: (spi) => tell(ownerOf(spi, count), (path) => path.reserveSpi(spi)),
    releaseSpi: (spi) => tell(ownerOf(spi, count), (path) => path.releaseSpi(spi)),
    // Each holds what it has read itself, so that a flow stays in its order when the pair stands.
    installTrap: (trap) => tellAll((path) => path.installTrap(trap)),
    removeTrap: (id) => tellAll((path) => path.removeTrap(id)),
    rearmTrap: (id) => tellAll((path) => path.rearmTrap(id)),
    pairCounters: (id) => (owners.has(id) ? ownPath(id).pairCounters(id) : undefined),
    pairActivity: (id) => (owners.has(id) ? ownPath(id).pairActivity(id) : undefined),
    engineCounters() {
      const sum = sumCounters(paths.map((path) => path.engineCounters()));
      const dropped = paths.reduce((drops, _, i) => drops + handoverOf(i).handoverDrops, 0);
      return { ...sum, drops: { ...sum.drops, 'handover-full': dropped } };
    },
    workers: () =>
      paths.map((path, i) => {
        const { inPackets, outPackets } = path.engineCounters();
        return { pairs: pairs[i] ?? 0, inPackets, outPackets, ...handoverOf(i) };
      }),
    sendKeepalive: (to) => first.sendKeepalive(to),
    async stop(): Promise<void> {
      await Promise.all(paths.map((path) => path.stop()));
    },
  };
}
