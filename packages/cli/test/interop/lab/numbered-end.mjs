// One end of a stream of numbered packets, both ways over UDP:
//   node numbered-end.mjs OWN-ADDRESS OWN-PORT PEER-ADDRESS PEER-PORT PACKETS-PER-SECOND
// Says `ready`; SIGUSR2 begins the sending, SIGINT ends it (`sent`), SIGTERM lets arrive what is under way, prints `report {...}`
// and ends the program.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { afterQuiet } from './after-quiet.mjs';

const [address, port, peerAddress, peerPort, perSecond] = process.argv.slice(2);
const tickMs = 4;
const perTick = (Number(perSecond) * tickMs) / 1000;
/** What is late is sent later at most this much at once: a burst would measure the queues and not the tunnel. */
const mostTicksAtOnce = 5;
const mostAtOnce = Math.ceil(mostTicksAtOnce * perTick);
const most = 1 << 20;
/** A tick that comes later than this was a machine without a processor for this program: no more is sent for it, so no more of it
 * counts as time in which this program sent.
 */
const longestTickMs = mostTicksAtOnce * tickMs;

const arrivedAt = new Float64Array(most);
const counts = { received: 0, duplicates: 0, reordered: 0, foreign: 0, refused: 0 };
let highest = -1;
let sent = 0;
let longestStallMs = 0;
let firstAt = 0;
/** How long this program has been sending, without the time that the machine kept it waiting. */
let runningMs = 0;
/** The sender's own time in the packet of the highest number, and the most of it that went by between two such packets. */
let latestRunningMs = 0;
let longestOutageMs = 0;

const now = () => performance.timeOrigin + performance.now();
const socket = createSocket({
  type: address.includes(':') ? 'udp6' : 'udp4',
  lookup: (name, _options, done) => done(null, name, name.includes(':') ? 6 : 4),
});

socket.on('message', (packet) => {
  const number = packet.length === 64 ? packet.readUInt32BE(0) : most;
  if (number >= most) {
    counts.foreign += 1;
    return;
  }
  const at = now();
  if (arrivedAt[number] > 0) {
    counts.duplicates += 1;
    return;
  }
  arrivedAt[number] = at;
  counts.received += 1;
  firstAt ||= at;
  if (number < highest) counts.reordered += 1;
  else {
    highest = number;
    const peerRunningMs = packet.readDoubleBE(4);
    longestOutageMs = Math.max(longestOutageMs, peerRunningMs - latestRunningMs);
    latestRunningMs = peerRunningMs;
  }
});

/** Runs of numbers that never came, each with the time of the packet before it. */
function missingRuns() {
  const runs = [];
  for (let number = 0; number <= highest; number += 1) {
    if (arrivedAt[number] > 0) continue;
    const first = number;
    while (number < highest && arrivedAt[number + 1] === 0) number += 1;
    runs.push({ first, last: number, afterMs: first > 0 ? arrivedAt[first - 1] : 0 });
  }
  return runs;
}

/** Packets that the kernel dropped because this socket's buffer was full: the last column of its line. */
function kernelDrops() {
  const own = `:${Number(port).toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync(address.includes(':') ? '/proc/net/udp6' : '/proc/net/udp', 'utf8');
  const line = lines.split('\n').find((text) => text.trim().split(/\s+/)[1]?.endsWith(own));
  return Number(line?.trim().split(/\s+/).at(-1) ?? 0);
}

function send() {
  const packet = Buffer.alloc(64);
  packet.writeUInt32BE(sent);
  packet.writeDoubleBE(runningMs, 4);
  sent += 1;
  socket.send(packet, 0, packet.length, Number(peerPort), peerAddress, (error) => {
    if (error) counts.refused += 1;
  });
}

socket.bind(Number(port), address, () => {
  socket.setRecvBufferSize(8 << 20);
  socket.setSendBufferSize(8 << 20);
  process.once('SIGUSR2', sendUntilTold);
  console.log('ready');
});

function sendUntilTold() {
  let owed = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const at = performance.now();
    longestStallMs = Math.max(longestStallMs, at - last - tickMs);
    owed = Math.min(owed + ((at - last) * Number(perSecond)) / 1000, mostAtOnce);
    runningMs += Math.min(at - last, longestTickMs);
    last = at;
    for (; owed >= 1 && sent < most; owed -= 1) send();
  }, tickMs);
  process.once('SIGINT', () => {
    clearInterval(timer);
    console.log(`sent ${sent}`);
  });
}

process.once('SIGTERM', async () => {
  await afterQuiet(() => counts.received + counts.duplicates);
  const report = {
    ...counts,
    sent,
    longestStallMs,
    highest,
    missing: missingRuns(),
    firstAt,
    runningMs,
    latestRunningMs,
    longestOutageMs,
  };
  console.log(`report ${JSON.stringify({ ...report, kernelDrops: kernelDrops() })}`);
  socket.close();
});
