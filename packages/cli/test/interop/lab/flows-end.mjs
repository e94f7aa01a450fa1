// One end of many flows of numbered packets, both ways over UDP, each from a port of its own to the same port of the peer:
//   node flows-end.mjs OWN-ADDRESS PEER-ADDRESS FIRST-PORT FLOWS PACKETS-PER-SECOND
// Says `ready`; SIGUSR2 begins the sending, SIGINT ends it (`sent`), SIGTERM lets arrive what is under way, prints `report {...}`
// and ends the program.
import { createSocket } from 'node:dgram';
import { afterQuiet } from './after-quiet.mjs';

const [address, peerAddress, ...numbers] = process.argv.slice(2);
const [firstPort, flowCount, perSecond] = numbers.map(Number);
const tickMs = 4;
/** What is late is sent later at most this much at once: a burst would measure the queues and not the tunnel. */
const mostTicksAtOnce = 5;
const mostAtOnce = Math.ceil((mostTicksAtOnce * perSecond * tickMs) / 1000);

const counts = { received: 0, duplicates: 0, reordered: 0, refused: 0, sent: 0 };
let longestStallMs = 0;
/** How long this program has been sending, without what a late tick cannot make up for. */
let runningMs = 0;
const flows = [];

async function open(port) {
  const flow = { port, sent: 0, highest: -1, seen: new Set(), socket: createSocket('udp4') };
  flow.socket.on('message', (packet) => {
    const number = packet.readUInt32BE(0);
    if (flow.seen.has(number)) {
      counts.duplicates += 1;
      return;
    }
    flow.seen.add(number);
    counts.received += 1;
    if (number < flow.highest) counts.reordered += 1;
    else flow.highest = number;
  });
  await new Promise((resolve) => flow.socket.bind(port, address, resolve));
  flow.socket.setRecvBufferSize(4 << 20);
  flows.push(flow);
}

function send(flow) {
  const packet = Buffer.alloc(200);
  packet.writeUInt32BE(flow.sent);
  flow.sent += 1;
  counts.sent += 1;
  flow.socket.send(packet, flow.port, peerAddress, (error) => {
    if (error) counts.refused += 1;
  });
}

function sendUntilTold() {
  let owed = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const at = performance.now();
    longestStallMs = Math.max(longestStallMs, at - last - tickMs);
    owed = Math.min(owed + ((at - last) * perSecond) / 1000, mostAtOnce);
    runningMs += Math.min(at - last, mostTicksAtOnce * tickMs);
    last = at;
    for (; owed >= 1; owed -= 1) send(flows[counts.sent % flows.length]);
  }, tickMs);
  process.once('SIGINT', () => {
    clearInterval(timer);
    console.log(`sent ${counts.sent}`);
  });
}

for (let i = 0; i < flowCount; i += 1) await open(firstPort + i);
process.once('SIGUSR2', sendUntilTold);
process.once('SIGTERM', async () => {
  await afterQuiet(() => counts.received + counts.duplicates);
  console.log(`report ${JSON.stringify({ ...counts, longestStallMs, runningMs })}`);
  process.exit(0);
});
console.log('ready');
