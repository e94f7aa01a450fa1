// Prints one line of JSON for each change of the network, until its input ends.
import { createSystemClock } from '@ipsec-kit/clock/system';
import { formatAddress } from '@ipsec-kit/ip';
import { ipCommandSource, startNetworkMonitor } from '../../src/index.ts';

const monitor = startNetworkMonitor({
  clock: createSystemClock(),
  ...(process.argv[2] === 'ip' ? { source: ipCommandSource() } : {}),
  onChange: (snapshot) => {
    const addresses = snapshot.preferredAddresses.map(formatAddress);
    const line = { by: monitorName(), addresses, key: snapshot.networkKey ?? null };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  },
  onWarning: (sentence) => process.stderr.write(`${sentence}\n`),
});

function monitorName(): string {
  return monitor.sourceName;
}

process.stdin.on('end', () => monitor.stop()).resume();
