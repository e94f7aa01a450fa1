import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requestRevalidation } from '@ipsec-kit/vpn';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { runPki } from '../../src/pki/run-pki.ts';
import { byCertificate, SERVER_NAME } from './lab/certificates.ts';
import type { EchoesOfClient } from './lab/clients-report.ts';
import { serverConfiguration } from './lab/configuration.ts';
import { fromSource, IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, createLab, type Host } from './lab/lab.ts';

const gate = interopGate(['root', 'tun', 'netns'], 'revalidation of many sessions');

const script = fileURLToPath(new URL('./lab/many-clients.ts', import.meta.url));
const CLIENTS = 100;
const REVOKED = 'client-42@example.org';
const PER_SECOND = 1_000;

/** A CA, a server, and clients with identities of their own, as `ipsec-kit pki` makes them. */
async function newPki(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-many-'));
  const key = 'ecdsa';
  await runPki({ action: 'ca', args: { dir, name: 'Home CA', key, days: 3650 } }, Date.now());
  const args = { dir, key, days: 30 } as const;
  await runPki({ action: 'server', args: { ...args, name: SERVER_NAME } }, Date.now());
  for (let index = 1; index <= CLIENTS; index += 1) {
    const name = `client-${index}@example.org`;
    await runPki({ action: 'client', args: { ...args, name } }, Date.now());
  }
  await runPki({ action: 'crl', args: { dir, days: 30 } }, Date.now());
  return dir;
}

function layOutServer(host: Host, pki: string): void {
  const place = (from: string, directory: string, name: string): void => {
    mkdirSync(join(host.dir, 'ipsec-kit', directory), { recursive: true });
    copyFileSync(join(pki, from), join(host.dir, 'ipsec-kit', directory, name));
  };
  place(`${SERVER_NAME}.cert.pem`, 'x509', 'server.pem');
  place(`${SERVER_NAME}.key.pem`, 'private', 'server.pem');
  place('ca.cert.pem', 'x509ca', 'ca.pem');
  placeCrl(host, pki);
}

/** As a program does that others read from: never half of it. */
function placeCrl(host: Host, pki: string): void {
  const directory = join(host.dir, 'ipsec-kit', 'x509crl');
  const part = join(host.dir, 'ipsec-kit', 'crl.part');
  mkdirSync(directory, { recursive: true });
  copyFileSync(join(pki, 'ca.crl.pem'), part);
  renameSync(part, join(directory, 'ca.pem'));
}

describe.skipIf(gate.skip)('revalidation without reauthentication', () => {
  it(`of ${CLIENTS} sessions of ${CLIENTS} identities exactly the revoked one ends within a second, and the others lose no packet`, async ({
    task,
  }) => {
    const [pki, lab] = [await newPki(), await createLab()];
    try {
      layOutServer(lab.right, pki);
      const { server: ours } = byCertificate;
      const remote = `${ours.remote}\n revocation = strict`;
      const tunnel = { server: { ...ours, remote } };
      const server = await IpsecKit.start(lab.right, 'serve', serverConfiguration(tunnel));
      await server.process.waitFor(/listening/i);
      await lab.right.run('ip', 'link', 'set', 'ipsec0', 'txqueuelen', '10000');
      const target = [addresses.right.v4, addresses.right.inner4];
      const clients = lab.left.start(
        process.execPath,
        fromSource(script, pki, String(CLIENTS), ...target, String(PER_SECOND)),
      );
      await clients.waitFor(/^ready/m, 60_000);
      clients.child.kill('SIGUSR2');
      await pause(2_000);

      const args = { dir: pki, name: REVOKED, reason: 'keyCompromise', days: 30 } as const;
      await runPki({ action: 'revoke', args }, Date.now());
      placeCrl(lab.right, pki);
      const askedAt = Date.now();
      const report = await requestRevalidation(server.control);
      const again = await server.command('revalidate');
      await pause(1_000);
      clients.child.kill('SIGINT');
      const [, json = ''] = await clients.waitFor(/^report (.*)$/m);

      const echoes: readonly EchoesOfClient[] = JSON.parse(json);
      const others = echoes.filter(({ name }) => name !== REVOKED);
      const ended = echoes.find(({ name }) => name === REVOKED);
      const endedMs = (ended?.endedAt ?? 0) - askedAt;
      const sum = (of: (one: EchoesOfClient) => number): number =>
        others.reduce((all, one) => all + of(one), 0);
      const figures = { sent: sum((one) => one.sent), received: sum((one) => one.received) };
      task.meta.figures = `${report.checked} certificates looked at in ${report.tookMs} ms, ${report.checked - report.good} session closed after ${endedMs} ms; the others: ${figures.sent} echoes, ${figures.sent - figures.received} lost`;
      expect(report).toMatchObject({ checked: CLIENTS, good: CLIENTS - 1, pending: 0 });
      expect(report.bad).toMatchObject([
        { remoteIdentity: REVOKED, standing: 'revoked', action: 'close' },
      ]);
      expect(endedMs).toBeGreaterThan(0);
      expect(endedMs).toBeLessThan(1_000);
      expect((ended?.lastAt ?? 0) - askedAt).toBeLessThan(1_000);
      expect(again).toMatch(/^99 sessions in [\d.]+ s: 99 good$/m);
      const lossy = others.filter((one) => one.sent !== one.received || one.doubled > 0);
      expect(lossy, task.meta.figures).toEqual([]);
      expect(others.filter(({ endedAt }) => endedAt > 0)).toEqual([]);
      expect(figures.sent).toBeGreaterThan(2_000);
    } catch (error) {
      throw new Error(`${String(error)}\n${lab.outputs().slice(-6_000)}`, { cause: error });
    } finally {
      await lab.close();
      rmSync(pki, { recursive: true, force: true });
    }
  });
});
