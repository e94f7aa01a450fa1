import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  idleStatus,
  monitorEvents,
  requestDisconnect,
  requestStatus,
  VpnError,
  type VpnEvent,
} from '@ipsec-kit/vpn';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInForeground, type Tunnel } from '../src/foreground.ts';

/** A tunnel that does what the test says. */
function fakeTunnel() {
  let end: (error: VpnError | undefined) => void = () => undefined;
  const ended = new Promise<VpnError | undefined>((resolve) => {
    end = resolve;
  });
  const closes: (number | undefined)[] = [];
  const tunnel: Tunnel = {
    open: async () => undefined,
    ended,
    perform: async ({ action }) => `${action}: done.`,
    revalidate: async () => ({
      checked: 1,
      good: 1,
      bad: [],
      pending: 0,
      withoutCertificate: 0,
      tookMs: 3,
    }),
    status: () => idleStatus({ role: 'client', state: 'open', connections: ['home'] }),
    async close(options) {
      closes.push(options?.patienceMs);
      end(undefined);
    },
  };
  return { tunnel, closes, end };
}

function recorder() {
  const events: VpnEvent[] = [];
  const failures: string[] = [];
  const listeners: ((event: VpnEvent) => void)[] = [];
  return {
    events,
    failures,
    event: (event: VpnEvent) => void events.push(event),
    failure: (sentence: string) => void failures.push(sentence),
    listeners,
    listen: (listener: (event: VpnEvent) => void) => void listeners.push(listener),
  };
}

/** A stream that is told what the tunnel tells its printer. */
async function monitored(printer: ReturnType<typeof recorder>) {
  const kinds: string[] = [];
  const stream = monitorEvents(path, ({ kind }) => void kinds.push(kind));
  await expect
    .poll(() => {
      for (const tell of printer.listeners) tell({ kind: 'warning-raised', sentence: 'It rains.' });
      return kinds;
    })
    .toContain('warning-raised');
  return stream;
}

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'foreground-'));
  path = join(directory, 'home.sock');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('a tunnel in the foreground', () => {
  it('tells its control socket first, answers on it, and ends with 0 when told to', async () => {
    const { tunnel } = fakeTunnel();
    const printer = recorder();
    const running = runInForeground(tunnel, path, printer);
    await expect.poll(() => printer.events[0]).toEqual({ kind: 'control-opened', path });
    expect(await requestStatus(path)).toMatchObject({ state: 'open' });
    const { ended } = await monitored(printer);
    await requestDisconnect(path);
    expect(await running).toBe(0);
    await ended;
    expect(printer.failures).toEqual([]);
  });

  it('closes gracefully on a signal', async () => {
    const { tunnel, closes } = fakeTunnel();
    const printer = recorder();
    const running = runInForeground(tunnel, path, printer);
    await expect.poll(() => printer.events.length).toBe(1);
    process.emit('SIGTERM');
    expect(await running).toBe(0);
    expect(closes).toEqual([undefined]);
    expect(process.listenerCount('SIGTERM')).toBe(0);
  });

  it('does not wait for the peer after a second signal', async () => {
    const { tunnel, closes } = fakeTunnel();
    let finish: () => void = () => undefined;
    const stubborn: Tunnel = {
      ...tunnel,
      ended: new Promise((resolve) => {
        finish = () => resolve(undefined);
      }),
      async close(options) {
        closes.push(options?.patienceMs);
        if (options?.patienceMs === 0) finish();
      },
    };
    const printer = recorder();
    const running = runInForeground(stubborn, path, printer);
    await expect.poll(() => printer.events.length).toBe(1);
    process.emit('SIGINT');
    process.emit('SIGINT');
    expect(await running).toBe(130);
    expect(closes).toEqual([undefined, 0]);
  });

  it('prints why it ended, in one sentence, and returns the code of the reason', async () => {
    const { tunnel, end } = fakeTunnel();
    const printer = recorder();
    const running = runInForeground(tunnel, path, printer);
    end(new VpnError('peer-deleted', 'The peer ended the IKE SA.'));
    expect(await running).toBe(7);
    expect(printer.failures).toEqual(['The peer ended the IKE SA.']);
  });

  it('prints why it did not open', async () => {
    const { tunnel } = fakeTunnel();
    const printer = recorder();
    const failing: Tunnel = {
      ...tunnel,
      open: () => Promise.reject(new VpnError('permission', 'No permission for a device.')),
    };
    expect(await runInForeground(failing, path, printer)).toBe(5);
    expect(printer.failures).toEqual(['No permission for a device.']);
  });

  it('calls a defect a defect, without a stack trace', async () => {
    const { tunnel } = fakeTunnel();
    const printer = recorder();
    const broken: Tunnel = {
      ...tunnel,
      open: () => Promise.reject(new TypeError('x is y\n  at z')),
    };
    expect(await runInForeground(broken, path, printer)).toBe(1);
    expect(printer.failures).toEqual(['A defect of this program: x is y.']);
  });

  it('does not start when another process has the control socket', async () => {
    const first = fakeTunnel();
    const printer = recorder();
    const running = runInForeground(first.tunnel, path, printer);
    await expect.poll(() => printer.events.length).toBe(1);
    await expect(runInForeground(fakeTunnel().tunnel, path, printer)).rejects.toMatchObject({
      code: 'control-in-use',
    });
    first.end(undefined);
    await running;
  });
});
