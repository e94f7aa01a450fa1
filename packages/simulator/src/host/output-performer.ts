import type { Answer, Request, SessionEvent } from '@ipsec-kit/ikev2';
import type { IpAddress, Path } from '@ipsec-kit/ip';
import { natKeepalive, prependMarker } from '@ipsec-kit/nat-t';
import type { PlainOutput } from './endpoint-driver.ts';
import type { HostObserver } from './host-observer.ts';
import type { InnerTraffic } from './inner-traffic.ts';
import type { PacketPath } from './packet-path.ts';
import type { ScratchPorts } from './scratch-ports.ts';
import type { SimulatedWorker } from './simulated-host-options.ts';

/** What an {@link OutputPerformer} works with. */
export interface OutputPerformerOptions {
  readonly packets: PacketPath;
  readonly inner: InnerTraffic;
  readonly worker: SimulatedWorker;
  readonly scratchPorts: ScratchPorts;
  readonly observer: HostObserver;
  /** Outer addresses of the host now. */
  readonly addresses: () => readonly IpAddress[];
  /** Puts an IKE message or a keepalive on the network. */
  readonly sendIke: (path: Path, data: Uint8Array) => void;
  readonly onEvent: (event: SessionEvent) => void;
}

/** Does for the IKE endpoint of a simulated host what it puts out, on the parts of the host. */
export class OutputPerformer {
  readonly #options: OutputPerformerOptions;

  constructor(options: OutputPerformerOptions) {
    this.#options = options;
  }

  /** Does the work of a request. @throws Error when a provider does not answer at once. */
  answer(request: Request): Answer {
    const { packets, worker, scratchPorts, observer, addresses } = this.#options;
    if (request.kind === 'install-child') {
      observer.installing?.(request.child);
      return packets.install(request.child);
    }
    if (request.kind === 'open-scratch-port') {
      const local = scratchPorts.open(addresses(), request.remote);
      return { kind: 'open-scratch-port', local };
    }
    const answer = worker.handle(request);
    if (answer instanceof Promise) {
      throw new Error(
        `a simulation cannot wait for a promise: ${request.kind} needs a provider that answers at once`,
      );
    }
    return answer;
  }

  /** Does what wants no answer. */
  perform(output: PlainOutput): void {
    const { packets, inner, worker, scratchPorts, observer, sendIke, onEvent } = this.#options;
    switch (output.kind) {
      case 'send':
        sendIke(output.path, output.marker ? prependMarker(output.data) : output.data);
        return;
      case 'send-keepalive':
        sendIke(output.path, natKeepalive());
        return;
      case 'send-esp-keepalive':
        inner.sendSealed(packets.sealKeepalive(output.childId));
        return;
      case 'close-scratch-port':
        scratchPorts.close(output.local);
        return;
      case 'remove-child':
        observer.removed?.(output.childId, packets.children.has(output.childId));
        packets.remove(output.childId);
        return;
      case 'move-child':
        packets.move(output.childId, output.path);
        return;
      case 'activate-child':
        packets.activate(output.childId);
        inner.sendSealed(packets.sealHeld());
        return;
      case 'deactivate-child':
        packets.deactivate(output.childId);
        return;
      case 'reserve-spi':
        observer.reserved?.(output.spi);
        packets.reserveSpi(output.spi);
        return;
      case 'release-spi':
        observer.released?.(output.spi);
        packets.releaseSpi(output.spi);
        return;
      case 'release-lease':
        worker.release(output.lease);
        return;
      case 'end-eap':
        return;
      case 'event':
        onEvent(output.event);
        return;
      default:
        unreachable(output);
    }
  }
}

function unreachable(output: never): never {
  throw new Error(`unhandled output ${JSON.stringify(output)}`);
}
