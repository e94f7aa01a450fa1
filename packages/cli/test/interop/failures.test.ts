import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { clientConfiguration, serverConfiguration, type Tunnel } from './lab/configuration.ts';
import { IpsecKit } from './lab/ipsec-kit.ts';
import { createLab } from './lab/lab.ts';
import { StrongSwan } from './lab/strongswan.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'strongswan'],
  'failures with strongSwan in both roles',
);

/** Our client against a strongSwan server that will refuse. */
async function refusedClient(tunnel: Tunnel): Promise<{ code: number | null; output: string }> {
  const lab = await createLab();
  try {
    await StrongSwan.start(lab.right, serverConfiguration(tunnel));
    const client = await IpsecKit.start(lab.left, 'connect', clientConfiguration(tunnel), {
      wait: false,
    });
    const code = await client.process.exited;
    expect(await lab.left.run('ip', 'link')).not.toMatch(/tun|ipsec/);
    return { code, output: client.process.output };
  } finally {
    await lab.close();
  }
}

/** A strongSwan client against our server, which will refuse. */
async function refusedSwan(tunnel: Tunnel): Promise<{ swan: string; output: string }> {
  const lab = await createLab();
  try {
    const server = await IpsecKit.start(lab.right, 'serve', serverConfiguration(tunnel));
    await server.process.waitFor(/listening/i);
    const swan = await StrongSwan.start(lab.left, clientConfiguration(tunnel));
    const answer = await swan.initiate('net').catch((error: unknown) => String(error));
    return { swan: answer, output: server.process.output };
  } finally {
    await lab.close();
  }
}

const oneSentence = (output: string): void => {
  expect(output).not.toMatch(/\n\s+at /);
  expect(output).not.toContain('undefined');
  expect(output).not.toContain('correct horse');
};

describe.skipIf(gate.skip)('refusals with strongSwan 5.9.8', () => {
  it('ours as client: a wrong pre-shared key ends with exit code 4 and one sentence', async () => {
    const { code, output } = await refusedClient({ clientSecret: 'wrong' });
    oneSentence(output);
    expect(output).toMatch(/AUTHENTICATION_FAILED/);
    expect(code).toBe(4);
  });

  it('ours as client: no proposal in common names what was offered', async () => {
    const { code, output } = await refusedClient({
      clientIke: 'aes128-sha256-x25519',
      serverIke: 'aes256-sha384-modp2048',
    });
    oneSentence(output);
    expect(output).toMatch(/NO_PROPOSAL_CHOSEN.*AES_CBC.128/s);
    expect(code).not.toBe(0);
  });

  it('ours as client: unacceptable traffic selectors are named', async () => {
    const { code, output } = await refusedClient({ serverTs: '192.0.2.0/24' });
    oneSentence(output);
    expect(output).toMatch(/TS_UNACCEPTABLE.*10\.77\.0\.0\/16/s);
    expect(code).not.toBe(0);
  });

  it('ours as client: an unreachable peer ends with exit code 3', async () => {
    const lab = await createLab();
    try {
      const client = await IpsecKit.start(lab.left, 'connect', clientConfiguration(), {
        wait: false,
        settings: 'retransmit_timeout = 0.2\nretransmit_tries = 2',
      });
      expect(await client.process.exited).toBe(3);
      oneSentence(client.process.output);
      expect(client.process.output).toContain('10.99.0.2');
    } finally {
      await lab.close();
    }
  });

  it('ours as server: a wrong pre-shared key is answered with AUTHENTICATION_FAILED', async () => {
    const { swan, output } = await refusedSwan({ clientSecret: 'wrong' });
    oneSentence(output);
    expect(swan).toMatch(/AUTHENTICATION_FAILED|AUTH_FAILED/);
    expect(output).toMatch(/authentication/i);
  });

  it('ours as server: no proposal in common is answered with NO_PROPOSAL_CHOSEN', async () => {
    const { swan, output } = await refusedSwan({
      clientIke: 'aes128-sha256-x25519',
      serverIke: 'aes256-sha384-modp2048',
    });
    oneSentence(output);
    expect(swan).toMatch(/NO_PROPOSAL_CHOSEN|NO_PROP/);
    expect(output).toMatch(/NO_PROPOSAL_CHOSEN/);
  });

  it('ours as server: unacceptable traffic selectors are answered with TS_UNACCEPTABLE', async () => {
    const { swan, output } = await refusedSwan({ serverTs: '192.0.2.0/24' });
    oneSentence(output);
    expect(swan).toMatch(/TS_UNACCEPTABLE|TS_UNACCEPT/);
    expect(output).toMatch(/TS_UNACCEPTABLE/);
  });
});
