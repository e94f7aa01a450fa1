import type { Host } from './lab.ts';

/** Payloads of UDP datagrams that pass a device, in hexadecimal, as they come. */
export interface WatchedDatagrams {
  /** Resolves with the first `count` of them. */
  first(count: number, timeoutMs?: number): Promise<string[]>;
  stop(): Promise<void>;
}

/** Starts to watch the datagrams at `device` that `filter` (of libpcap) lets pass. */
export async function watchDatagrams(
  host: Host,
  device: string,
  filter: string,
): Promise<WatchedDatagrams> {
  const fields = ['-T', 'fields', '-e', 'udp.payload'];
  const capture = host.start('tshark', ['-l', '-n', '-i', device, '-f', filter, ...fields]);
  await capture.waitFor(/Capturing on/i);
  return {
    async first(count, timeoutMs = 10_000) {
      await capture.waitForCount(/^[0-9a-f]+$/gm, count, timeoutMs);
      return (capture.output.match(/^[0-9a-f]+$/gm) ?? []).slice(0, count);
    },
    async stop() {
      await capture.stop();
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
