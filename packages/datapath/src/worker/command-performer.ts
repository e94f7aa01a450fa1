import type { Path } from '@ipsec-kit/ip';
import type { PacketEngine } from '@ipsec-kit/ipsec';
import { errnoName } from '@ipsec-kit/posix';
import { sendFailedFacts } from '../pair-activity.ts';
import { obeyInEngine } from './engine-command.ts';
import type { MainThread } from './main-thread.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import type { PacketCarrier } from './packet-carrier.ts';
import { sentenceOf } from './sentence-of.ts';
import type { WorkerPairs } from './worker-pairs.ts';
import type { WorkerSockets } from './worker-sockets.ts';

/** What commands are about. */
export interface CommandTargets {
  readonly engine: PacketEngine;
  readonly pairs: WorkerPairs;
  readonly sockets: WorkerSockets;
  readonly carrier: PacketCarrier;
  readonly mainThread: MainThread;
  readonly tell: (message: FromWorker) => void;
  /** There are other sockets from now on. */
  readonly onSockets: () => void;
  readonly onStop: () => void;
}

/** Does what the main thread commands, one after the other. */
export function commandPerformer(targets: CommandTargets): (command: ToWorker) => void {
  const { engine, pairs, sockets, carrier, tell, onSockets, onStop } = targets;

  function answer(id: number, install: () => void): void {
    try {
      install();
      tell({ kind: 'done', id });
    } catch (error) {
      tell({ kind: 'done', id, failure: sentenceOf(error) });
    }
  }

  function sendOne(datagram: Uint8Array, path: Path): void {
    const { counted } = carrier;
    if (datagram.length === 1) counted.keepalivesSent += 1;
    else counted.ikeSent += 1;
    const errno = sockets.sendOne(datagram, path);
    const facts = errno === 0 ? [] : sendFailedFacts(path, errnoName(errno));
    if (facts.length > 0) targets.mainThread.hint(facts);
  }

  return (command) => {
    switch (command.kind) {
      case 'install':
        answer(command.id, () => pairs.install(command.pair, command.counters));
        return;
      case 'install-elsewhere':
        answer(command.id, () => pairs.installElsewhere(command.pair, command.outboundSpi));
        return;
      case 'sync':
        tell({ kind: 'done', id: command.id });
        return;
      case 'activate':
        engine.activateOutbound(command.pairId);
        // What waited goes before anything newer, and before the message that may follow.
        carrier.sendHeld();
        return;
      case 'remove':
        pairs.remove(command.pairId);
        return;
      case 'dummy':
        carrier.sendDummy(command.pairId, command.bytes);
        return;
      case 'probe':
        carrier.sendProbe(command.pairId, command.probe);
        return;
      case 'send':
        sendOne(command.datagram, command.path);
        return;
      case 'add-socket':
        sockets.add(command.descriptor, command.isMarked);
        onSockets();
        return;
      case 'remove-socket':
        sockets.remove(command.fd);
        onSockets();
        tell({ kind: 'done', id: command.id });
        return;
      case 'stop':
        onStop();
        return;
      default:
        obeyInEngine(engine, command);
    }
  };
}
