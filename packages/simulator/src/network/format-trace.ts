import { decodeHeader, exchangeTypeName } from '@ipsec-kit/ikev2-codec';
import { formatEndpoint, readUint32 } from '@ipsec-kit/ip';
import { classifyDatagram, NON_ESP_MARKER_BYTES } from '@ipsec-kit/nat-t';
import type { Datagram } from './datagram.ts';
import type { TraceEntry } from './network-trace.ts';

/** A trace as text, one entry a line: `0.045 s  #2  192.0.2.1:500 -> 203.0.113.1:500  304 bytes  IKE_SA_INIT request 0`. */
export function formatTrace(trace: readonly TraceEntry[]): string {
  return trace.map(formatEntry).join('\n');
}

function formatEntry(entry: TraceEntry): string {
  const seconds = `${(entry.at / 1000).toFixed(4)} s`;
  if (entry.kind === 'noted') return `${seconds}  ${entry.who} ${entry.what}`;
  const index = entry.kind === 'sent' ? entry.datagram.index : entry.index;
  return `${seconds}  #${index}  ${whatHappened(entry)}`;
}

function whatHappened(entry: Exclude<TraceEntry, { kind: 'noted' }>): string {
  switch (entry.kind) {
    case 'sent': {
      const { from, to, data } = entry.datagram;
      const route = `${formatEndpoint(from)} -> ${formatEndpoint(to)}`;
      return `${route}  ${data.length} bytes  ${describeDatagram(entry.datagram)}`;
    }
    case 'delivered':
      return `reaches ${entry.host} after ${entry.afterMs.toFixed(1)} ms`;
    case 'lost':
      return `is lost (${entry.where})`;
    case 'duplicated':
      return `is sent ${entry.copies + 1} times (${entry.where})`;
    case 'translated': {
      const { where, from, to, isNewMapping } = entry;
      const route = `${formatEndpoint(from)} -> ${formatEndpoint(to)}`;
      return `passes ${where} as ${route}${isNewMapping ? ' (new mapping)' : ''}`;
    }
  }
}

/** What a datagram carries, as far as can be seen from outside: `IKE_AUTH request 1`, `ESP 0xc1f5e2d0 #7`, `keepalive`. */
export function describeDatagram({ data }: Pick<Datagram, 'data'>): string {
  const plain = describeIke(data);
  if (plain !== undefined) return plain;
  switch (classifyDatagram(data, 0, data.length)) {
    case 'keepalive':
      return 'keepalive';
    case 'ike':
      return describeIke(data.subarray(NON_ESP_MARKER_BYTES)) ?? 'malformed';
    case 'esp':
      return `ESP 0x${readUint32(data, 0).toString(16).padStart(8, '0')} #${readUint32(data, 4)}`;
    case 'malformed':
      return 'malformed';
  }
}

function describeIke(message: Uint8Array): string | undefined {
  const result = decodeHeader(message);
  if (!result.ok) return undefined;
  const { exchangeType, isResponse, messageId } = result.value;
  return `${exchangeTypeName(exchangeType)} ${isResponse ? 'response' : 'request'} ${messageId}`;
}
