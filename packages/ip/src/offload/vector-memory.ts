/** Sums the little-endian 16-bit words from `at` to `end`, which is behind it by a multiple of {@link BLOCK_BYTES}.
 * @returns the sum modulo 2^32, maybe negative: up to 64 KiB it is the sum.
 */
export type BlockSum = (at: number, end: number) => number;

/** What a {@link BlockSum} takes at a time. */
export const BLOCK_BYTES = 32;

const WASM_PAGE_BYTES = 65536;

/** WebAssembly for
 *
 *     (func (export "sum") (param $at i32) (param $end i32) (result i32) (local $a v128) (local $b v128)
 *       (loop $next
 *         $a = i32x4.add($a, i32x4.extadd_pairwise_i16x8_u(v128.load($at)))
 *         $b = i32x4.add($b, i32x4.extadd_pairwise_i16x8_u(v128.load($at + 16)))
 *         (br_if $next (i32.lt_u (local.tee $at (i32.add $at 32)) $end)))
 *       $a = i32x4.add($a, $b), and the sum of its four lanes)
 *
 * over the memory "m" "m" that it imports.
 */
// biome-ignore format: one section in each line
const PROGRAM = /* @__PURE__ */ Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0,
  1, 7, 1, 96, 2, 127, 127, 1, 127,
  2, 8, 1, 1, 109, 1, 109, 2, 0, 1,
  3, 2, 1, 0,
  7, 7, 1, 3, 115, 117, 109, 0, 0,
  10, 81, 1, 79, 1, 2, 123,
  3, 64,
  32, 2, 32, 0, 253, 0, 0, 0, 253, 127, 253, 174, 1, 33, 2,
  32, 3, 32, 0, 253, 0, 0, 16, 253, 127, 253, 174, 1, 33, 3,
  32, 0, 65, 32, 106, 34, 0, 32, 1, 73, 13, 0,
  11,
  32, 2, 32, 3, 253, 174, 1, 34, 2, 253, 27, 0,
  32, 2, 253, 27, 1, 106, 32, 2, 253, 27, 2, 106, 32, 2, 253, 27, 3, 106,
  11,
);

/** As much of WebAssembly as is used here: the types of the platform are none of a pure package's. */
interface WasmApi {
  readonly Memory: new (shape: {
    initial: number;
    maximum: number;
  }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (program: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

const sums = /* @__PURE__ */ new WeakMap<ArrayBufferLike, BlockSum>();

/** Memory whose checksums are summed 32 bytes at a time, by the vector instructions that JavaScript has no other way to: some
 * three times as fast. It takes gigabytes of address space, and of memory what is written to: for packets, once for a batch.
 * @returns memory of zeros at a multiple of 64 KiB, never detached; nothing where there is no WebAssembly, or no room.
 */
export function vectorMemory(sizeBytes: number): Uint8Array | undefined {
  const api = (globalThis as { readonly WebAssembly?: WasmApi }).WebAssembly;
  if (!api) return undefined;
  try {
    const pages = Math.ceil(sizeBytes / WASM_PAGE_BYTES);
    const memory = new api.Memory({ initial: pages, maximum: pages });
    const instance = new api.Instance(new api.Module(PROGRAM), { m: { m: memory } });
    sums.set(memory.buffer, (instance.exports as { readonly sum: BlockSum }).sum);
    return new Uint8Array(memory.buffer, 0, sizeBytes);
  } catch {
    // An engine without vectors, or one that may not compile; an address space that is limited.
    return undefined;
  }
}

/** How blocks of a memory are summed, by offsets into its buffer, where {@link vectorMemory} made it. */
export function blockSumOf(buffer: ArrayBufferLike): BlockSum | undefined {
  return sums.get(buffer);
}
