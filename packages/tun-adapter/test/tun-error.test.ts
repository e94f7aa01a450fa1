import { readdirSync } from 'node:fs';
import { PosixError } from '@ipsec-kit/posix';
import { describe, expect, it } from 'vitest';
import { createTun, TunError } from '../src/index.ts';
import { runCommand } from '../src/run-command.ts';
import { tunOpenError } from '../src/tun-error.ts';

describe('tunOpenError', () => {
  it('says what to do about each failure', () => {
    const sentence = (errno: number): string =>
      tunOpenError(new PosixError('ioctl', errno), 'ipsec0', '/dev/net/tun').message;
    expect(sentence(1)).toContain('run as root or with the capability CAP_NET_ADMIN');
    expect(sentence(13)).toContain('run as root');
    expect(sentence(2)).toContain('`modprobe tun`');
    expect(sentence(16)).toContain('choose another name');
    expect(sentence(22)).toContain('is no TUN device');
    expect(sentence(5)).toContain('EIO');
  });
});

describe.runIf(process.platform === 'linux')('createTun', () => {
  it('says that the device file is missing', async () => {
    const failed = createTun({ devicePath: '/nonexistent/tun' });
    await expect(failed).rejects.toThrow('/nonexistent/tun is missing: load the driver');
    await expect(failed).rejects.toBeInstanceOf(TunError);
    await expect(failed).rejects.toHaveProperty('code', 'ENOENT');
  });

  it('closes what it opened when the file is no TUN device', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    await expect(createTun({ devicePath: '/dev/null' })).rejects.toThrow('cannot be made');
    expect(open()).toBe(before);
  });

  it('refuses a name that the kernel would cut', async () => {
    await expect(createTun({ name: 'a-name-that-is-too-long' })).rejects.toThrow('"name" expected');
  });
});

describe('runCommand', () => {
  it('gives input and returns output', async () => {
    expect(await runCommand('cat', [], 'nameserver 10.0.0.1\n')).toBe('nameserver 10.0.0.1\n');
  });

  it('uses no shell', async () => {
    expect(await runCommand('echo', ['$HOME; reboot'])).toBe('$HOME; reboot\n');
  });

  it('says which program is missing', async () => {
    await expect(runCommand('ipsec-kit-no-such-program', [])).rejects.toThrow(
      'is missing: install it',
    );
  });

  it('repeats what the program said', async () => {
    await expect(runCommand('cat', ['/nonexistent/file'])).rejects.toThrow(
      '`cat /nonexistent/file` failed: cat: /nonexistent/file: No such file',
    );
  });

  it('survives a program that does not read its input', async () => {
    await runCommand('true', [], 'x'.repeat(1_000_000));
  });
});
