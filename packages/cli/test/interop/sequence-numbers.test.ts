import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { clientConfiguration, serverConfiguration } from './lab/configuration.ts';
import { endSearch } from './lab/end-search.ts';
import { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, createLab, type Lab } from './lab/lab.ts';
import { StrongSwan } from './lab/strongswan.ts';
import { transfer } from './lab/transfer.ts';
import { type Established, withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan', 'tshark'],
  'extended sequence numbers, implicit IVs and padding',
);

/** Traffic of both directions, small packets and full ones, with checksums. */
async function carries({ lab }: Established): Promise<void> {
  await lab.left.ping(addresses.right.inner4);
  await lab.right.ping('10.88.0.1', { source: addresses.right.inner4 });
  await transfer(lab.left, lab.right, addresses.right.inner4, 5, 'up');
  await transfer(lab.left, lab.right, addresses.right.inner4, 5, 'down');
}

describe.skipIf(gate.skip)('two of ours', () => {
  for (const [esp, suite] of [
    ['aes256gcm16-esn', 'AES_GCM_16_256/ESN'],
    ['aes128-sha256-esn-noesn', 'AES_CBC_128/HMAC_SHA2_256_128/ESN'],
    ['chacha20poly1305-esn', 'CHACHA20_POLY1305/ESN'],
    ['aes256gcm16iiv-aes256gcm16', 'AES_GCM_16_IIV_256'],
    ['aes128gcm16iiv-esn', 'AES_GCM_16_IIV_128/ESN'],
    ['aes128ccm8iiv-esn', 'AES_CCM_8_IIV_128/ESN'],
    ['chacha20poly1305iiv-esn', 'CHACHA20_POLY1305_IIV/ESN'],
  ] as const) {
    it(`carry traffic both ways with ${esp}, and go on through a rekey (RFC 4303 §2.2.1, RFC 8750)`, () =>
      withTunnel('both', { esp }, async (established) => {
        const { client, server } = established;
        for (const side of [client, server]) {
          expect(side?.process.output).toContain(`Child SA net open: ${suite}, `);
        }
        await carries(established);
        await client?.ask({ action: 'rekey', child: 'net' });
        await client?.process.waitFor(/Child SA net rekeyed by us/);
        await carries(established);
        expect(await client?.command('status')).toContain(`Child SA net: ${suite}, `);
      }));
  }

  for (const [side, client, server] of [
    ['client', 'aes256gcm16-noesn', 'aes256gcm16-esn-noesn'],
    ['server', 'aes256gcm16iiv-aes256gcm16-esn-noesn', 'aes256gcm16'],
  ] as const) {
    it(`fall back where the ${side} has neither`, () =>
      withTunnel('both', { esp: client, serverEsp: server }, async (established) => {
        expect(established.client?.process.output).toContain('net open: AES_GCM_16_256, ');
        await carries(established);
      }));
  }
});

/** Lengths of the UDP datagrams with ESP that one side sends while its host pings the other. */
async function espLengths(lab: Lab, source: string, ping: () => Promise<void>): Promise<number[]> {
  const filter = `udp port 4500 and src host ${source} and udp[8:4] != 0`;
  const fields = ['-T', 'fields', '-e', 'udp.length'];
  const args = ['-l', '-n', '-i', 'eth0', '-f', filter, ...fields];
  const capture = lab.right.start('tshark', args);
  await capture.waitFor(/Capturing on/i);
  await ping();
  await capture.waitFor(/^\d+$/m);
  await capture.stop();
  return [...capture.output.matchAll(/^(\d+)$/gm)].map(([line]) => Number(line));
}

describe.skipIf(gate.skip)('padding against traffic analysis (RFC 4303 §2.7)', () => {
  for (const [padding, least, most] of [
    ['1000', 1000, 1100],
    ['mtu', 1400, 1500],
  ] as const) {
    it(`tfc_padding = ${padding} hides the size of small packets, of the side that asks for it`, () =>
      withTunnel('both', { childExtra: `tfc_padding = ${padding}` }, async (established) => {
        const { lab } = established;
        await endSearch(established);
        const ping = () => lab.left.ping(addresses.right.inner4);
        for (const length of await espLengths(lab, addresses.left.v4, ping)) {
          expect(length).toBeGreaterThan(least);
          expect(length).toBeLessThan(most);
        }
        for (const length of await espLengths(lab, addresses.right.v4, ping)) {
          expect(length).toBeLessThan(200);
        }
        await carries(established);
      }));
  }

  for (const ours of ['client', 'server'] as const) {
    const wants = ours === 'client' ? 'childExtra' : 'serverChildExtra';
    it(`our ${ours} pads what strongSwan gets, which takes it off`, () =>
      withTunnel(ours, { [wants]: 'tfc_padding = 1000' }, async (established) => {
        const { lab } = established;
        await endSearch(established);
        const from = ours === 'client' ? addresses.left.v4 : addresses.right.v4;
        const ping = () => lab.left.ping(addresses.right.inner4);
        for (const length of await espLengths(lab, from, ping)) {
          expect(length).toBeGreaterThan(1000);
          expect(length).toBeLessThan(1100);
        }
        await carries(established);
      }));
  }
});

describe.skipIf(gate.skip)('with strongSwan 5.9.8, whose userspace ESP has short numbers', () => {
  for (const ours of ['client', 'server'] as const) {
    const esp =
      ours === 'client'
        ? { esp: 'aes256gcm16iiv-aes256gcm16-esn-noesn', serverEsp: 'aes256gcm16-noesn' }
        : { esp: 'aes256gcm16-noesn', serverEsp: 'aes256gcm16iiv-aes256gcm16-esn-noesn' };
    it(`our ${ours} offers both, and falls back to short ones`, () =>
      withTunnel(ours, esp, async (established) => {
        const said = (established.client ?? established.server)?.process.output;
        expect(said).toContain('Child SA net open: AES_GCM_16_256, ');
        await carries(established);
      }));
  }

  it('our client insists on extended ones: it says what was refused, and ends', async () => {
    const lab = await createLab();
    try {
      await StrongSwan.start(lab.right, serverConfiguration({ esp: 'aes256gcm16-noesn' }));
      const client = await IpsecKit.start(
        lab.left,
        'connect',
        clientConfiguration({ esp: 'aes256gcm16-esn' }),
      );
      await client.process.waitFor(
        /NO_PROPOSAL_CHOSEN: none of our Child SA proposals \(ENCR_AES_GCM_16-256 PARTIALLY_TRANSMITTED_64\)/,
      );
      expect(await client.process.exited).not.toBe(0);
    } finally {
      await lab.close();
    }
  });

  it('our server insists on extended ones: strongSwan hears NO_PROPOSAL_CHOSEN', async () => {
    const lab = await createLab();
    try {
      const server = await IpsecKit.start(
        lab.right,
        'serve',
        serverConfiguration({ esp: 'aes256gcm16-esn' }),
      );
      await server.process.waitFor(/listening/i);
      const swan = await StrongSwan.start(lab.left, clientConfiguration({ esp: 'aes256gcm16' }));
      await expect(swan.initiate('net')).rejects.toThrow(/NO_PROPOSAL_CHOSEN|NO_PROP/);
      await server.process.waitFor(/PARTIALLY_TRANSMITTED_64/);
    } finally {
      await lab.close();
    }
  });
});
