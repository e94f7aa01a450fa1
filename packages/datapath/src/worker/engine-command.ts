import type { PacketEngine } from '@ipsec-kit/ipsec';
import type { ToWorker } from './messages.ts';

/** Commands that concern the engine alone. */
export type EngineCommand = Extract<
  ToWorker,
  {
    readonly kind:
      | 'deactivate'
      | 'move-peer'
      | 'inner-mtu'
      | 'ask-source'
      | 'reserve-spi'
      | 'release-spi'
      | 'install-trap'
      | 'remove-trap'
      | 'rearm-trap';
  }
>;

/** Does what is to be done in the engine, and neither sends nor tells anything. */
export function obeyInEngine(engine: PacketEngine, command: EngineCommand): void {
  switch (command.kind) {
    case 'deactivate':
      engine.deactivateOutbound(command.pairId);
      return;
    case 'move-peer':
      engine.movePeer(command.pairId, command.path);
      return;
    case 'inner-mtu':
      engine.changeInnerMtu(command.pairId, command.innerMtu);
      return;
    case 'ask-source':
      engine.askForSource(command.pairId);
      return;
    case 'reserve-spi':
      engine.reserveSpi(command.spi);
      return;
    case 'release-spi':
      engine.releaseSpi(command.spi);
      return;
    case 'install-trap':
      engine.installTrap(command.trap);
      return;
    case 'remove-trap':
      engine.removeTrap(command.trapId);
      return;
    case 'rearm-trap':
      engine.rearmTrap(command.trapId);
      return;
    default:
      unreachable(command);
  }
}

function unreachable(value: never): never {
  throw new Error(`nothing is known of ${JSON.stringify(value)}`);
}
