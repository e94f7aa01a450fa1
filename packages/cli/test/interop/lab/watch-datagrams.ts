import type { Host } from './lab.ts';

/** Payloads of UDP datagrams that pass a device, in hexadecimal, as they come. */
export interface WatchedDatagrams {
  /** Resolves with the first `count` of them, when one more has come. */
  first(count: number, timeoutMs?: number): Promise<string[]>;
  /** Ends the watch, and returns all of them. */
  stop(): Promise<string[]>;
}

/** Octets of the headers of IPv4 and UDP, in hexadecimal digits. */
const headerDigits = 2 * (20 + 8);

/** Starts to watch the datagrams over IPv4 at `device` that `filter` (of libpcap) lets pass. */
export async function watchDatagrams(
  host: Host,
  device: string,
  filter: string,
): Promise<WatchedDatagrams> {
  const options = ['-l', '-n', '-t', '-x', '-s', '0', '-i', device];
  const capture = host.start('tcpdump', [...options, filter]);
  await capture.waitFor(/listening on/i);
  const seen = (): string[] =>
    capture.output
      .split(/^IP .*$/m)
      .slice(1)
      .map((lines) =>
        [...lines.matchAll(/^\s+0x\w+: {2}(.*)$/gm)]
          .map(([, digits = '']) => digits.replaceAll(' ', ''))
          .join('')
          .slice(headerDigits),
      );
  return {
    async first(count, timeoutMs = 10_000) {
      // The last one may not be printed whole yet.
      await capture.waitForCount(/^IP .*$/gm, count + 1, timeoutMs);
      return seen().slice(0, count);
    },
    async stop() {
      await capture.stop();
      return seen();
    },
  };
}

/** What a datagram at port 4500 is (RFC 3948 §2); an IKE message with the name of its exchange (RFC 7296 §3.1). */
export function datagramKind(payload: string): string {
  if (payload === 'ff') return 'keepalive';
  if (!payload.startsWith('00000000')) return 'ESP';
  const exchange = Number.parseInt(payload.slice(44, 46), 16);
  return exchange === 37 ? 'INFORMATIONAL' : `exchange ${exchange}`;
}
