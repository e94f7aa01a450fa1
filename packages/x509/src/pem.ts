import { base64 } from '@scure/base';

/** Longest PEM text that is read. */
const MAX_PEM_LETTERS = 8_388_608;
const MAX_BLOCKS = 1_024;
const BYTE_ORDER_MARK = /^(?:\uFEFF|\u00EF\u00BB\u00BF)/;

/** One block of a PEM file. */
export interface PemBlock {
  /** `CERTIFICATE`, `PRIVATE KEY`, `X509 CRL`, ... */
  readonly label: string;
  /** Between label and text: the headers of the old encrypted format; usually none. */
  readonly hasHeaders: boolean;
  readonly der: Uint8Array;
}

/** Reads the blocks of a PEM text; what stands between them is ignored.
 * @returns `undefined` when a block is not closed or not base64, or there are more than 1024 of them. @see RFC 7468 §2, §3
 */
export function readPem(text: string): readonly PemBlock[] | undefined {
  if (text.length > MAX_PEM_LETTERS) return undefined;
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let letters: string[] = [];
  let hasHeaders = false;
  // A byte order mark of UTF-8 in front, as editors on Windows leave it; here it has been read as such, or as Latin-1.
  for (const line of text.replace(BYTE_ORDER_MARK, '').split(/\r\n|\r|\n/)) {
    const [, edge, name] = /^-----(BEGIN|END) ([A-Z0-9 ]{1,64})-----\s*$/.exec(line) ?? [];
    if (edge === 'BEGIN') {
      if (label !== undefined || blocks.length === MAX_BLOCKS) return undefined;
      label = name;
      letters = [];
      hasHeaders = false;
    } else if (edge === 'END') {
      const der = label === name ? decodeBase64(letters.join('')) : undefined;
      if (der === undefined || label === undefined) return undefined;
      blocks.push({ label, hasHeaders, der });
      label = undefined;
    } else if (label !== undefined) {
      if (line.includes(':')) hasHeaders = true;
      else letters.push(line.trim());
    }
  }
  return label === undefined ? blocks : undefined;
}

function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return base64.decode(text);
  } catch {
    return undefined; // The library throws at letters, padding and trailing bits that RFC 4648 §3 forbids.
  }
}
