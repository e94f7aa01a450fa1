import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { clientConfiguration, serverConfiguration } from './lab/configuration.ts';
import { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses } from './lab/lab.ts';
import { expectLossless, figuresOf } from './lab/lossless.ts';
import { startInside } from './lab/numbered-packets.ts';
import { Background } from './lab/shell.ts';
import { withSites } from './lab/sites.ts';
import { withTunnel } from './lab/tunnel.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan', 'tshark'],
  'hybrid key exchanges with ML-KEM',
);

const PLAIN = { ike: 'aes256-sha256-x25519', esp: 'aes256gcm16-x25519' };
const HYBRID = {
  ike: 'aes256-sha256-x25519-ke1_mlkem768',
  esp: 'aes256gcm16-x25519-ke1_mlkem768',
};
const PREFERRED = {
  ike: `${HYBRID.ike}, ${PLAIN.ike}`,
  esp: `${HYBRID.esp}, ${PLAIN.esp}`,
};
const DEFAULT = { ike: 'default', esp: 'default' };
/** As strongSwan's default and ours: a Child SA has its keys from those of the IKE SA. */
const WITHOUT_PFS = { ...PLAIN, esp: 'aes256gcm16' };

describe.skipIf(gate.skip)('strongSwan 5.9.8, which has no ML-KEM (RFC 9370 §2.2.1)', () => {
  const rows = (['client', 'server'] as const).flatMap((ours) => [
    { ours, what: 'our second proposal', own: PREFERRED, theirs: PLAIN },
    { ours, what: 'what it has of our default', own: DEFAULT, theirs: DEFAULT },
    { ours, what: 'what it alone has of our default', own: DEFAULT, theirs: WITHOUT_PFS },
  ]);
  for (const { ours, what, own, theirs } of rows) {
    it(`ours as ${ours}: takes ${what}, also in rekeys of both sides`, () => {
      const [client, server] = ours === 'client' ? [own, theirs] : [theirs, own];
      const tunnel = {
        clientIke: client.ike,
        esp: client.esp,
        serverIke: server.ike,
        serverEsp: server.esp,
      };
      return withTunnel(ours, tunnel, async ({ lab, swan, client, server }) => {
        const own = client ?? server;
        await lab.left.ping(addresses.right.inner4);
        await own?.ask({ action: 'rekey', child: 'net' });
        await own?.ask({ action: 'rekey' });
        await swan?.swanctl('--rekey', '--child', 'net');
        await swan?.swanctl('--rekey', '--ike', ours === 'client' ? 'rw' : 'home');
        await own?.process.waitFor(/IKE SA rekeyed by the peer/);
        await lab.left.ping(addresses.right.inner4);
        expect(await swan?.counter('child-rekey')).toBe(2);
        expect(await swan?.counter('ike-rekey-init')).toBe(1);
        expect(await swan?.counter('ike-rekey-resp')).toBe(1);
        expect(own?.process.output).not.toContain('IKE_INTERMEDIATE');
      });
    });
  }
});

/** Fields of the frames of a capture that a filter finds, one line each. An IKE SA that has additional key exchanges has several
 * sets of keys, and tshark takes one for each pair of SPIs.
 * @param generation - which of our key log.
 */
async function fieldsOf(
  dir: string,
  generation: 'first' | 'last',
  filter: string,
  ...fields: string[]
): Promise<string[]> {
  const configuration = join(dir, `wireshark-${generation}`);
  mkdirSync(configuration, { recursive: true });
  const lines = readFileSync(join(dir, 'keys', 'ikev2_decryption_table'), 'utf8').split('\n');
  const spisOf = (line: string): string => line.split(',').slice(0, 2).join();
  const chosen = new Map<string, string>();
  for (const line of lines.filter((one) => one.length > 0)) {
    if (generation === 'last' || !chosen.has(spisOf(line))) chosen.set(spisOf(line), line);
  }
  const table = [...chosen.values()].join('\n');
  writeFileSync(join(configuration, 'ikev2_decryption_table'), `${table}\n`);
  const tshark = new Background(
    'tshark',
    [
      ...['-r', join(dir, 'capture.pcapng'), '-d', 'udp.port==4500,udpencap', '-Y', filter],
      ...['-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
    ],
    { WIRESHARK_CONFIG_DIR: configuration },
  );
  await tshark.exited;
  return tshark.output.split('\n').filter((line) => /^\d/.test(line));
}

describe.skipIf(gate.skip)('ours with ours', () => {
  it('are hybrid from the first exchange on and through rekeys of both sides under packets; tshark reads every message (RFC 9242, RFC 9370)', ({
    task,
  }) =>
    withSites(async ({ lab }) => {
      const dir = join(lab.right.dir, 'log');
      mkdirSync(join(dir, 'keys'), { recursive: true });
      const tunnel = { ...HYBRID, serverEsp: HYBRID.esp };
      const args = ['--keylog', join(dir, 'keys'), '--pcap', join(dir, 'capture.pcapng')];
      const server = await IpsecKit.start(lab.right, 'serve', serverConfiguration(tunnel), {
        args,
      });
      const client = await IpsecKit.start(lab.left, 'connect', clientConfiguration(tunnel));
      await client.process.waitFor(/Child SA net open/);
      await lab.left.ping(addresses.right.inner4);
      const packets = await startInside(lab, 500);
      for (let round = 0; round < 5; round += 1) {
        await client.ask({ action: 'rekey', child: 'net' });
        await server.ask({ action: 'rekey', child: 'net' });
        await server.ask({ action: 'rekey' });
        await client.ask({ action: 'rekey' });
      }
      const result = await packets.stop();
      task.meta.figures = figuresOf(result);
      expectLossless(result, 400);
      expect(client.process.output).toMatch(/IKE_INTERMEDIATE request.*KE/);
      expect(client.process.output.match(/IKE SA rekeyed by/g)).toHaveLength(10);
      await client.stop();
      await server.stop();

      const types = await fieldsOf(dir, 'last', 'isakmp', 'isakmp.exchangetype');
      const countOf = (type: number): number => types.filter((line) => line === `${type}`).length;
      // IKE_SA_INIT 34, IKE_INTERMEDIATE 43, IKE_AUTH 35, CREATE_CHILD_SA 36, IKE_FOLLOWUP_KE 44.
      expect(countOf(34)).toBe(2);
      expect(countOf(43)).toBeGreaterThanOrEqual(2);
      expect(countOf(35)).toBe(2);
      expect(countOf(36)).toBeGreaterThanOrEqual(2 * 15);
      expect(countOf(44)).toBeGreaterThanOrEqual(countOf(36));
      // IKE_INTERMEDIATE is under the keys of IKE_SA_INIT, all that follows under the next ones. Fragments of several IKE SAs with
      // the same message id are one message to tshark.
      const whole = 'isakmp && _ws.malformed && !(isakmp.typepayload == 53)';
      const isIntermediate = 'isakmp.exchangetype == 43';
      const early = `${whole} && ${isIntermediate}`;
      expect(await fieldsOf(dir, 'first', early, 'frame.number')).toEqual([]);
      const later = `${whole} && !(${isIntermediate})`;
      expect(await fieldsOf(dir, 'last', later, 'frame.number')).toEqual([]);
      const inside = async (generation: 'first' | 'last', type: number): Promise<string> => {
        const filter = `isakmp.exchangetype == ${type}`;
        return (await fieldsOf(dir, generation, filter, 'isakmp.typepayload')).join('\n');
      };
      const auth = await inside('last', 35);
      for (const payload of ['35', '39', '33', '44', '45'])
        expect(auth).toMatch(new RegExp(`\\b${payload}\\b`));
      expect(await inside('first', 43)).toMatch(/\b34\b/);
      expect(await inside('last', 44)).toMatch(/\b34\b.*\b41\b/);
    }));
});
