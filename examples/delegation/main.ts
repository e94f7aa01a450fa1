/** A session is opened, kept alive by another process for a while, and taken back in step. `main.ts [SERVER SECRET [SECONDS]]` */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { DelegateReport, Delegation, EndpointInput, SessionEvent } from '@ipsec-kit/ikev2';
import { type Path, parseAddress } from '@ipsec-kit/ip';
import { localAddressFor } from '@ipsec-kit/udp-adapter';
import { createPacketPort, createServer, type Server } from '@ipsec-kit/vpn';
import { Owner } from './owner.ts';

/** What goes through the pipe to the delegate. */
export interface Handed {
  readonly delegation: Delegation;
  readonly local: Path['local'];
}

/** What comes back. */
interface Returned {
  readonly reason: string;
  readonly report: DelegateReport;
  readonly datagram?: EndpointInput;
}

const [address = '127.0.0.1', secret = 'a secret that both sides know', seconds = '5'] =
  process.argv.slice(2);
const server = process.argv.length > 2 ? undefined : await startServer();
const remote = parseAddress(address);
if (!remote) throw new Error('usage: main.ts [SERVER SECRET [SECONDS]]');
const to = { address: remote, port: server?.ports.natT ?? 4500 };

const events: SessionEvent[] = [];
const owner = new Owner(address, secret, (event) => {
  events.push(event);
  if (event.kind === 'session-closed') console.log(`closed: ${event.failure.sentence}`);
});
const path: Path = { local: { address: await localAddressFor(to), port: 0 }, remote: to };
const { local } = await owner.open(path);
await happens('child-opened');
await pause(500);

const child = await startDelegate();
const delegation = await owner.delegate();
console.log(`delegated: ${JSON.stringify(delegation).length} bytes`);
const { reason, report, datagram } = await keepAlive(child, { delegation, local });
console.log(
  `taken back (${reason}): ${report.answered} requests answered, ${report.keepalives} keepalives sent`,
);
await owner.takeBack(local, report, datagram);

owner.command('check-liveness');
await happens('liveness-confirmed');
owner.command('rekey-ike');
await happens('session-rekeyed');
console.log('in step: the server answers, and the IKE SA has new keys');

owner.command('close');
await happens('session-closed');
await owner.stop();
await server?.close();

/** Starts the small process; it has nothing to do yet. */
async function startDelegate(): Promise<ChildProcess> {
  const started = fork(new URL('delegate.ts', import.meta.url), { serialization: 'advanced' });
  await once(started, 'message');
  return started;
}

/** Lets it keep the session alive for some seconds, or until it wants us. */
async function keepAlive(process: ChildProcess, handed: Handed): Promise<Returned> {
  const returned = new Promise<Returned>((resolve, reject) => {
    process.once('message', (message: Returned) => resolve(message));
    process.once('exit', () => reject(new Error('The delegate gave nothing back.')));
  });
  process.send(handed);
  const asked = setTimeout(
    () => process.connected && process.send('return'),
    Number(seconds) * 1_000,
  );
  try {
    return await returned;
  } finally {
    clearTimeout(asked);
    if (process.exitCode === null) await once(process, 'exit');
  }
}

async function happens(kind: SessionEvent['kind']): Promise<void> {
  const from = kind === 'child-opened' ? 0 : events.length;
  for (let i = 0; i < 200; i += 1) {
    if (events.slice(from).some((event) => event.kind === kind)) return;
    if (events.some((event) => event.kind === 'session-closed')) break;
    await pause(50);
  }
  throw new Error(`The session did not come to "${kind}".`);
}

/** A server that asks every second whether its client lives. */
async function startServer(): Promise<Server> {
  const made = createServer({
    tun: createPacketPort().tun,
    options: {
      connections: {
        office: {
          localAddrs: ['127.0.0.1'],
          pools: ['guests'],
          dpdDelayMs: 1_000,
          local: { id: 'office' },
          remote: {},
          children: { net: { localTs: ['10.77.0.0/16'] } },
        },
      },
      pools: { guests: { addrs: '10.88.0.0/24' } },
      secrets: [{ secret }],
      settings: { port: 0, portNatT: 0 },
    },
  });
  await made.open();
  return made;
}
