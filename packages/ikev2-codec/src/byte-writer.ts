import { ApiMisuseError } from './misuse.ts';

/** Writes network-order fields one after the other into memory that was sized beforehand and is zero. */
export class ByteWriter {
  readonly bytes: Uint8Array;
  offset = 0;

  /** @param bytes - all zero: reserved fields are skipped, not written. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** @param field - what the number is, for the error of a caller who passes one that does not fit. */
  uint8(value: number, field: string): void {
    requireUint(value, 0xff, field);
    this.bytes[this.offset++] = value;
  }

  uint16(value: number, field: string): void {
    requireUint(value, 0xffff, field);
    this.bytes[this.offset++] = value >>> 8;
    this.bytes[this.offset++] = value & 0xff;
  }

  uint32(value: number, field: string): void {
    requireUint(value, 0xffff_ffff, field);
    this.bytes[this.offset++] = value >>> 24;
    this.bytes[this.offset++] = (value >>> 16) & 0xff;
    this.bytes[this.offset++] = (value >>> 8) & 0xff;
    this.bytes[this.offset++] = value & 0xff;
  }

  uint64(value: bigint, field: string): void {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
      throw new ApiMisuseError(field, 'an unsigned 64-bit integer', value);
    }
    this.uint32(Number(value >> 32n), field);
    this.uint32(Number(value & 0xffff_ffffn), field);
  }

  /** Leaves reserved bytes at zero. */
  skip(bytes: number): void {
    this.offset += bytes;
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.offset);
    this.offset += bytes.length;
  }
}

function requireUint(value: number, max: number, field: string): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new ApiMisuseError(field, `an integer from 0 to ${max}`, value);
  }
}
