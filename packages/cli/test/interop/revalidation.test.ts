import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requestRevalidation } from '@ipsec-kit/vpn';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { runPki } from '../../src/pki/run-pki.ts';
import { byCertificate } from './lab/certificates.ts';
import type { EchoesOfClient } from './lab/clients-report.ts';
import { serverConfiguration } from './lab/configuration.ts';
import { fromSource, IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, createLab } from './lab/lab.ts';
import { watchStalls } from './lab/machine-stalls.ts';
import { layOutServer, newPki, placeCrl } from './lab/many-clients-pki.ts';

const gate = interopGate(['root', 'tun', 'netns'], 'revalidation of many sessions');

const script = fileURLToPath(new URL('./lab/many-clients.ts', import.meta.url));
const CLIENTS = 100;
const REVOKED = 'client-42@example.org';
const PER_SECOND = 1_000;
/** Of some 40 that each client would send: a busy machine lets it send less, and the tunnel is not to blame. */
const LEAST_ECHOES = 5;

describe.skipIf(gate.skip)('revalidation without reauthentication', () => {
  it(`of ${CLIENTS} sessions of ${CLIENTS} identities exactly the revoked one ends within a second, and the others lose no packet`, async ({
    task,
  }) => {
    const [pki, lab] = [await newPki(CLIENTS), await createLab()];
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
      const machine = watchStalls();
      const askedAt = Date.now();
      const report = await requestRevalidation(server.control);
      const again = await server.command('revalidate');
      await pause(1_000);
      clients.child.kill('SIGINT');
      machine.stop();
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
      const mostMs = 1_000 + machine.within(askedAt, Date.now());
      expect(endedMs).toBeLessThan(mostMs);
      expect((ended?.lastAt ?? 0) - askedAt).toBeLessThan(mostMs);
      expect(again).toMatch(/^99 sessions in [\d.]+ s: 99 good$/m);
      const lossy = others.filter((one) => one.sent !== one.received || one.doubled > 0);
      expect(lossy, task.meta.figures).toEqual([]);
      expect(others.filter(({ endedAt }) => endedAt > 0)).toEqual([]);
      for (const { sent } of others) expect(sent).toBeGreaterThan(LEAST_ECHOES);
    } catch (error) {
      throw new Error(`${String(error)}\n${lab.outputs().slice(-6_000)}`, { cause: error });
    } finally {
      await lab.close();
      rmSync(pki, { recursive: true, force: true });
    }
  });
});
