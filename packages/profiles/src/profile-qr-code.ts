import { renderUnicodeCompact } from 'uqr';

/** Most bytes that a QR code of the largest version takes with the weakest correction. @see ISO/IEC 18004, version 40-L */
export const MAX_QR_BYTES = 2_953;

/** A text as QR code for a terminal, light on dark, two rows of modules to a line.
 * @returns the lines, or one sentence that says by how much the text is too long.
 */
export function qrCode(
  text: string,
):
  | { readonly ok: true; readonly lines: string }
  | { readonly ok: false; readonly sentence: string } {
  const bytes = encodeURIComponent(text).replace(/%../g, 'x').length;
  if (bytes > MAX_QR_BYTES) {
    return {
      ok: false,
      sentence: `The profile has ${bytes} bytes, and a QR code takes ${MAX_QR_BYTES}: send the file itself, or leave out certificates and keys.`,
    };
  }
  return { ok: true, lines: renderUnicodeCompact(text, { ecc: 'L', border: 2 }) };
}
