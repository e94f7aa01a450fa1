/** Prints every IKEv2 message of a pcap or pcapng file as a tree. Run: `main.ts [FILE]`; without FILE, the bundled sample. */
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decodeMessage, formatHeader, formatMessageTree } from '@ipsec-kit/ikev2-codec';
import { type Endpoint, formatAddress } from '@ipsec-kit/ip';
import { type CapturedDatagram, readCapture, udpPayloads } from '@ipsec-kit/ip/pcapng';
import { findIke } from './find-ike.ts';

const SAMPLE = fileURLToPath(new URL('sample.pcapng', import.meta.url));
const MAX_FILE_BYTES = 512 * 1024 * 1024;

/** What the person at the keyboard can do something about: printed as one sentence, without a stack. */
class UserError extends Error {}

function main(file: string): void {
  const result = readCapture(readFile(file));
  if (!result.ok) throw new UserError(`${file}: ${result.message}`);
  const { packets, fault } = result.capture;
  const counts = { ike: 0, broken: 0, esp: 0, keepalive: 0, other: 0 };
  for (const datagram of udpPayloads(result.capture)) {
    const content = findIke(datagram);
    counts[content.kind] += 1;
    if (content.kind === 'ike' && !printMessage(datagram, content.data)) counts.broken += 1;
  }
  const { ike, broken, esp, keepalive, other } = counts;
  console.log(
    `${packets.length} packets: ${ike} IKE messages (${broken} not decoded), ${esp} ESP in UDP, ` +
      `${keepalive} NAT keepalives, ${other} other UDP`,
  );
  const cut = packets.filter(({ data, originalLength }) => data.length < originalLength).length;
  if (cut > 0)
    console.log(`${cut} packets were cut off while capturing: capture whole ones (-s 0)`);
  if (fault) {
    throw new UserError(`${file}: reading stopped at byte ${fault.offset}: ${fault.message}`);
  }
}

/** @returns whether the message could be decoded. */
function printMessage(datagram: CapturedDatagram, data: Uint8Array): boolean {
  const { frame, source, destination } = datagram;
  console.log(`#${frame} ${endpointText(source)} -> ${endpointText(destination)}`);
  const message = decodeMessage(data);
  if (message.ok) {
    console.log(`${formatMessageTree(message.value)}\n`);
    return true;
  }
  const { header, code, detail } = message.error;
  console.log(`${header ? `${formatHeader(header)}\n` : ''}└─ ${code}: ${detail}\n`);
  return false;
}

function endpointText({ address, port }: Endpoint): string {
  const text = formatAddress(address);
  return address.version === 6 ? `[${text}]:${port}` : `${text}:${port}`;
}

function readFile(file: string): Uint8Array {
  try {
    const stats = statSync(file);
    const { size } = stats;
    if (!stats.isFile()) throw new UserError(`${file} is not a regular file.`);
    if (size > MAX_FILE_BYTES) {
      throw new UserError(`${file}: at most ${MAX_FILE_BYTES} bytes are read, it has ${size}.`);
    }
    return readFileSync(file);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${file} cannot be read: ${reasonText(error)}.`);
  }
}

function reasonText(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'permission denied';
  return typeof code === 'string' ? code : String(error);
}

// `main.ts FILE | head` closes the pipe early: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

try {
  main(process.argv[2] ?? SAMPLE);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(`decode-capture: ${error.message}`);
  process.exitCode = 1;
}
