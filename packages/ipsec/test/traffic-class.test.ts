import { internetChecksum, readTrafficClass, writeTrafficClass } from '@ipsec-kit/ip';
import type { PacketEngine } from '@ipsec-kit/ipsec';
import { describe, expect, it } from 'vitest';
import {
  clientPair,
  drops,
  engine,
  open,
  packets,
  released,
  seal,
  serverPair,
  serverPath,
  tunnel,
  udp,
} from './engine-fixture.ts';

const NOT_ECT = 0;
const ECT1 = 1;
const ECT0 = 2;
const CE = 3;
const DSCP = 46 << 2;

const families = [
  { version: 4, from: '10.0.0.5:1', to: '10.1.2.3:1' },
  { version: 6, from: '[2001:db8:a::1]:1', to: '[2001:db8:b::1]:1' },
] as const;
type Family = (typeof families)[number];

function marked({ version, from, to }: Family, trafficClass: number): Uint8Array {
  const packet = udp(from, to);
  writeTrafficClass(packet, 0, version, trafficClass);
  return packet;
}

function sealed(client: PacketEngine, inner: Uint8Array): { esp: Uint8Array[]; class: number } {
  const { esp } = seal(client, [inner]);
  return { esp: packets(esp), class: esp.trafficClasses?.[0] ?? -1 };
}

describe.each(families)('the outer header of an IPv$version packet', (family) => {
  it.each([NOT_ECT, ECT1, ECT0, CE])('has its ECN field %d (RFC 6040 §4.1)', (ecn) => {
    const { client } = tunnel({ more: { copyDscp: false } });
    expect(sealed(client, marked(family, DSCP | ecn)).class).toBe(ecn);
  });

  it('has its DSCP, unless that is not wanted (RFC 4301 §5.1.2)', () => {
    expect(sealed(tunnel().client, marked(family, DSCP)).class).toBe(DSCP);
    const { client } = tunnel({ more: { copyDscp: false } });
    expect(sealed(client, marked(family, DSCP)).class).toBe(0);
  });

  it('has it for each packet of a batch, and for each fragment', () => {
    const { client } = tunnel({ innerMtu: 600 });
    const inner = [marked(family, ECT0), marked(family, NOT_ECT), marked(family, DSCP | CE)];
    // A packet that is dropped leaves no mark on the one behind it.
    inner.splice(1, 0, udp('10.9.9.9:1', '10.9.9.8:1'));
    const { esp } = seal(client, inner);
    expect([...(esp.trafficClasses ?? [])].slice(0, 3)).toEqual([ECT0, NOT_ECT, DSCP | CE]);
    const long = udp('10.0.0.5:1', '10.1.2.3:1', 1400);
    long[6] = 0;
    writeTrafficClass(long, 0, 4, ECT1);
    const fragments = seal(client, [long]).esp;
    expect([...(fragments.trafficClasses ?? [])].slice(0, fragments.count)).toEqual([1, 1, 1]);
  });
});

describe.each(families)('an IPv$version packet that comes out of a tunnel', (family) => {
  it.each([
    [NOT_ECT, [NOT_ECT, NOT_ECT, NOT_ECT, -1], [0, 1, 1, 1]],
    [ECT0, [ECT0, ECT1, ECT0, CE], [0, 0, 0, 0]],
    [ECT1, [ECT1, ECT1, ECT1, CE], [0, 0, 1, 0]],
    [CE, [CE, CE, CE, CE], [0, 1, 0, 0]],
  ])(
    'with ECN %d has what Figure 4 says, by outer field (RFC 6040 §4.2)',
    (inner, row, strange) => {
      for (const outer of [NOT_ECT, ECT1, ECT0, CE]) {
        const { client, server } = tunnel();
        const packet = marked(family, DSCP | inner);
        const [opened] = open(server, sealed(client, packet).esp, serverPath, outer);
        expect(server.counters().strangeEcnPackets).toBe(strange[outer]);
        const expected = row[outer] ?? -1;
        if (expected < 0) {
          expect([opened, drops(server)]).toEqual([undefined, { 'ce-on-not-ect': 1 }]);
          continue;
        }
        writeTrafficClass(packet, 0, family.version, DSCP | expected);
        expect(opened).toEqual(packet);
        if (family.version === 4) expect(internetChecksum(packet, 0, 20)).toBe(0);
      }
    },
  );

  it('keeps its own DSCP, whatever the outer one is (RFC 4301 §5.1.2.2)', () => {
    const { client, server } = tunnel();
    const packet = marked(family, DSCP | ECT0);
    const [opened] = open(server, sealed(client, packet).esp, serverPath, (10 << 2) | ECT0);
    expect(opened).toEqual(packet);
  });

  it('hears of congestion also when it was held for its SA', () => {
    const client = engine();
    const server = engine();
    client.install(clientPair());
    server.reserveSpi(clientPair().outbound.spi);
    const { esp } = sealed(client, marked(family, ECT0));
    expect(open(server, esp, serverPath, CE)).toEqual([]);
    server.install(serverPair(clientPair()));
    const [opened] = released(server);
    expect(opened && readTrafficClass(opened, 0, family.version)).toBe(CE);
  });
});
