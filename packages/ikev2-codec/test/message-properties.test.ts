import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeHeader,
  decodeMessage,
  decodePayloads,
  describePayloads,
  encodeMessage,
  encodePayloads,
  formatMessageTree,
  type Payload,
} from '../src/index.ts';
import { arbitraryMessage, arbitraryPayloads } from './arbitrary-message.ts';

/** Decodes and, if that worked, walks everything that hangs on the result. */
function exercise(datagram: Uint8Array): void {
  decodeHeader(datagram);
  const message = decodeMessage(datagram);
  if (message.ok) {
    describePayloads(message.value);
    formatMessageTree(message.value);
    expectViewsInside(message.value.payloads, datagram);
  }
}

/** Every byte array in a result lies within the input, or is a copy of its own. */
function expectViewsInside(value: unknown, input: Uint8Array): void {
  if (value instanceof Uint8Array) {
    if (value.buffer !== input.buffer) return;
    expect(value.byteOffset).toBeGreaterThanOrEqual(input.byteOffset);
    expect(value.byteOffset + value.length).toBeLessThanOrEqual(input.byteOffset + input.length);
  } else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) expectViewsInside(part, input);
  }
}

describe('any message (RFC 7296 §3.1, §3.2)', () => {
  it('is the same after encoding and decoding', () => {
    fc.assert(
      fc.property(arbitraryMessage, (message) => {
        expect(decodeMessage(encodeMessage(message))).toEqual({ ok: true, value: message });
      }),
      { numRuns: 300 },
    );
  });

  it('is the same bytes after decoding and encoding', () => {
    fc.assert(
      fc.property(arbitraryMessage, (message) => {
        const bytes = encodeMessage(message);
        const result = decodeMessage(bytes);
        expect(result.ok && encodeMessage(result.value)).toEqual(bytes);
      }),
    );
  });

  it('is refused when cut at any byte', () => {
    fc.assert(
      fc.property(arbitraryMessage, (message) => {
        const bytes = encodeMessage(message);
        for (let length = 0; length < bytes.length; length++) {
          const cut = bytes.slice(0, length);
          expect(decodeMessage(cut)).toMatchObject({ ok: false });
          // With a header that agrees, the payloads themselves must notice.
          if (length >= 28) new DataView(cut.buffer).setUint32(24, length);
          exercise(cut);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('is the same wherever it lies in a larger buffer, and never shows the neighbours', () => {
    fc.assert(
      fc.property(arbitraryMessage, fc.nat(40), (message, before) => {
        const bytes = encodeMessage(message);
        const memory = new Uint8Array(before + bytes.length + 40).fill(0xa5);
        memory.set(bytes, before);
        const inside = memory.subarray(before, before + bytes.length);
        const result = decodeMessage(inside);
        expect(result).toEqual({ ok: true, value: message });
        if (result.ok) expectViewsInside(result.value, inside);
      }),
    );
  });

  it('never makes a decoder throw or read out of bounds when bytes are changed', () => {
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(
        arbitraryMessage,
        fc.array(change, { minLength: 1, maxLength: 4 }),
        (message, changes) => {
          const bytes = encodeMessage(message);
          for (const { at, to } of changes) bytes[at % bytes.length] = to;
          exercise(bytes);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('payloads inside SK (RFC 7296 §3.14)', () => {
  it('are the same after encoding and decoding', () => {
    fc.assert(
      fc.property(arbitraryPayloads, (payloads) => {
        const { firstPayload, bytes } = encodePayloads(payloads);
        expect(decodePayloads(firstPayload, bytes)).toEqual({ ok: true, value: payloads });
      }),
    );
  });

  it('never make a decoder throw, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.uint8Array({ maxLength: 200 }),
        (firstPayload, bytes) => {
          const result = decodePayloads(firstPayload, bytes);
          if (result.ok) expect(reencode(result.value)).toBeInstanceOf(Uint8Array);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never make a decoder throw when every payload type gets random bytes of fitting length', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.uint8Array({ maxLength: 80 }),
        (payloadType, body) => {
          const bytes = Uint8Array.of(0, 0, 0, 4 + body.length, ...body);
          const result = decodePayloads(payloadType, bytes);
          if (!result.ok) expect(result.error.payloadType).toBe(payloadType);
          else expect(reencode(result.value).length).toBe(bytes.length);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

/** What a decoder accepts an encoder must be able to write. */
function reencode(payloads: readonly Payload[]): Uint8Array {
  return encodePayloads(payloads).bytes;
}

describe('random datagrams', () => {
  it('never make a decoder throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), exercise), { numRuns: 500 });
  });
});
