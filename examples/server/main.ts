/** A full server, wired from the packages by hand: what `createServer` of @ipsec-kit/vpn does, to read at one sitting.
 * Needs root. Run: `main.ts SECRET [LOCAL_TS]`; Ctrl-C ends it.
 */
import { once } from 'node:events';
import { createSecretStore } from '@ipsec-kit/auth';
import { addMs } from '@ipsec-kit/clock';
import { createSystemClock } from '@ipsec-kit/clock/system';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import { createInlinePath } from '@ipsec-kit/datapath';
import { createAddressPools, createIkeEndpoint, createRequestHandler } from '@ipsec-kit/ikev2';
import { formatEndpoint, parsePrefix } from '@ipsec-kit/ip';
import { createScheduler } from '@ipsec-kit/scheduler';
import { createTun } from '@ipsec-kit/tun-adapter';
import { createUdpAdapter } from '@ipsec-kit/udp-adapter';
import {
  compileOptions,
  createChildInstaller,
  createDriver,
  createTunConfigurator,
  poolConfigs,
  publicEvent,
} from '@ipsec-kit/vpn';

const [secret = '', localTs = '10.77.0.0/16'] = process.argv.slice(2);
if (secret === '') throw new Error('usage: main.ts SECRET [LOCAL_TS]');
const poolText = '10.88.0.0/24';
const pool = parsePrefix(poolText);
if (!pool) throw new Error(`${poolText} is no prefix`);

// What is offered, in the words of swanctl.conf, made into what the protocol packages take.
const compiled = compileOptions({
  connections: {
    office: {
      pools: ['guests'],
      local: { id: 'server' },
      remote: {},
      children: { net: { localTs: [localTs] } },
    },
  },
  pools: { guests: { addrs: poolText } },
  secrets: [{ secret }],
});
if (!compiled.ok) throw new Error(compiled.errors.map((error) => error.message).join('\n'));
const { connections, settings, secrets } = compiled.value;

// The world: time, randomness, arithmetic, a device, and sockets on every address of this host.
const clock = createSystemClock();
const random = systemRandom();
const crypto = createNodeProvider();
const tun = await createTun();
const udp = await createUdpAdapter({ bind: { ports: [500, 4500] } });
// Interfaces come and go: look again now and then.
const looking = setInterval(() => void udp.refresh(), 2_000);

// The packet path: TUN <-> engine <-> UDP. IKE messages and facts go to the driver.
const packets = createInlinePath({
  tun,
  udp,
  crypto,
  random,
  isMarkedPort: (port) => port === 4500,
  onIke: (message, path, marker) => driver.receive(message, path, marker),
  onFacts: (facts) => driver.noteFacts(facts),
});
const installer = createChildInstaller({
  packetPath: packets,
  crypto,
  tun: createTunConfigurator(tun, ({ routes }) => console.log(`${routes.length} routes set`)),
  poolPrefixes: [pool],
});

// The control plane: the IKE machine, and the driver that performs what it puts out.
const open = new Set<number>();
let allClosed: () => void = () => undefined;
const pools = createAddressPools(poolConfigs(compiled.value));
const driver = createDriver({
  clock,
  scheduler: createScheduler({ clock }),
  endpoint: createIkeEndpoint({ connections, settings, crypto, random, jitter: Math.random }),
  pools,
  requests: createRequestHandler({
    crypto,
    random,
    secrets: createSecretStore(secrets),
    pools,
  }),
  control: {
    ...packets,
    sendEspKeepalive: (pairId) => packets.sendDummy(pairId, 0),
  },
  installer,
  onEvent(event) {
    console.log(JSON.stringify(publicEvent(event)));
    if (event.kind === 'session-opened') open.add(event.sessionId);
    if (event.kind === 'session-closed') open.delete(event.sessionId);
    if (open.size === 0) allClosed();
  },
});
await installer.prepare();
console.log(`listening on ${udp.endpoints.map(formatEndpoint).join(', ')}`);

await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
const closed = new Promise<void>((resolve) => {
  allClosed = resolve;
});
const giveUpAt = addMs(clock.now(), 3_000);
for (const sessionId of open) driver.command({ kind: 'close', sessionId, giveUpAt });
if (open.size > 0) await closed;

// Down, in the opposite order; the device takes its addresses and routes with it.
clearInterval(looking);
driver.stop();
await packets.stop();
await udp.close();
await tun.close();
