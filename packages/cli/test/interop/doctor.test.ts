import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { byCertificate, layOut, strongSwanPki } from './lab/certificates.ts';
import { clientConfiguration, serverConfiguration, type Tunnel } from './lab/configuration.ts';
import { runOn } from './lab/ipsec-kit.ts';
import { createLab, type Lab } from './lab/lab.ts';
import { StrongSwan } from './lab/strongswan.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'strongswan', 'pki'],
  'doctor in front of strongSwan',
);

/** What the doctor of the client says about a strongSwan server. */
async function diagnose(tunnel: Tunnel, prepare: (lab: Lab) => Promise<unknown>): Promise<string> {
  const lab = await createLab();
  try {
    await prepare(lab);
    await StrongSwan.start(lab.right, serverConfiguration(tunnel));
    const config = lab.left.file('ipsec-kit/home.conf', clientConfiguration(tunnel));
    return await runOn(lab.left, 'doctor', '--config', config);
  } finally {
    await lab.close();
  }
}

/** Drops UDP to a port at the server. */
async function block(lab: Lab, ...ports: number[]): Promise<void> {
  await lab.right.run('nft', 'add table inet wall');
  await lab.right.run('nft', 'add chain inet wall in { type filter hook input priority 0 ; }');
  for (const port of ports) {
    await lab.right.run('nft', `add rule inet wall in udp dport ${port} drop`);
  }
}

describe.skipIf(gate.skip)(
  'doctor in front of strongSwan 5.9.8 (RFC 7296 §2.23, RFC 3948 §2.2)',
  () => {
    it('finds everything in order, with certificates below an intermediate CA', async () => {
      const text = await diagnose(byCertificate, async (lab) =>
        layOut(lab, strongSwanPki('ecdsa')),
      );
      expect(text).toMatch(/ok +UDP 10\.99\.0\.2:500 answers in \d+ ms, and takes AES_CBC_256/);
      expect(text).toMatch(/ok +UDP 10\.99\.0\.2:4500 answers/);
      expect(text).toMatch(/ok +a chain leads from client\.pem to a configured CA/);
      expect(text).toMatch(/Nothing stands in the way/);
    });

    it('misses the intermediate CA', async () => {
      const text = await diagnose(byCertificate, async (lab) => {
        layOut(lab, strongSwanPki('ecdsa'));
        await lab.left.run('rm', join(lab.left.dir, 'ipsec-kit/x509/middle.crt'));
      });
      expect(text).toMatch(
        /warning client\.pem comes from C=CH, O=Example, CN=Middle, and nothing/,
      );
    });

    it.each([500, 4500])('says that UDP %i is blocked, and the other is not', async (port) => {
      const other = 4500 + 500 - port;
      const text = await diagnose({}, (lab) => block(lab, port));
      expect(text).toMatch(new RegExp(`ERROR +UDP 10\\.99\\.0\\.2:${port} does not answer`));
      expect(text).toContain(`something between here and there drops UDP ${port}: open it in`);
      expect(text).toMatch(new RegExp(`ok +UDP 10\\.99\\.0\\.2:${other} answers`));
    });

    it('says that neither answers', async () => {
      const text = await diagnose({}, (lab) => block(lab, 500, 4500));
      expect(text.match(/does not answer/g)).toHaveLength(2);
      expect(text).toMatch(
        /check that the server runs, that its address is right, and that UDP 500/,
      );
    });
  },
);
