import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatEndpoint } from '@ipsec-kit/ip';
import { type CapturedDatagram, LinkType, readCapture, udpPayloads } from '@ipsec-kit/ip/pcapng';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCapture } from '../src/capture.ts';
import { clientOn, clientOptions, createMemoryWorld, serverOn } from './memory-world.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'capture-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Whether it is at port 500, or has the non-ESP marker. @see RFC 3948 §2.2 */
function isIke({ source, destination, data }: CapturedDatagram): boolean {
  const isMarked = data.length > 4 && data.subarray(0, 4).every((byte) => byte === 0);
  return source.port === 500 || destination.port === 500 || isMarked;
}

describe('the capture', () => {
  it('has every datagram of a tunnel, both ways, with its addresses and ports', async () => {
    const file = join(directory, 'tunnel.pcapng');
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'));
    await s.server.open();
    // However busy the machine is, nothing is sent twice.
    const options = clientOptions({}, { settings: { retransmitTimeoutMs: 10_000 } });
    const c = clientOn(hostAt('192.0.2.7'), { captureFile: file, options });
    await c.client.open();
    await c.client.close();
    await s.server.close();

    expect(statSync(file).mode & 0o777).toBe(0o600);
    const read = readCapture(new Uint8Array(readFileSync(file)));
    if (!read.ok) throw new Error(read.message);
    expect(read.capture.fault).toBeUndefined();
    const linkTypes = new Set(read.capture.packets.map(({ linkType }) => linkType));
    expect([...linkTypes]).toEqual([LinkType.RAW]);
    // ESP may be among them: the search for the path MTU begins when the tunnel stands.
    const datagrams = [...udpPayloads(read.capture)].filter(isIke);
    const fragments = c.events.map((event) => (event.kind === 'message' ? event.fragments : 0));
    expect(datagrams).toHaveLength(fragments.reduce((sum, each) => sum + each));
    expect(datagrams.map(({ source }) => formatEndpoint(source))[0]).toMatch(/^192\.0\.2\.7:/);
    expect(datagrams.map(({ destination }) => formatEndpoint(destination))[0]).toBe(
      '192.0.2.1:500',
    );
  });

  it('is refused in one sentence where it cannot be written', () => {
    expect(() => openCapture(join(directory, 'missing', 'x'))).toThrow(/^Cannot write the capture/);
  });
});
