/** A client on a TUN device whose session another process keeps alive for a while: SIGUSR2 hands it over, SIGHUP takes it back,
 * SIGTERM ends it. `delegating-client.ts DELEGATE-SCRIPT SWANCTL.CONF STRONGSWAN.CONF`
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createClient, type HandedDatagram } from '@ipsec-kit/vpn';
import { loadSwanctl } from '@ipsec-kit/vpn/swanctl';

/** What the delegate gives back. */
interface Returned {
  readonly reason: string;
  readonly report: { readonly answered: number; readonly keepalives: number };
  readonly datagram?: HandedDatagram;
}

const [script = '', configFile = '', settingsFile = ''] = process.argv.slice(2);
const loaded = loadSwanctl({ configFile, settingsFile });
if (!loaded.ok) throw new Error(loaded.errors.map(({ message }) => message).join('\n'));
const warnings: string[] = [];
const client = createClient({
  options: loaded.value.options,
  onEvent(event) {
    if (event.kind === 'warning-raised') warnings.push(event.sentence);
    if (event.kind === 'session-closed') say('closed', event);
  },
});
let delegate: ChildProcess | undefined;

await client.open();
for (const [signal, act] of [
  ['SIGUSR2', handOver],
  ['SIGHUP', takeBack],
  ['SIGTERM', close],
] as const) {
  process.on(signal, () => void act().catch((error: unknown) => say('failed', String(error))));
}
say('open', spis());

/** It may have to wait for an exchange that is under way, so the delegate is started before. */
async function handOver(): Promise<void> {
  const started = fork(script, { serialization: 'advanced' });
  await once(started, 'message');
  delegate = started;
  const { delegation, local } = await client.delegate();
  started.send({ delegation, local });
  say('delegated', { pid: started.pid, port: local.port });
}

async function takeBack(): Promise<void> {
  if (!delegate) throw new Error('nothing is delegated');
  const [returned] = (await Promise.all([once(delegate, 'message'), delegate.send('return')]).then(
    ([message]) => message,
  )) as [Returned];
  if (delegate.exitCode === null) await once(delegate, 'exit');
  const { reason, report, datagram } = returned;
  await client.takeBack(report, datagram);
  const { answered, keepalives } = report;
  say('taken back', { reason, answered, keepalives, ...spis(), warnings });
}

async function close(): Promise<void> {
  await client.close();
  process.exit();
}

/** Of the IKE SA, and of the Child SA: the same ones are the same keys. */
function spis(): { readonly spis: readonly string[] } {
  const { sessions } = client.status();
  return {
    spis: sessions.flatMap(({ initiatorSpi, responderSpi, children }) => [
      `${initiatorSpi} ${responderSpi}`,
      ...children.map(({ inboundSpi, outboundSpi }) => `${inboundSpi} ${outboundSpi}`),
    ]),
  };
}

function say(what: string, facts: unknown): void {
  process.stdout.write(`${what}: ${JSON.stringify(facts)}\n`);
}
