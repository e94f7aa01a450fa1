/** A full client, wired from the packages by hand: what `createClient` of @ipsec-kit/vpn does, to read at one sitting.
 * Needs root. Run: `main.ts SERVER SECRET [REMOTE_TS]`; Ctrl-C ends it.
 */
import { once } from 'node:events';
import { createSecretStore } from '@ipsec-kit/auth';
import { addMs } from '@ipsec-kit/clock';
import { createSystemClock } from '@ipsec-kit/clock/system';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import { createInlinePath } from '@ipsec-kit/datapath';
import {
  createAddressPools,
  createIkeEndpoint,
  createRequestHandler,
  type SessionEvent,
} from '@ipsec-kit/ikev2';
import { parseAddress } from '@ipsec-kit/ip';
import { createScheduler } from '@ipsec-kit/scheduler';
import { createTun } from '@ipsec-kit/tun-adapter';
import { createUdpAdapter, localAddressFor } from '@ipsec-kit/udp-adapter';
import {
  compileOptions,
  createChildInstaller,
  createDriver,
  createTunConfigurator,
  initialPath,
  poolConfigs,
  publicEvent,
} from '@ipsec-kit/vpn';

const [serverText = '', secret = '', remoteTs = '10.77.0.0/16'] = process.argv.slice(2);
const server = parseAddress(serverText);
if (!server || secret === '') throw new Error('usage: main.ts SERVER SECRET [REMOTE_TS]');

// What is wanted, in the words of swanctl.conf, made into what the protocol packages take.
const compiled = compileOptions({
  connections: {
    home: {
      remoteAddrs: [serverText],
      vips: ['0.0.0.0'],
      local: { id: 'client' },
      remote: { id: 'server' },
      children: { net: { remoteTs: [remoteTs] } },
    },
  },
  secrets: [{ secret }],
});
if (!compiled.ok) throw new Error(compiled.errors.map((error) => error.message).join('\n'));
const { connections, settings, secrets } = compiled.value;

// The world: time, randomness, arithmetic, sockets and a device.
const clock = createSystemClock();
const random = systemRandom();
const crypto = createNodeProvider();
const local = await localAddressFor({ address: server, port: 500 });
const tun = await createTun();
const udp = await createUdpAdapter({
  bind: [
    { address: local, port: 0 },
    { address: local, port: 0 },
  ],
});
const [ike = 0, natT = 0] = udp.ports;

// The packet path: TUN <-> engine <-> UDP. IKE messages and facts go to the driver.
const packets = createInlinePath({
  tun,
  udp,
  crypto,
  random,
  isMarkedPort: (port) => port === natT,
  onIke: (message, path, marker) => driver.receive(message, path, marker),
  onFacts: (facts) => driver.noteFacts(facts),
});

// The control plane: the IKE machine, and the driver that performs what it puts out.
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
  installer: createChildInstaller({
    packetPath: packets,
    crypto,
    tun: createTunConfigurator(tun, ({ routes }) => console.log(`${routes.length} routes set`)),
  }),
  onEvent(event) {
    console.log(JSON.stringify(publicEvent(event)));
    if (event.kind === 'session-closed') ended(event);
  },
});

let ended: (event: SessionEvent) => void = () => undefined;
const end = new Promise<SessionEvent>((resolve) => {
  ended = resolve;
});
driver.command({
  kind: 'initiate',
  sessionId: 1,
  connection: 'home',
  ...initialPath({ local, remote: server }, 500, { ike, natT }),
});

await Promise.race([end, once(process, 'SIGINT'), once(process, 'SIGTERM')]);
driver.command({ kind: 'close', sessionId: 1, giveUpAt: addMs(clock.now(), 3_000) });
await end;

// Down, in the opposite order; the device takes its addresses and routes with it.
driver.stop();
await packets.stop();
await udp.close();
await tun.close();
