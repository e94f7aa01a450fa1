import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interopGate } from '../../../.ci/interop-gate.ts';
import { runPki } from '../src/pki/run-pki.ts';
import { runProfile } from '../src/profile/run-profile.ts';

const gate = interopGate(['zbarimg'], 'QR codes, read by zbarimg');
/** Pixels of a module, and how much light a reader wants around. */
const SCALE = 4;
const QUIET = 4;
const LIGHT = 255;

/** What a terminal shows, light on dark as the blocks are, as a picture (PGM). */
function pictureOf(text: string): Buffer {
  const lines = text.trimEnd().split('\n');
  const columns = Math.max(...lines.map((line) => [...line].length));
  const width = (columns + 2 * QUIET) * SCALE;
  const height = (lines.length * 2 + 2 * QUIET) * SCALE;
  const pixels = Buffer.alloc(width * height, LIGHT);
  for (const [row, line] of lines.entries()) {
    for (const [column, block] of [...line].entries()) {
      const halves = [' ▄'.includes(block), ' ▀'.includes(block)];
      for (const [half, isDark] of halves.entries()) {
        if (!isDark) continue;
        for (let y = 0; y < SCALE; y += 1) {
          const at = ((row * 2 + half + QUIET) * SCALE + y) * width + (column + QUIET) * SCALE;
          pixels.fill(0, at, at + SCALE);
        }
      }
    }
  }
  return Buffer.concat([Buffer.from(`P5 ${width} ${height} ${LIGHT}\n`), pixels]);
}

describe.skipIf(gate.skip)('the QR code of a profile', () => {
  let dir: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'ipsec-kit-qr-'));
    const common = { dir, key: 'ecdsa', days: 825 } as const;
    await runPki({ action: 'ca', args: { ...common, name: 'Home CA' } }, Date.now());
    await runPki({ action: 'server', args: { ...common, name: 'vpn.example.org' } }, Date.now());
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it('says to another reader what the .sswan file says', async () => {
    const config = join(dir, 'office.conf');
    writeFileSync(
      config,
      `connections { office {
  local { auth = pubkey
    certs = vpn.example.org.cert.pem
    id = vpn.example.org }
  remote { auth = eap-mschapv2
    eap_id = %any }
  children { net { local_ts = 10.9.0.0/16 } }
} }
authorities { home { cacert = ca.cert.pem } }
secrets { private { file = vpn.example.org.key.pem } }`,
      { mode: 0o600 },
    );
    const args = { config, server: 'vpn.example.org', identity: 'büro@example.org' };
    const made = async (format: 'qr' | 'sswan'): Promise<string> =>
      (await runProfile({ action: 'export', args: { ...args, format } })).text;
    const picture = join(dir, 'code.pgm');
    writeFileSync(picture, pictureOf(await made('qr')));
    const options = ['--quiet', '--raw', '-Sdisable', '-Sqrcode.enable', picture];
    const read = execFileSync('zbarimg', options, { stdio: 'pipe' });
    const withoutId = (text: string): unknown => ({ ...JSON.parse(text), uuid: '' });
    const file = withoutId(await made('sswan'));
    expect(withoutId(read.toString('utf8'))).toEqual(file);
    expect(file).toMatchObject({ remote: { addr: 'vpn.example.org', cert: expect.any(String) } });
  });
});
