// Sends captured UDP payloads again from another address:
//   node replay.mjs OWN-ADDRESS ADDRESS PORT TIMES HEX-PAYLOAD...
// Says `sent N`, and at SIGTERM `answered N`: datagrams that came back.
import { createSocket } from 'node:dgram';
import { setTimeout as pause } from 'node:timers/promises';

const [own, address, port, times, ...payloads] = process.argv.slice(2);
let answered = 0;
const socket = createSocket('udp4', () => {
  answered += 1;
});
socket.bind(4500, own, async () => {
  let sent = 0;
  for (let round = 0; round < Number(times); round += 1) {
    for (const payload of payloads) {
      socket.send(Buffer.from(payload, 'hex'), Number(port), address);
      sent += 1;
    }
    await pause(100);
  }
  console.log(`sent ${sent}`);
});
process.once('SIGTERM', () => {
  console.log(`answered ${answered}`);
  socket.close();
});
