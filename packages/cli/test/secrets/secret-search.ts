/** Something that nobody may read who was not meant to. */
export interface KnownSecret {
  /** What it is, for the message of a failed test. */
  readonly kind: string;
  readonly bytes: Uint8Array;
}

/** So many bytes in a row are no coincidence. */
const PIECE_BYTES = 8;

/** A secret that is text. */
export function secretText(kind: string, text: string): KnownSecret {
  return { kind, bytes: Buffer.from(text) };
}

/** Looks for secrets in what was printed or written, whole and in pieces of eight bytes: as text, hexadecimal, Base64, URL encoding, and
 * lists of numbers, whatever stands between the digits. @returns the kind and form of each that was found.
 */
export function secretsIn(haystack: string, secrets: readonly KnownSecret[]): readonly string[] {
  const plain = haystack;
  const dense = haystack.replace(/[\s:,;"'\\[\]<>|-]+|0x/g, '');
  const lower = dense.toLowerCase();
  const numbers = ` ${haystack.replace(/"\d+":/g, ' ').replace(/[^0-9]+/g, ' ')} `;
  return secrets.flatMap(({ kind, bytes }) => {
    const found = new Set<string>();
    for (const piece of piecesOf(bytes)) {
      const text = Buffer.from(piece).toString('latin1');
      if (plain.includes(text) || plain.includes(encodeURIComponent(text))) found.add('text');
      if (lower.includes(Buffer.from(piece).toString('hex'))) found.add('hexadecimal');
      if (numbers.includes(` ${piece.join(' ')} `)) found.add('numbers');
      if (base64Cores(piece).some((core) => dense.includes(core))) found.add('Base64');
    }
    return [...found].map((form) => `${kind} as ${form}`);
  });
}

function piecesOf(bytes: Uint8Array): readonly Uint8Array[] {
  if (bytes.length <= PIECE_BYTES) return [bytes];
  const starts = Array.from({ length: Math.ceil(bytes.length / PIECE_BYTES) }, (_, i) =>
    Math.min(i * PIECE_BYTES, bytes.length - PIECE_BYTES),
  );
  return starts.map((start) => bytes.slice(start, start + PIECE_BYTES));
}

/** Base64 letters that depend on nothing but the piece, at each of the three places where it may begin in a longer text. */
function base64Cores(piece: Uint8Array): readonly string[] {
  return [0, 1, 2].map((before) => {
    const padded = Buffer.concat([Buffer.alloc(before), piece]);
    const whole = padded.toString('base64').replace(/=+$/, '');
    return whole.slice(before === 0 ? 0 : before + 1, Math.floor((padded.length * 8) / 6));
  });
}
