// One end of a TCP transfer: node transfer-end.mjs listen|connect ADDRESS up|down MEGABYTES PORT MEGABYTES-PER-SECOND (port 0 when listening, rate 0 for as fast as it goes)
import { createCipheriv, createHash } from 'node:crypto';
import net from 'node:net';

const [role, address, direction, megabytes, port, perSecond] = process.argv.slice(2);
const sends = (role === 'connect') === (direction === 'up');
const bytesPerMs = Number(perSecond) * 1000;
const total = Number(megabytes) * 1_000_000;

async function send(socket) {
  const hash = createHash('sha256');
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16, 2));
  const began = performance.now();
  for (let sent = 0; sent < total; ) {
    const earlyMs = bytesPerMs > 0 ? sent / bytesPerMs - (performance.now() - began) : 0;
    if (earlyMs > 0) await new Promise((resolve) => setTimeout(resolve, earlyMs));
    const chunk = noise.update(Buffer.alloc(Math.min(65_536, total - sent)));
    hash.update(chunk);
    sent += chunk.length;
    if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  socket.end();
  console.log(`sha256 ${hash.digest('hex')}`);
}

async function receive(socket) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of socket) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  if (bytes !== total) throw new Error(`received ${bytes} of ${total} bytes`);
  console.log(`sha256 ${hash.digest('hex')}`);
}

const use = sends ? send : receive;
if (role === 'listen') {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    server.close();
    use(socket).then(() => socket.end());
  });
  server.listen(0, address, () => console.log(`port ${server.address().port}`));
} else {
  const socket = net.connect({ port: Number(port), host: address, allowHalfOpen: true }, () => {
    use(socket).then(() => socket.end());
  });
}
