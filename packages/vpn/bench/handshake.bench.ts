import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { addMs } from '@ipsec-kit/clock';
import type { SessionEvent } from '@ipsec-kit/ikev2';
import { loopbackAddress } from '@ipsec-kit/ip';
import { compiledOrThrow } from '../src/compiled-or-throw.ts';
import { createPacketPort, type InitialPath, initialPath, nodePlatform } from '../src/index.ts';
import { openTunnelHost, type TunnelHost } from '../src/tunnel-host.ts';

/** One line of the report. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const WARM_UP_MS = 1_000;
const MEASURE_MS = 4_000;
/** Enough to keep the server busy while answers travel. */
const AT_ONCE = 16;

/** Handshakes (IKE_SA_INIT with x25519, IKE_AUTH with a pre-shared key, virtual address, first Child SA) that one
 * server process completes over the loopback; each session is closed again with a DELETE.
 */
export async function bench(): Promise<Row[]> {
  const server = fork(new URL('./handshake-server.ts', import.meta.url), {
    execArgv: ['--import', 'tsx', '--conditions=@ipsec-kit/source'],
  });
  try {
    const { port } = (await answer(server)) as { port: number };
    const initiator = await openInitiator(port);
    await pause(WARM_UP_MS);
    const cpuBefore = await cpuMicros(server);
    const [before, startedAt] = [initiator.opened(), performance.now()];
    await pause(MEASURE_MS);
    const handshakes = initiator.opened() - before;
    const seconds = (performance.now() - startedAt) / 1000;
    const cpu = (await cpuMicros(server)) - cpuBefore;
    await initiator.close();
    return [
      {
        name: 'handshakes over loopback, one server process',
        value: handshakes / seconds,
        unit: '1/s',
      },
      {
        name: 'server CPU time of a handshake and its DELETE',
        value: cpu / handshakes,
        unit: 'µs',
      },
    ];
  } finally {
    server.disconnect();
  }
}

interface Initiator {
  opened(): number;
  close(): Promise<void>;
}

/** One process that is many clients: as soon as a session is open it is closed and the next one begins. */
async function openInitiator(port: number): Promise<Initiator> {
  const world = nodePlatform();
  const address = loopbackAddress(4);
  let opened = 0;
  let nextSessionId = 1;
  let isClosing = false;

  const pathFrom = ([ike = 0, natT = 0]: readonly number[]): InitialPath =>
    initialPath({ local: address, remote: address }, port, { ike, natT });

  function initiate(): void {
    if (isClosing) return;
    host.driver.command({
      kind: 'initiate',
      sessionId: nextSessionId++,
      connection: 'home',
      ...pathFrom(host.ports),
    });
  }

  function onSessionEvent(event: SessionEvent): void {
    if (event.kind === 'session-closed') setImmediate(initiate);
    if (event.kind !== 'child-opened') return;
    opened += 1;
    const { sessionId } = event;
    const giveUpAt = addMs(world.clock.now(), 1_000);
    setImmediate(() => host.driver.command({ kind: 'close', sessionId, giveUpAt }));
  }

  const host: TunnelHost = await openTunnelHost({
    compiled: compiledOrThrow({
      connections: {
        home: {
          remoteAddrs: ['127.0.0.1'],
          vips: ['0.0.0.0'],
          proposals: ['aes128gcm16-prfsha256-x25519'],
          unique: 'never',
          local: { id: 'client' },
          remote: { id: 'server' },
          children: { net: { remoteTs: ['10.77.0.0/16'], espProposals: ['aes128gcm16'] } },
        },
      },
      secrets: [{ secret: 'a secret that both sides know' }],
    }),
    world,
    tun: createPacketPort().tun,
    pathTo: async (_, udp) => pathFrom(udp.ports),
    bind: [
      { address, port: 0 },
      { address, port: 0 },
    ],
    poolPrefixes: [],
    onSessionEvent,
    onFatal: (error) => {
      throw error;
    },
  });
  for (let i = 0; i < AT_ONCE; i += 1) initiate();
  return {
    opened: () => opened,
    close(): Promise<void> {
      isClosing = true;
      return host.close();
    },
  };
}

async function cpuMicros(server: ChildProcess): Promise<number> {
  server.send('cpu');
  return ((await answer(server)) as { cpuMicros: number }).cpuMicros;
}

async function answer(server: ChildProcess): Promise<unknown> {
  const [message] = await once(server, 'message');
  return message;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
