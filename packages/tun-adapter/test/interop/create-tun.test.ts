import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { createTestHost, type TestHost, type TunChild } from './namespace.ts';

const { skip } = interopGate(['root', 'tun', 'netns'], 'TUN devices in network namespaces');

/** Not on the link of the host: reached through its gateway. */
const PEER = '203.0.113.1';
const fullTunnel = {
  addresses: ['10.99.0.2/32', 'fd99::2/128'],
  routes: ['0.0.0.0/0', '::/0'],
  dns: ['10.99.0.1'],
  excluded: [PEER],
};

describe.skipIf(skip)('createTun on Linux', () => {
  let host: TestHost;
  let child: TunChild;
  const wayTo = (address: string): string => host.run('ip', 'route', 'get', address);
  const create = (name = 'tun0') =>
    child.step({ do: 'create', name, stateDirectory: host.stateDirectory });

  beforeEach(() => {
    host = createTestHost();
    child = host.start();
  });
  afterEach(() => host.remove());

  it('carries packets of both families, and counts them', async () => {
    expect(await create('ipsec%d')).toEqual({ name: 'ipsec0' });
    const routes = ['10.99.1.0/24', 'fd99:1::/64'];
    await child.step({ do: 'configure', settings: { ...fullTunnel, routes } });
    expect(host.run('ping', '-n', '-c', '3', '-i', '0.05', '-s', '1372', '10.99.1.7')).toContain(
      '3 received',
    );
    expect(host.run('ping', '-n', '-c', '3', '-i', '0.05', 'fd99:1::7')).toContain('3 received');
    expect(await child.step({ do: 'close' })).toEqual({
      counters: { read: 6, readDrops: 0, written: 6, writeDrops: 0 },
    });
  });

  it('takes a full tunnel without a loop, also for the family that has no connectivity', async () => {
    await create();
    await child.step({ do: 'configure', settings: fullTunnel });
    expect(wayTo(PEER)).toContain('via 192.0.2.1 dev eth0');
    expect(wayTo('198.51.100.1')).toContain('dev tun0');
    expect(wayTo('2001:db8::1')).toContain('dev tun0');
    expect(host.run('ping', '-n', '-c', '1', PEER)).toContain('1 received');
    expect(host.run('ping', '-n', '-c', '1', '198.51.100.1')).toContain('1 received');
    expect(host.run('ping', '-n', '-c', '1', '2001:db8::1')).toContain('1 received');
  });

  it('follows the host to another gateway without being told', async () => {
    await create();
    await child.step({ do: 'configure', settings: fullTunnel });
    host.run('ip', 'route', 'replace', 'default', 'via', '192.0.2.9');
    expect(wayTo(PEER)).toContain('via 192.0.2.9 dev eth0');
  });

  it('lets nothing to the peer into the tunnel while the host has no network', async () => {
    await create();
    await child.step({ do: 'configure', settings: fullTunnel });
    host.run('ip', 'link', 'set', 'eth0', 'down');
    expect(wayTo(PEER)).toMatch(/unreachable|No route to host/);
    expect(wayTo('198.51.100.1')).toContain('dev tun0');
  });

  it('moves the way past the tunnel with the peer', async () => {
    await create();
    await child.step({ do: 'configure', settings: fullTunnel });
    await child.step({
      do: 'configure',
      settings: { ...fullTunnel, excluded: ['198.51.100.1'] },
    });
    expect(wayTo('198.51.100.1')).toContain('dev eth0');
    expect(wayTo(PEER)).toContain('dev tun0');
  });

  it('keeps routes when the last address of a family goes', async () => {
    await create();
    await child.step({ do: 'configure', settings: fullTunnel });
    await child.step({ do: 'configure', settings: { ...fullTunnel, addresses: [] } });
    expect(wayTo('198.51.100.1')).toContain('dev tun0');
    expect(wayTo('2001:db8::1')).toContain('dev tun0');
  });

  it('leaves the host as it was after close', async () => {
    const before = host.snapshot();
    await create();
    await child.step({ do: 'configure', settings: fullTunnel });
    expect(host.snapshot()).not.toBe(before);
    expect(host.resolvConf()).toContain('\nnameserver 10.99.0.1\n');
    await child.step({ do: 'close' });
    expect(host.snapshot()).toBe(before);
    expect(readdirSync(host.stateDirectory)).toEqual([]);
  });

  it('leaves the host as it was after a step failed', async () => {
    const before = host.snapshot();
    await create();
    const settings = { ...fullTunnel, addresses: [...fullTunnel.addresses, 'ff02::1/128'] };
    expect(await child.step({ do: 'configure', settings })).toEqual({
      failed: expect.stringContaining('`ip -6 address add ff02::1/128 dev tun0 nodad` failed'),
    });
    await child.step({ do: 'close' });
    expect(host.snapshot()).toBe(before);
  });

  it('clears what a killed process left, and only that', async () => {
    host.run('ip', 'rule', 'add', 'priority', '10500', 'to', '192.0.2.77', 'lookup', 'main');
    const before = host.snapshot();
    await create();
    await child.step({ do: 'configure', settings: fullTunnel });
    await child.end('SIGKILL');
    const left = host.snapshot();
    expect(left).toContain(`to ${PEER} lookup main`);
    expect(left).toContain('nameserver 10.99.0.1');
    expect(left).not.toContain('tun0@');

    child = host.start();
    await create();
    await child.step({ do: 'close' });
    expect(host.snapshot()).toBe(before);
    expect(readdirSync(host.stateDirectory)).toEqual([]);
  });

  it('leaves alone what another running process made', async () => {
    await create();
    await child.step({ do: 'configure', settings: fullTunnel });
    const first = host.snapshot();
    const second = host.start();
    await second.step({ do: 'create', name: 'tun1', stateDirectory: host.stateDirectory });
    await second.step({ do: 'configure', settings: { ...fullTunnel, routes: ['10.0.0.0/8'] } });
    expect(host.run('ip', 'route', 'get', '10.1.1.1')).toMatch(/dev tun[01]/);
    await second.step({ do: 'close' });
    expect(host.snapshot()).toBe(first);
  });

  it('says what is missing without permission', async () => {
    await child.step({ do: 'become', uid: 65534 });
    expect(await create()).toEqual({
      failed:
        'no permission to make the TUN device tun0: run as root or with the capability CAP_NET_ADMIN',
    });
  });

  it('says that the name is taken', async () => {
    await create();
    expect(await create()).toEqual({ failed: expect.stringContaining('tun0 is in use') });
    expect(await create('eth0')).toEqual({ failed: expect.stringContaining('no TUN device') });
  });

  it('says that somebody removed the device', async () => {
    await create();
    await child.step({ do: 'configure', settings: fullTunnel });
    host.run('ip', 'link', 'del', 'tun0');
    expect(await child.step({ do: 'error' })).toEqual({
      errors: [expect.stringContaining('the TUN device tun0 does not work any more')],
    });
    expect(await child.step({ do: 'close' })).toMatchObject({ counters: { written: 0 } });
    expect(host.run('ip', 'rule')).not.toContain(PEER);
  });

  it('leaves IPv6 out where it is switched off, and works in IPv4', async () => {
    host.run('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
    await create();
    const answer = await child.step({ do: 'configure', settings: fullTunnel });
    expect(answer).toEqual({ errors: [expect.stringContaining('IPv6 is switched off')] });
    expect(host.run('ping', '-n', '-c', '1', '198.51.100.1')).toContain('1 received');
  });

  it('does not hold up the exit of a process that waits for packets', async () => {
    await create();
    expect(await child.end()).toBe(7);
  });
});
