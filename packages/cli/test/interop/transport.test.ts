import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, createLab, createNatLab, type Host, type Lab } from './lab/lab.ts';
import { Background, run } from './lab/shell.ts';
import { StrongSwan } from './lab/strongswan.ts';
import { transfer } from './lab/transfer.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'strongswan', 'tshark'],
  'transport mode between two of ours and with strongSwan',
);

type Side = 'client' | 'server';

/** swanctl.conf of one side: a Child SA between the two hosts themselves. */
function configuration(side: Side, child: string, family: 4 | 6 = 4): string {
  const peer = side === 'client' ? 'server' : 'client';
  const right = family === 4 ? addresses.right.v4 : addresses.right.v6;
  return `connections {
  hosts {
    version = 2
    ${side === 'client' ? `remote_addrs = ${right}` : `local_addrs = ${right}`}
    encap = yes
    proposals = aes256-sha256-x25519
    local {
      auth = psk
      id = ${side}
    }
    remote {
      auth = psk
      id = ${peer}
    }
    children {
      net {
        esp_proposals = aes256gcm16
        ${child}
      }
    }
  }
}
secrets {
  ike-${peer} {
    id = ${peer}
    secret = "correct horse battery staple"
  }
}
`;
}

/** Runs `body` in a lab, with everything that was printed in the message of a failure. */
async function inLab(nat: boolean, body: (lab: Lab) => Promise<void>): Promise<void> {
  const lab = await (nat ? createNatLab() : createLab());
  try {
    await body(lab);
  } catch (error) {
    throw new Error(`${String(error)}\n${lab.outputs()}`, { cause: error });
  } finally {
    await lab.close();
  }
}

async function serve(host: Host, text: string): Promise<IpsecKit> {
  const server = await IpsecKit.start(host, 'serve', text);
  await server.process.waitFor(/listening/i);
  return server;
}

/** What the wire between the hosts carries, seen by tshark at the right one. */
async function watchWire(lab: Lab): Promise<Background> {
  const capture = lab.right.start('tshark', ['-l', '-n', '-i', 'eth0', '-f', 'not arp']);
  await capture.waitFor(/Capturing on/i);
  return capture;
}

/** Ends the watch when it has shown the ESP of the pings, which tshark prints some time after the wire has carried it. */
async function stopAfterEsp(wire: Background): Promise<void> {
  await wire.waitForCount(/^.* ESP .*$/gm, 8, 20_000);
  await wire.stop();
}

/** Addresses, routes and rules of a host, without what comes and goes by itself. */
async function network(host: Host): Promise<string> {
  const parts = [
    await host.run('ip', 'route', 'show', 'table', 'all'),
    await host.run('ip', '-6', 'route', 'show', 'table', 'all'),
    await host.run('ip', 'rule'),
    await host.run('ip', '-6', 'rule'),
  ];
  return parts.join('').replace(/^.*(cache|fe80|multicast|ff00).*\n/gm, '');
}

describe.skipIf(gate.skip)('transport mode between two of ours (RFC 7296 §1.3.1, §2.23.1)', () => {
  for (const [about, family, nat] of [
    ['IPv4', 4, false],
    ['IPv6', 6, false],
    ['IPv4, the client behind a NAT', 4, true],
    ['IPv6, the client behind a NAT', 6, true],
  ] as const) {
    it(`${about}: ping and TCP between the outer addresses are inside, both ways, and all is restored`, () =>
      inLab(nat, async (lab) => {
        const before = await network(lab.left);
        const server = await serve(lab.right, configuration('server', 'mode = transport', family));
        const client = await IpsecKit.start(
          lab.left,
          'connect',
          configuration('client', 'mode = transport', family),
        );
        await client.process.waitFor(/Child SA net open: .*transport mode/);
        expect(await client.command('status')).toMatch(/transport \S+ === \S+/);
        await server.process.waitFor(/Child SA net open: .*transport mode/);
        const wire = await watchWire(lab);
        const key = family === 4 ? 'v4' : 'v6';
        const [left, right] = [addresses.left[key], addresses.right[key]];
        await lab.left.ping(right);
        await lab.left.ping(right, { size: 1200 });
        await lab.right.ping(left);
        await transfer(lab.left, lab.right, right, 4, 'up');
        await transfer(lab.left, lab.right, right, 4, 'down');
        await stopAfterEsp(wire);
        expect(wire.output).not.toMatch(/ICMP.* (Echo|ping)|TCP/i);
        expect(await client.stop()).toBe(0);
        expect(await server.stop()).toBe(0);
        expect(await network(lab.left)).toBe(before);
      }));
  }

  for (const wants of ['client', 'server'] as const) {
    it(`only the ${wants} wants it: a tunnel between the same two addresses, which carries their traffic too`, () =>
      inLab(false, async (lab) => {
        const mode = (side: Side): string => (side === wants ? 'mode = transport' : '');
        const server = await serve(lab.right, configuration('server', mode('server')));
        const client = await IpsecKit.start(
          lab.left,
          'connect',
          configuration('client', mode('client')),
        );
        await client.process.waitFor(/Child SA net open/);
        const said = (wants === 'client' ? client : server).process;
        await said.waitFor(/tunnel mode \(the peer does not want transport mode/);
        const wire = await watchWire(lab);
        await lab.left.ping(addresses.right.v4);
        await lab.right.ping(addresses.left.v4);
        await stopAfterEsp(wire);
        expect(wire.output).not.toMatch(/ICMP.* (Echo|ping)/i);
      }));
  }

  it('traffic between the outer addresses opens it, from behind a NAT (start_action = trap)', () =>
    inLab(true, async (lab) => {
      const trap = 'mode = transport\nstart_action = trap';
      await serve(lab.right, configuration('server', 'mode = transport'));
      const client = await IpsecKit.start(lab.left, 'connect', configuration('client', trap));
      await client.process.waitFor(/routes 10\.99\.0\.2\/32/);
      expect(client.process.output).not.toContain('IKE_SA_INIT');
      await lab.left.ping(addresses.right.v4);
      // The packet that was held goes as soon as the SA stands, maybe before anybody says so.
      await client.process.waitFor(/Child SA net open: .*transport mode/);
    }));

  it('is replaced when the NAT gets another address, and goes on between the new ones (RFC 4555 §1.2)', () =>
    inLab(true, async (lab) => {
      const server = await serve(lab.right, configuration('server', 'mode = transport'));
      const client = await IpsecKit.start(
        lab.left,
        'connect',
        configuration('client', 'mode = transport'),
      );
      await server.process.waitFor(/transport mode, 10\.99\.0\.2\/32 === 10\.99\.0\.1\/32/);
      await lab.left.ping(addresses.right.v4);
      await lab.router.run('ip', 'addr', 'del', '10.99.0.1/24', 'dev', 'outside');
      await lab.router.run('ip', 'addr', 'add', '10.99.0.9/24', 'dev', 'outside');
      // What the client sends shows the server where it is now.
      await lab.left.ping(addresses.right.v4, { count: 10 }).catch(() => undefined);
      await server.process.waitFor(/the peer moved from 10\.99\.0\.1:\d+ to 10\.99\.0\.9:/);
      await server.process.waitFor(/Child SA net rekeyed by us/);
      await client.process.waitFor(/Child SA net rekeyed by the peer/);
      await lab.left.ping(addresses.right.v4);
      await transfer(lab.left, lab.right, addresses.right.v4, 1, 'down');
      expect(await server.command('status')).toMatch(
        /transport 10\.99\.0\.2\/32 === 10\.99\.0\.9\/32/,
      );
    }));

  it('says that a strict source filter would not hear the peer', () =>
    inLab(false, async (lab) => {
      await lab.left.run('sysctl', '-q', '-w', 'net.ipv4.conf.eth0.rp_filter=1');
      await serve(lab.right, configuration('server', 'mode = transport'));
      const client = await IpsecKit.start(
        lab.left,
        'connect',
        configuration('client', 'mode = transport'),
      );
      await client.process.waitFor(/rp_filter is 1 \(strict\), so what 10\.99\.0\.2 sends/);
    }));

  it('a rekey keeps the mode, and the traffic goes on', () =>
    inLab(true, async (lab) => {
      const quick = 'rekey_time = 2s\nrand_time = 0s\nlife_time = 60s\nmode = transport';
      const server = await serve(lab.right, configuration('server', 'mode = transport'));
      const client = await IpsecKit.start(lab.left, 'connect', configuration('client', quick));
      await client.process.waitFor(/Child SA net open: .*transport mode/);
      await lab.left.ping(addresses.right.v4, { count: 30 });
      expect(client.process.output).toMatch(/Child SA net rekeyed by us/);
      expect(client.process.output).toMatch(
        /CREATE_CHILD_SA response.* N\(USE_TRANSPORT_MODE\) SA/,
      );
      expect(server.process.output).toMatch(/Child SA net rekeyed by the peer/);
    }));

  it('tshark decrypts our packets, and finds ICMP and TCP directly behind ESP (RFC 4303 §3.1.1)', () =>
    inLab(false, async (lab) => {
      const keys = join(lab.left.dir, 'keys');
      const capture = join(lab.left.dir, 'capture.pcapng');
      mkdirSync(keys, { recursive: true });
      const server = await serve(lab.right, configuration('server', 'mode = transport'));
      const client = await IpsecKit.start(
        lab.left,
        'connect',
        configuration('client', 'mode = transport'),
        { args: ['--keylog', keys, '--pcap', capture] },
      );
      await client.process.waitFor(/Child SA net open: .*transport mode/);
      await lab.left.ping(addresses.right.v4);
      await transfer(lab.left, lab.right, addresses.right.v4, 1, 'up');
      await client.stop();
      await server.stop();
      const fields = ['-T', 'fields', '-e', 'frame.protocols', '-e', 'ip.src', '-e', 'ip.dst'];
      const pings = await dissect(lab.left, keys, capture, '-Y', 'icmp', ...fields);
      // No IP header between the two: one address for each end of the frame.
      expect(pings).toMatch(/udpencap:esp:icmp\S*\t10\.99\.0\.1\t10\.99\.0\.2\n/);
      expect(pings).toMatch(/udpencap:esp:icmp\S*\t10\.99\.0\.2\t10\.99\.0\.1\n/);
      expect(pings).not.toMatch(/esp:ip:/);
      const segments = await dissect(lab.left, keys, capture, '-Y', 'tcp', ...fields);
      expect(segments).toMatch(/udpencap:esp:tcp/);
    }));
});

/** Runs tshark on a capture of ours with the key tables of ours. */
async function dissect(
  host: Host,
  keys: string,
  capture: string,
  ...args: string[]
): Promise<string> {
  const home = join(host.dir, 'wireshark');
  mkdirSync(home, { recursive: true });
  for (const file of readdirSync(keys)) await run('cp', [join(keys, file), home]);
  const options = ['-o', 'esp.enable_encryption_decode:TRUE', '-d', 'udp.port==4500,udpencap'];
  const tshark = new Background('tshark', ['-r', capture, ...options, ...args], {
    WIRESHARK_CONFIG_DIR: home,
  });
  await tshark.exited;
  return tshark.output;
}

/** strongSwan's own packets are told apart by a mark, without which its tunnel between the outer addresses has a loop. */
const MARKED = `plugins {
    socket-default { fwmark = 0x42 }
    kernel-netlink { fwmark = !0x42 }
  }`;

describe.skipIf(gate.skip)(
  'transport mode with strongSwan 5.9.8, whose userspace ESP has none',
  () => {
    it('ours as client: strongSwan agrees and cannot install it; we say so and end', () =>
      inLab(false, async (lab) => {
        const swan = await StrongSwan.start(
          lab.right,
          configuration('server', 'mode = transport'),
          MARKED,
        );
        const client = await IpsecKit.start(
          lab.left,
          'connect',
          configuration('client', 'mode = transport'),
        );
        await client.process.waitFor(
          /Child SA net failed: The peer answered NO_PROPOSAL_CHOSEN to our offer of transport mode: it cannot carry it/,
        );
        expect(await client.process.exited).not.toBe(0);
        expect(await swan.log()).toContain('unsupported mode');
        expect(await swan.listSas()).not.toContain('ESTABLISHED');
      }));

    it('ours as server: strongSwan cannot install what it asked for, and deletes it; the IKE SA stays', () =>
      inLab(false, async (lab) => {
        const server = await serve(lab.right, configuration('server', 'mode = transport'));
        const swan = await StrongSwan.start(
          lab.left,
          configuration('client', 'mode = transport'),
          MARKED,
        );
        await expect(swan.initiate('net')).rejects.toThrow(/unsupported mode/);
        await server.process.waitFor(/Child SA net open: .*transport mode/);
        await server.process.waitFor(/Child SA net closed: the peer deleted it/);
        expect(await swan.listSas()).toMatch(/ESTABLISHED/);
        expect(await swan.listSas()).not.toMatch(/INSTALLED/);
      }));

    for (const [ours, wants] of [
      ['client', 'client'],
      ['client', 'server'],
      ['server', 'client'],
      ['server', 'server'],
    ] as const) {
      it(`ours as ${ours}: a tunnel when only the ${wants} wants it (RFC 7296 §1.3.1)`, () =>
        inLab(false, async (lab) => {
          const of = (side: Side): string =>
            configuration(side, side === wants ? 'mode = transport' : '');
          let said: Background;
          let swan: StrongSwan;
          if (ours === 'client') {
            swan = await StrongSwan.start(lab.right, of('server'), MARKED);
            said = (await IpsecKit.start(lab.left, 'connect', of('client'))).process;
          } else {
            said = (await serve(lab.right, of('server'))).process;
            swan = await StrongSwan.start(lab.left, of('client'), MARKED);
            await swan.initiate('net');
          }
          const line =
            ours === wants
              ? /tunnel mode \(the peer does not want/
              : /net open: AES_GCM_16_256, 10/;
          await said.waitFor(line);
          expect(await swan.listSas()).toContain('TUNNEL-in-UDP');
          await lab.left.ping(addresses.right.v4);
          await lab.right.ping(addresses.left.v4);
          expect(await swan.listSas()).toMatch(/in +\w+, +[1-9]\d* bytes/);
        }));
    }
  },
);
