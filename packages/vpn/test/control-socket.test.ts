import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  requestDisconnect,
  requestRevalidation,
  requestSession,
  requestStatus,
} from '../src/control-request.ts';
import { type ControlHandlers, openControlSocket } from '../src/control-socket.ts';
import { createEventListener, type MonitoredEvent } from '../src/event-listener.ts';
import { monitorEvents } from '../src/monitor-request.ts';
import type { SessionRequest } from '../src/session-request.ts';
import { idleStatus } from '../src/status.ts';
import { VpnError } from '../src/vpn-error.ts';

const handlers: ControlHandlers = {
  status: () => idleStatus({ role: 'client', state: 'open', connections: ['home'] }),
  disconnect: async () => undefined,
  perform: async ({ action }) => `${action}: done.`,
  revalidate: async ({ connection }) => ({
    checked: connection === 'home' ? 1 : 2,
    good: 1,
    bad: [],
    pending: 0,
    withoutCertificate: 0,
    tookMs: 3,
  }),
};

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'control-'));
  path = join(directory, 'run', 'home.sock');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Sends bytes as they are and returns everything that comes back until the other side ends or `lines` lines came. */
function talk(text: string, lines = 1): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(path, () => socket.write(text));
    socket.on('data', (chunk) => {
      received += chunk.toString();
      if (received.split('\n').length > lines) socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

describe('the control socket', () => {
  it('is made with mode 0600 in a directory of mode 0700, and is gone after close', async () => {
    const control = await openControlSocket(path, handlers);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'run')).mode & 0o777).toBe(0o700);
    await control.close();
    expect(existsSync(path)).toBe(false);
  });

  it('answers status', async () => {
    const control = await openControlSocket(path, handlers);
    expect(await requestStatus(path)).toMatchObject({ role: 'client', connections: ['home'] });
    await control.close();
  });

  it('answers disconnect when the tunnels are closed, also if the socket is closed meanwhile', async () => {
    let finish: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const control = await openControlSocket(path, { ...handlers, disconnect: () => closed });
    const answered = requestDisconnect(path);
    // Long enough for the request to be there.
    expect(await requestStatus(path)).toBeDefined();
    const closing = control.close();
    finish();
    await answered;
    await closing;
  });

  it('tells events as they come to everybody who asked, until the tunnel ends', async () => {
    const control = await openControlSocket(path, handlers);
    control.publish({ kind: 'warning-raised', sentence: 'Nobody hears this.' });
    const heard: MonitoredEvent[][] = [[], []];
    const streams = heard.map((events) =>
      monitorEvents(path, (event) => {
        events.push(event);
      }),
    );
    // It is answered behind them, on the same socket.
    await expect.poll(() => talk('{"command":"monitor"}\n')).toBe('{"ok":true,"monitor":true}\n');
    control.publish({ kind: 'tun-opened', name: 'ipsec0', mtu: 1400 });
    control.publish({ kind: 'warning-raised', sentence: 'A warning.' });
    await expect.poll(() => heard.map((events) => events.length)).toEqual([2, 2]);
    expect(heard[0]?.map(({ kind }) => kind)).toEqual(['tun-opened', 'warning-raised']);
    expect(heard[0]?.[0]?.time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    streams[0]?.stop();
    await streams[0]?.ended;
    await control.close();
    await streams[1]?.ended;
  });

  it('says that nobody is there to be monitored', async () => {
    await expect(monitorEvents(path, () => undefined).ended).rejects.toMatchObject({
      code: 'control-unreachable',
    });
  });

  it('leaves events out for a listener that reads too slowly, and says how many', () => {
    const written: MonitoredEvent[] = [];
    const socket = {
      destroyed: false,
      writableLength: 0,
      write(line: string) {
        written.push(JSON.parse(line));
        socket.writableLength += line.length;
        return true;
      },
    };
    const listener = createEventListener(socket);
    const tell = (): void => listener.tell({ kind: 'warning-raised', sentence: 'x'.repeat(1_000) });
    for (let i = 0; i < 1_000; i += 1) tell();
    const told = written.length;
    expect(told).toBeLessThan(300);
    expect(socket.writableLength).toBeLessThan(300_000);
    socket.writableLength = 0;
    tell();
    expect(written.slice(told)).toMatchObject([
      { kind: 'events-lost', count: 1_000 - told },
      { kind: 'warning-raised' },
    ]);
  });

  it('has certificates looked at again, all or those of one connection, and answers with the report', async () => {
    const control = await openControlSocket(path, handlers);
    expect(await requestRevalidation(path)).toMatchObject({ checked: 2, tookMs: 3 });
    expect(await requestRevalidation(path, { connection: 'home' })).toMatchObject({ checked: 1 });
    expect(await talk('{"command":"revalidate","connection":7}\n')).toMatch(/is a text of at most/);
    expect(await talk('{"command":"revalidate","timeoutMs":1e9}\n')).toMatch(/is at most 600000/);
    await control.close();
  });

  it('has sessions rekeyed, and answers with the sentence', async () => {
    const asked: SessionRequest[] = [];
    const control = await openControlSocket(path, {
      ...handlers,
      async perform(request) {
        asked.push(request);
        return 'Child SA net: rekeyed.';
      },
    });
    const request = { action: 'rekey', child: 'net', ike: 'home', timeoutMs: 5 } as const;
    expect(await requestSession(path, request)).toBe('Child SA net: rekeyed.');
    expect(asked).toEqual([request]);
    await control.close();
  });

  it('tells why it did not, with the code', async () => {
    const perform = () => Promise.reject(new VpnError('no-such-target', 'No session stands.'));
    const control = await openControlSocket(path, { ...handlers, perform });
    await expect(requestSession(path, { action: 'reauth' })).rejects.toMatchObject({
      code: 'no-such-target',
      message: 'No session stands.',
    });
    await control.close();
  });

  it.each([
    ['{"command":"rekey","child":5}', '"ike", "child", "peer" and "local" are texts'],
    ['{"command":"rekey","session":-1}', '"session" is the id of a session.'],
    ['{"command":"rekey","timeoutMs":600001}', '"timeoutMs" is at most 600000.'],
    [
      '{"command":"dance"}',
      'Unknown command: there are "status", "monitor", "disconnect", "rekey"',
    ],
  ])('refuses %s', async (line, reason) => {
    const control = await openControlSocket(path, handlers);
    const answer: unknown = JSON.parse(await talk(`${line}\n`));
    expect(answer).toMatchObject({ ok: false, error: expect.stringContaining(reason) });
    await control.close();
  });

  it('takes several requests on one connection, and refuses what it does not know', async () => {
    const control = await openControlSocket(path, handlers);
    const lines = (await talk('{"command":"status"}\n{"command":"dance"}\nnonsense\n[]\n', 4))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { ok: boolean });
    expect(lines.map((line) => line.ok)).toEqual([true, false, false, false]);
    await control.close();
  });

  it('ends a connection that sends more than a request can have', async () => {
    const control = await openControlSocket(path, handlers);
    const answer = await talk('x'.repeat(5000));
    expect(answer).toContain('at most 4096 bytes');
    await control.close();
  });

  it('tells a failed disconnect in one sentence', async () => {
    const control = await openControlSocket(path, {
      ...handlers,
      disconnect: () => Promise.reject(new Error('It does not close.')),
    });
    await expect(requestDisconnect(path)).rejects.toThrow('It does not close.');
    await control.close();
  });

  it('replaces the socket of a process that is gone', async () => {
    // A process that is killed leaves its socket behind.
    spawnSync(process.execPath, [
      '-e',
      `require('fs').mkdirSync(${JSON.stringify(join(directory, 'run'))});
       require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    expect(existsSync(path)).toBe(true);
    const control = await openControlSocket(path, handlers);
    expect(await requestStatus(path)).toBeDefined();
    await control.close();
  });

  it('refuses to take the socket of a process that lives', async () => {
    const control = await openControlSocket(path, handlers);
    await expect(openControlSocket(path, handlers)).rejects.toMatchObject({
      code: 'control-in-use',
      message: expect.stringContaining(`ipsec-kit disconnect --control ${path}`),
    });
    expect(await requestStatus(path)).toBeDefined();
    await control.close();
  });

  it('refuses to remove a file that is no socket', async () => {
    path = join(directory, 'precious');
    writeFileSync(path, 'data');
    await expect(openControlSocket(path, handlers)).rejects.toMatchObject({
      code: 'control-in-use',
    });
    expect(existsSync(path)).toBe(true);
  });

  it('refuses a path that is longer than a socket may have', async () => {
    path = join(directory, 'x'.repeat(120));
    await expect(openControlSocket(path, handlers)).rejects.toMatchObject({ code: 'config' });
  });

  it('says in one sentence that nobody answers', async () => {
    await expect(requestStatus(path)).rejects.toMatchObject({
      code: 'control-unreachable',
      message: expect.stringContaining('There is no control socket'),
    });
  });

  it('gives up on a process that does not answer', async () => {
    const control = await openControlSocket(path, {
      ...handlers,
      disconnect: () => new Promise(() => undefined),
    });
    await expect(requestDisconnect(path, 20)).rejects.toMatchObject({
      code: 'control-unreachable',
    });
    void control.close();
  });
});
