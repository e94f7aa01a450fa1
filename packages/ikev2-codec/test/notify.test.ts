import { describe, expect, it } from 'vitest';
import {
  decodeUint16List,
  encodeUint16List,
  findNotifies,
  findNotify,
  invalidKeNotify,
  isErrorNotify,
  NotifyType,
  notify,
  notifyUint16,
  notifyUint32,
  unsupportedCriticalNotify,
} from '../src/index.ts';

describe('a notify (RFC 7296 §3.10)', () => {
  it('has protocol 0 and no SPI unless it concerns a Child SA', () => {
    expect(notify(NotifyType.COOKIE, Uint8Array.of(1))).toEqual({
      type: 'N',
      protocol: 0,
      spi: new Uint8Array(0),
      notify: 16390,
      data: Uint8Array.of(1),
    });
    const spi = Uint8Array.of(1, 2, 3, 4);
    expect(notify(NotifyType.REKEY_SA, undefined, { protocol: 3, spi })).toMatchObject({
      protocol: 3,
      spi,
      data: new Uint8Array(0),
    });
  });

  it('carries the accepted method in INVALID_KE_PAYLOAD (RFC 7296 §1.2)', () => {
    const payload = invalidKeNotify(0x041f);
    expect(payload.data).toEqual(Uint8Array.of(4, 0x1f));
    expect(notifyUint16(payload)).toBe(0x041f);
  });

  it('carries the payload type in UNSUPPORTED_CRITICAL_PAYLOAD (RFC 7296 §2.5)', () => {
    expect(unsupportedCriticalNotify(200)).toMatchObject({ notify: 1, data: Uint8Array.of(200) });
  });

  it('gives no number when its data has another length', () => {
    for (const length of [0, 1, 3, 5]) {
      const payload = { data: new Uint8Array(length) };
      expect([notifyUint16(payload), notifyUint32(payload)]).toEqual([undefined, undefined]);
    }
    expect(notifyUint32({ data: Uint8Array.of(0x80, 0, 0, 1) })).toBe(0x80000001);
  });

  it('is an error below 16384 (RFC 7296 §3.10.1)', () => {
    expect([1, 14, 16383].every(isErrorNotify)).toBe(true);
    expect([16384, 16388, 65535].some(isErrorNotify)).toBe(false);
  });

  it('is found among other payloads, once or every time', () => {
    const first = notify(NotifyType.NAT_DETECTION_SOURCE_IP, Uint8Array.of(1));
    const second = notify(NotifyType.NAT_DETECTION_SOURCE_IP, Uint8Array.of(2));
    const payloads = [{ type: 'V', data: new Uint8Array(1) } as const, first, second];
    expect(findNotify(payloads, NotifyType.NAT_DETECTION_SOURCE_IP)).toBe(first);
    expect(findNotifies(payloads, NotifyType.NAT_DETECTION_SOURCE_IP)).toEqual([first, second]);
    expect(findNotify(payloads, NotifyType.COOKIE)).toBeUndefined();
  });
});

describe('a list of 16-bit numbers (RFC 7427 §4)', () => {
  it('is written and read', () => {
    expect(encodeUint16List([2, 0x1234])).toEqual(Uint8Array.of(0, 2, 0x12, 0x34));
    expect(decodeUint16List(Uint8Array.of(0, 2, 0x12, 0x34))).toEqual([2, 0x1234]);
    expect(decodeUint16List(new Uint8Array(0))).toEqual([]);
  });

  it('is refused with an odd byte', () => {
    expect(decodeUint16List(new Uint8Array(3))).toBeUndefined();
  });
});
