import type { Host } from './lab.ts';

/** Sequence numbers of ESP as they pass a device, by SPI. */
export interface SequenceWatch {
  /** Ends the watch. */
  stop(): Promise<ReadonlyMap<string, readonly number[]>>;
}

/** Starts to watch what `source` sends in ESP over port 4500, with tshark. */
export async function watchSequences(
  host: Host,
  device: string,
  source: string,
): Promise<SequenceWatch> {
  const file = `${host.dir}/sequences.pcap`;
  const filter = `udp port 4500 and src host ${source} and udp[8:4] != 0`;
  const capture = host.start('tshark', [
    '-n',
    '-q',
    '-i',
    device,
    '-s',
    '80',
    '-B',
    '16',
    '-f',
    filter,
    '-w',
    file,
  ]);
  await capture.waitFor(/Capturing on/i);
  return {
    async stop() {
      await capture.stop('SIGINT');
      const fields = ['-T', 'fields', '-e', 'esp.spi', '-e', 'esp.sequence'];
      const text = await host.run('tshark', '-n', '-r', file, '-Y', 'esp', ...fields);
      const bySpi = new Map<string, number[]>();
      for (const [, spi = '', sequence] of text.matchAll(/^(0x[0-9a-f]+)\s+(\d+)$/gm)) {
        bySpi.set(spi, [...(bySpi.get(spi) ?? []), Number(sequence)]);
      }
      return bySpi;
    },
  };
}

/** Numbers that are not above the one before them. */
export function notRising(numbers: readonly number[]): readonly number[] {
  return numbers.filter((number, i) => i > 0 && number <= (numbers[i - 1] ?? 0));
}
