// Many clients in one program, each with a certificate and a virtual address of its own, and numbered echoes through each tunnel:
//   many-clients.ts DIRECTORY COUNT SERVER TARGET PER-SECOND
// DIRECTORY is that of `ipsec-kit pki`. Says `ready`; SIGUSR2 begins the sending, SIGINT ends it, and `report [...]` follows.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { buildIcmpEcho, type IpAddress, parseAddress, readIcmpEcho } from '@ipsec-kit/ip';
import { createClient, createPacketPort } from '@ipsec-kit/vpn';
import type { EchoesOfClient } from './clients-report.ts';

const [dir = '', count = '', server = '', targetText = '', perSecond = ''] = process.argv.slice(2);
const target = addressOf(targetText);
/** A server counts half-open IKE SAs of one address, and refuses more than five. */
const AT_ONCE = 3;
const TICK_MS = 10;
const DRAIN_MS = 1_500;
/** What has not arrived by then is lost; a busy machine may keep it for longer than the drain. */
const LOST_AFTER_MS = 10_000;

function addressOf(text: string): IpAddress {
  const address = parseAddress(text);
  if (!address) throw new Error(`${text} is no address`);
  return address;
}

const file = (name: string): string => readFileSync(join(dir, name), 'utf8');

async function open(index: number) {
  const name = `client-${index}@example.org`;
  const port = createPacketPort();
  const report = { name, sent: 0, received: 0, doubled: 0, lastAt: 0, endedAt: 0 };
  const client = createClient({
    tun: port.tun,
    onEvent({ kind }) {
      if (kind === 'session-closed') report.endedAt = Date.now();
    },
    options: {
      connections: {
        home: {
          remoteAddrs: [server],
          remotePort: 4500,
          vips: ['0.0.0.0'],
          keyingTries: 3,
          proposals: ['aes256-sha256-x25519'],
          local: { auth: 'pubkey', certs: [file(`${name}.cert.pem`)], id: name },
          remote: { auth: 'pubkey', cacerts: [file('ca.cert.pem')], id: 'vpn.example.org' },
          children: { net: { remoteTs: [`${targetText}/32`], espProposals: ['aes256gcm16'] } },
        },
      },
      keys: [{ data: file(`${name}.key.pem`) }],
      settings: { port: 0, portNatT: 0, networkMonitor: false },
    },
  });
  await client.open();
  const [source] = port.addresses;
  if (!source) throw new Error(`${name} got no address`);
  const seen = new Set<number>();
  port.onPacket((packet) => {
    const echo = readIcmpEcho(packet);
    // The server asks as well, to find what the path carries.
    if (echo?.kind !== 'reply' || echo.identifier !== index) return;
    if (seen.has(echo.sequence)) report.doubled += 1;
    seen.add(echo.sequence);
    report.received = seen.size;
    report.lastAt = Date.now();
  });
  const send = (): void => {
    if (report.endedAt > 0) return;
    const numbered = { source, destination: target, identifier: index, sequence: report.sent };
    report.sent += 1;
    port.send(buildIcmpEcho({ kind: 'request', ...numbered, data: new Uint8Array(32) }));
  };
  return { client, report, send };
}

const clients: Awaited<ReturnType<typeof open>>[] = [];
for (let next = 1; next <= Number(count); next += AT_ONCE) {
  const indexes = Array.from({ length: AT_ONCE }, (_, i) => next + i);
  const wanted = indexes.filter((index) => index <= Number(count));
  clients.push(...(await Promise.all(wanted.map(open))));
}

/** Whether an echo of a client that is still there is under way. */
function isAwaited(): boolean {
  return clients.some(({ report }) => report.endedAt === 0 && report.received < report.sent);
}

process.once('SIGUSR2', () => {
  let owed = 0;
  let turn = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    // What is late is not sent in a burst: that would measure the queues.
    owed = Math.min(owed + ((now - last) * Number(perSecond)) / 1000, 50);
    last = now;
    for (; owed >= 1; owed -= 1) {
      clients[turn % clients.length]?.send();
      turn += 1;
    }
  }, TICK_MS);
  process.once('SIGINT', async () => {
    clearInterval(timer);
    await pause(DRAIN_MS);
    for (let waitedMs = DRAIN_MS; waitedMs < LOST_AFTER_MS && isAwaited(); waitedMs += TICK_MS)
      await pause(TICK_MS);
    const reports: readonly EchoesOfClient[] = clients.map(({ report }) => report);
    console.log(`report ${JSON.stringify(reports)}`);
    await Promise.all(clients.map(({ client }) => client.close({ patienceMs: 0 })));
    process.exit(0);
  });
});
console.log('ready');
