import type { IkeHeader, IkeMessage, Payload } from '../message.ts';
import { exchangeTypeName } from '../registries/exchange-type.ts';
import { formatPayload } from './format-payload.ts';

/** Draws a message as a tree of several lines for people: the header, then every payload with its fields.
 * Public values are shown, long ones cut; an encrypted payload shows its size only. Decrypted payloads given by the
 * caller are drawn inside it.
 * @param decrypted - what was inside the SK payload, when it is known.
 */
export function formatMessageTree(message: IkeMessage, decrypted?: readonly Payload[]): string {
  const trees = message.payloads.map((payload) =>
    payloadTree(payload, payload.type === 'SK' ? (decrypted ?? []) : []),
  );
  return [formatHeader(message.header), ...branches(trees)].join('\n');
}

function payloadTree(payload: Payload, inside: readonly Payload[]): readonly string[] {
  const [title = '', ...fields] = formatPayload(payload);
  const leaves = fields.map((field) => [field]);
  return [title, ...branches([...leaves, ...inside.map((inner) => payloadTree(inner, []))])];
}

/** The header in one line: `IKE_SA_INIT request 0, SPIs 0102…_i 0000…_r`. */
export function formatHeader(header: IkeHeader): string {
  const kind = header.isResponse ? 'response' : 'request';
  const sender = header.isInitiator ? 'initiator' : 'responder';
  const version =
    header.minorVersion === 0 && header.majorVersion === 2
      ? ''
      : `, version ${header.majorVersion}.${header.minorVersion}`;
  return (
    `${exchangeTypeName(header.exchangeType)} ${kind} ${header.messageId} from the ${sender}, ` +
    `SPIs ${spiText(header.initiatorSpi)}_i ${spiText(header.responderSpi)}_r${version}`
  );
}

function spiText(spi: bigint): string {
  return spi.toString(16).padStart(16, '0');
}

/** Indents blocks of lines under one trunk. */
function branches(blocks: readonly (readonly string[])[]): string[] {
  return blocks.flatMap((lines, index) => {
    const isLast = index === blocks.length - 1;
    return lines.map((line, row) => {
      if (row === 0) return `${isLast ? '└─' : '├─'} ${line}`;
      return `${isLast ? '  ' : '│ '} ${line}`;
    });
  });
}
