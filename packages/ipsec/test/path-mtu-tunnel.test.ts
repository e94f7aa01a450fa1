import { instantFromMs } from '@ipsec-kit/clock';
import { answerIcmpEcho, parseAddress } from '@ipsec-kit/ip';
import { createPathMtu, innerMtuOfPath, type PathMtuInput } from '@ipsec-kit/ipsec';
import { describe, expect, it } from 'vitest';
import {
  batch,
  clientPath,
  drops,
  gcm,
  open,
  packets,
  provider,
  seal,
  tunnel,
  udp,
} from './engine-fixture.ts';

const OUTER_BYTES = 28;

function known<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('a value of the test is not there');
  return value;
}
const shape = known(provider.cipherShape(gcm));
const source = known(parseAddress('10.0.0.5'));
const destination = known(parseAddress('10.1.0.1'));

/** A tunnel over a path that swallows outer packets above `pathMtu`, and a discovery that has nothing but its probes. */
function probedTunnel(pathMtu: number) {
  const { client, server } = tunnel({ innerMtu: innerMtuOfPath(shape, 1500, 4) });
  const machine = createPathMtu({ outerVersion: 4 });
  const tunnelAt = { nowMs: 0, innerMtu: 0 };
  const carry = (esp: readonly Uint8Array[]): Uint8Array[] =>
    esp.filter(({ length }) => length + OUTER_BYTES <= pathMtu);

  function give(input: PathMtuInput): void {
    for (const output of machine.handle(input)) {
      if (output.kind === 'silent') throw new Error('nothing is lost but what is too large');
      const inner = innerMtuOfPath(shape, output.bytes, 4);
      if (output.kind === 'path-mtu') {
        tunnelAt.innerMtu = inner;
        client.changeInnerMtu(1, inner);
      } else {
        const into = batch();
        const sequence = output.probeId;
        client.sealProbe(1, { source, destination, identifier: 9, sequence, bytes: inner }, into);
        const requests = open(server, carry(packets(into)));
        const answers = requests.flatMap((request) => answerIcmpEcho(request) ?? []);
        open(client, carry(packets(seal(server, answers).esp)), clientPath);
      }
    }
    for (const fact of client.drainFacts()) {
      if (fact.kind !== 'probe-answered') continue;
      give({ kind: 'answered', now: input.now, probeId: fact.sequence });
    }
  }

  function run(ms: number): void {
    const end = tunnelAt.nowMs + ms;
    for (let next = machine.nextDeadline(); next && next.at <= end; next = machine.nextDeadline()) {
      tunnelAt.nowMs = next.at;
      give({ kind: 'timeout', now: instantFromMs(next.at) });
    }
    tunnelAt.nowMs = end;
  }

  give({ kind: 'path', now: instantFromMs(0), linkMtu: 1500 });
  return { client, server, machine, run, carry, tunnelAt };
}

describe('a tunnel over a black hole (RFC 8899 §4.3)', () => {
  it.each([1500, 1492, 1420, 1400, 1317])(
    'carries packets of every size over a path of %d bytes, or says that they are too big',
    (pathMtu) => {
      const { client, server, run, carry, tunnelAt } = probedTunnel(pathMtu);
      run(30_000);
      for (let bytes = 1200; bytes <= 1500; bytes += 1) {
        const packet = udp('10.0.0.5:1', '10.1.2.3:1', bytes - 28);
        const { esp, toTun } = seal(client, [packet]);
        const carried = open(server, carry(packets(esp)));
        // Never a third way: sent, and gone.
        expect([carried.length, toTun.length]).toEqual(
          bytes <= tunnelAt.innerMtu ? [1, 0] : [0, 1],
        );
      }
      const lost = innerMtuOfPath(shape, pathMtu, 4);
      expect(lost - tunnelAt.innerMtu).toBeLessThanOrEqual(8);
      expect(drops(server)).toEqual({});
    },
  );
});
