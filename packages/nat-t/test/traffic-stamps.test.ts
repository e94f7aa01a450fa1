import { instantFromMs } from '@ipsec-kit/clock';
import { describe, expect, it } from 'vitest';
import { TrafficRecord, type TrafficStamps } from '../src/traffic-stamps.ts';

const at = instantFromMs;
const KINDS = ['inIke', 'inEsp', 'outIke', 'outEsp'] as const satisfies (keyof TrafficStamps)[];

const shown = ({ inIke, inEsp, outIke, outEsp }: TrafficStamps) => ({
  inIke,
  inEsp,
  outIke,
  outEsp,
});
const NOTHING = shown({});

describe('when packets last came and went', () => {
  it.each(KINDS)('is kept for %s apart from the others, and only goes forward', (kind) => {
    const record = new TrafficRecord(at(0));
    record.merge({ [kind]: at(20) });
    expect(shown(record)).toEqual({ ...NOTHING, [kind]: 20 });
    record.merge({ [kind]: at(10) });
    record.merge({});
    expect(shown(record)).toEqual({ ...NOTHING, [kind]: 20 });
    record.merge({ [kind]: at(30) });
    expect(shown(record)).toEqual({ ...NOTHING, [kind]: 30 });
  });

  it.each(KINDS)('of %s counts for its direction alone', (kind) => {
    const record = new TrafficRecord(at(5));
    record.merge({ [kind]: at(20) });
    const isInbound = kind.startsWith('in');
    expect([record.lastInbound, record.lastOutbound]).toEqual(isInbound ? [20, 5] : [5, 20]);
  });

  it('is the later of IKE and ESP, and a keepalive counts as outbound', () => {
    const record = new TrafficRecord(at(0));
    record.merge({ inIke: at(40), inEsp: at(30), outIke: at(10), outEsp: at(20) });
    expect([record.lastInbound, record.lastOutbound]).toEqual([40, 20]);
    record.outKeepalive = at(15);
    expect(record.lastOutbound).toBe(20);
    record.outKeepalive = at(25);
    expect([record.lastInbound, record.lastOutbound]).toEqual([40, 25]);
  });
});
