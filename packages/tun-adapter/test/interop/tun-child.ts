/** Runs inside a network namespace and does what its parent says, one JSON line for each step. */
import { createInterface } from 'node:readline';
import { type PacketBatch, parseAddress, parsePrefix } from '@ipsec-kit/ip';
import { createTun, type TunAdapter, type TunSettings } from '../../src/index.ts';

/** Settings as text. */
export interface SettingsText {
  readonly addresses?: readonly string[];
  readonly routes?: readonly string[];
  readonly dns?: readonly string[];
  readonly excluded?: readonly string[];
  readonly mtu?: number;
}

/** What the parent may say. */
export type Step =
  | { readonly do: 'create'; readonly name?: string; readonly stateDirectory: string }
  | { readonly do: 'configure'; readonly settings: SettingsText }
  | { readonly do: 'become'; readonly uid: number }
  | { readonly do: 'error' }
  | { readonly do: 'close' }
  | { readonly do: 'exit' };

const open: TunAdapter[] = [];
const errors: string[] = [];

function known<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the test wrote something that is no address');
  return value;
}

function toSettings(text: SettingsText): TunSettings {
  const { addresses = [], routes = [], dns = [], excluded = [], mtu = 1400 } = text;
  return {
    mtu,
    addresses: addresses.map((each) => known(parsePrefix(each))),
    routes: routes.map((each) => known(parsePrefix(each))),
    dns: dns.map((each) => ({ server: known(parseAddress(each)) })),
    excluded: excluded.map((each) => known(parseAddress(each))),
  };
}

/** Answers ICMP and ICMPv6 echo requests, whatever address they go to. */
function answerEchoes(tun: TunAdapter, batch: PacketBatch): void {
  const { memory } = batch;
  for (let i = 0; i < batch.count; i += 1) {
    const at = batch.offsets[i] ?? 0;
    const isIpv6 = (memory[at] ?? 0) >> 4 === 6;
    const [addresses, bytes, header] = isIpv6 ? [at + 8, 16, 40] : [at + 12, 4, 20];
    const source = memory.slice(addresses, addresses + bytes);
    memory.copyWithin(addresses, addresses + bytes, addresses + 2 * bytes);
    memory.set(source, addresses + bytes);
    // Request to reply: 8 to 0 in IPv4, 128 to 129 in IPv6; the checksum moves by as much the other way (RFC 1624).
    const icmp = at + header;
    memory[icmp] = isIpv6 ? 129 : 0;
    const sum =
      (((memory[icmp + 2] ?? 0) << 8) | (memory[icmp + 3] ?? 0)) + (isIpv6 ? 0xfeff : 0x0800);
    const folded = (sum & 0xffff) + (sum >> 16);
    memory[icmp + 2] = folded >> 8;
    memory[icmp + 3] = folded;
  }
  tun.write(batch);
}

async function perform(step: Step): Promise<unknown> {
  switch (step.do) {
    case 'create': {
      const { name, stateDirectory } = step;
      const tun = await createTun({ stateDirectory, ...(name === undefined ? {} : { name }) });
      tun.onError((error) => errors.push(error.message));
      tun.onPackets((batch) => answerEchoes(tun, batch));
      open.push(tun);
      return { name: tun.name };
    }
    case 'configure':
      await open[0]?.configure(toSettings(step.settings));
      return { errors };
    case 'become':
      process.setgid?.(step.uid);
      process.setuid?.(step.uid);
      return {};
    case 'error':
      while (errors.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      return { errors };
    case 'close':
      await Promise.all(open.map((tun) => tun.close()));
      return { counters: open[0]?.counters };
    case 'exit':
      return process.exit(7);
  }
}

// In the order of the steps: one answer for each line.
let last: Promise<void> = Promise.resolve();
createInterface({ input: process.stdin }).on('line', (line) => {
  last = last.then(async () => {
    const answer = await perform(JSON.parse(line)).catch((error: unknown) => ({
      failed: error instanceof Error ? error.message : String(error),
    }));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  });
});
